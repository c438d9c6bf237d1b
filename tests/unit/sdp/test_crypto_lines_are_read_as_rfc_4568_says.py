"""a=crypto lines: what can be read and used, what is passed over, and that no key gets anywhere but into the line."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sdp.crypto import MAX_LINES, SUITES, CryptoLine, readable
from softswitch.sdp.negotiate import Capabilities, Negotiation
from softswitch.sdp.protection import Encryption, OwnKeys

#: The one of RFC 4568 section 9.1, of 16 + 14 octets.
KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
SECRET = base64.b64decode(KEY)
CM = "AES_CM_128_HMAC_SHA1_80"


@pytest.mark.parametrize(
    ("value", "tag", "suite", "mki"),
    [
        (f"1 {CM} inline:{KEY}", 1, CM, b""),
        (f"1 {CM} inline:{KEY}|2^20|1:4", 1, CM, b"\0\0\0\1"),
        (f"1 {CM} inline:{KEY}|2^31|1:1", 1, CM, b"\1"),
        (f"1 {CM} inline:{KEY}|1:4", 1, CM, b"\0\0\0\1"),
        (f"7 {CM} inline:{KEY}|1048576", 7, CM, b""),
        (f"007 {CM} inline:{KEY}|2^48", 7, CM, b""),
        (f"999999999 {CM} inline:{KEY}", 999999999, CM, b""),
        (f"1 aes_cm_128_hmac_sha1_32 INLINE:{KEY}", 1, "AES_CM_128_HMAC_SHA1_32", b""),
        (f"1  {CM}\tinline:{KEY} WSH=128", 1, CM, b""),
        (f"1 {CM} inline:{KEY} -NOVELTY=3 WSH=64", 1, CM, b""),
        (f"1 {CM} inline:{KEY}|2^20|5:20", 1, CM, bytes(19) + b"\5"),
    ],
)
def test_what_is_taken(value: str, tag: int, suite: str, mki: bytes) -> None:
    assert CryptoLine.parse(value) == CryptoLine(tag, suite, SECRET, mki)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("padded", [True, False])
def test_every_suite_has_a_key_of_its_own_length(suite: str, padded: bool) -> None:
    for length in range(24, 50):
        key = base64.b64encode(bytes(range(length))).decode()
        value = f"1 {suite} inline:{key if padded else key.rstrip('=')}"
        if length == SUITES[suite].secret_bytes:
            assert CryptoLine.parse(value).secret == bytes(range(length))
        else:
            assert not list(readable([value]))


@pytest.mark.parametrize(
    "value",
    [
        "", "1", f"1 {CM}", f"x {CM} inline:{KEY}", f"-1 {CM} inline:{KEY}", f"1000000000 {CM} inline:{KEY}",
        f"\u0661 {CM} inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}", f"1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}",
        f"1 {CM} {KEY}", f"1 {CM} outline:{KEY}", f"1 {CM} inline:", f"1 {CM} inline:{KEY[:-4]}",
        f"1 {CM} inline:{KEY}AAAA", f"1 {CM} inline:{KEY[:-1]}!", f"1 {CM} inline:{KEY[:-1]}\u00e9",
        f"1 {CM} inline:{KEY};inline:{KEY}", f"1 {CM} inline:{KEY}|2^20|1:4;inline:{KEY}|2^20|2:4",
        f"1 {CM} inline:{KEY}|0", f"1 {CM} inline:{KEY}|", f"1 {CM} inline:{KEY}|2^49", f"1 {CM} inline:{KEY}|3^20",
        f"1 {CM} inline:{KEY}|2^20|1", f"1 {CM} inline:{KEY}|2^20|1:", f"1 {CM} inline:{KEY}|2^20|1:0",
        f"1 {CM} inline:{KEY}|2^20|1:129", f"1 {CM} inline:{KEY}|2^20|256:1", f"1 {CM} inline:{KEY}|1:4|2^20",
        f"1 {CM} inline:{KEY}|2^20|1:4|x", f"1 {CM} inline:{KEY}|2^20|:4",
        f"1 {CM} inline:{KEY} UNENCRYPTED_SRTP", f"1 {CM} inline:{KEY} UNENCRYPTED_SRTCP",
        f"1 {CM} inline:{KEY} UNAUTHENTICATED_SRTP", f"1 {CM} inline:{KEY} KDR=1", f"1 {CM} inline:{KEY} KDR=0",
        f"1 {CM} inline:{KEY} FEC_ORDER=FEC_SRTP", f"1 {CM} inline:{KEY} FEC_KEY=inline:{KEY}",
        f"1 {CM} inline:{KEY} NOVELTY", f"1 {CM} inline:{KEY} WSH=x", f"1 {CM} inline:{KEY} WSH=",
        f"1 {CM} inline:{KEY}" + " -X" * 400,
    ],
)  # fmt: skip
def test_what_is_passed_over(value: str) -> None:
    with pytest.raises(RemoteError) as refused:
        CryptoLine.parse(value)
    assert (refused.value.kind, refused.value.status) == ("sdp_crypto", 488)
    assert KEY[:12] not in str(refused.value), "an error goes into logs"
    good = f"2 {CM} inline:{KEY}"
    assert [line.tag for line in readable([value, good])] == [2]


def test_a_flood_of_lines_is_not_read_to_its_end() -> None:
    values = [f"{tag} {CM} inline:{KEY}" for tag in range(1, 10_000)]
    assert len(list(readable(values))) == MAX_LINES
    assert not list(readable(["?"] * MAX_LINES + values))


@settings(deadline=None)
@given(st.integers(0, 999_999_999), st.sampled_from(sorted(SUITES)), st.binary(min_size=44, max_size=44))
def test_a_line_is_read_as_it_was_written(tag: int, suite: str, octets: bytes) -> None:
    line = CryptoLine(tag, suite, octets[: SUITES[suite].secret_bytes])
    assert CryptoLine.parse(line.text()) == line


@settings(deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(
    ["1", " ", CM, "AEAD_AES_256_GCM", "inline:", KEY, "|", "2^20", "1:4", "=", ";", "-", "WSH=64", "^", ":", "\0"]
), max_size=14).map("".join))  # fmt: skip
def test_any_text_is_a_line_or_an_error(text: str) -> None:
    try:
        line = CryptoLine.parse(text)
    except RemoteError:
        return
    assert len(line.secret) == SUITES[line.suite].secret_bytes


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=60), max_size=6)
)
def test_any_lines_in_an_offer_are_answered_or_refused(values: list[str]) -> None:
    text = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n"
    text += "".join(f"a=crypto:{value}\r\n" for value in values)
    for policy in ("none", "accept", "require"):
        us = Negotiation(Capabilities(encryption=Encryption(policy)), "192.0.2.1", 4, session_id=7, own=OwnKeys(bytes))
        with pytest.raises(RemoteError):
            us.answer(text)


def test_no_key_is_ever_printed() -> None:
    line = CryptoLine(1, CM, SECRET)
    own = OwnKeys(lambda count: SECRET.ljust(count))
    us = Negotiation(Capabilities(encryption=Encryption("offer")), "192.0.2.1", 4, session_id=7, own=own)
    agreement, _ = us.answer(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n"
        f"a=crypto:{line.text()}\r\n"
    )
    for shown in (repr(line), str(line), repr(agreement), repr(agreement.protection), repr(own)):
        assert KEY not in shown and repr(SECRET)[2:-1] not in shown and SECRET.hex() not in shown
