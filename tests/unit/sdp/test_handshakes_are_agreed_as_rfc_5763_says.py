"""a=fingerprint and a=setup: who begins the handshake, with whom, and that what was made still stands."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sdp.crypto import CryptoLine
from softswitch.sdp.description import SessionDescription
from softswitch.sdp.fingerprint import HASHES, MAX_FINGERPRINTS, Fingerprint
from softswitch.sdp.negotiate import Capabilities, MediaRefused, Negotiation
from softswitch.sdp.protection import Dtls, Encryption, OwnKeys, Sdes

Build = Callable[..., str]
OURS = Fingerprint("sha-256", bytes(32))
THEIRS, OTHER = Fingerprint("sha-256", bytes(range(32))), Fingerprint("sha-256", b"x" * 32)
CM = "AES_CM_128_HMAC_SHA1_80"
LINE = f"a=crypto:{CryptoLine(1, CM, b'T' * 30).text()}"


def us(policy: Any = "accept", keys: Any = "sdes", hidden: Any = None, **wishes: Any) -> Negotiation:
    can = Capabilities(encryption=Encryption(policy, keys, **wishes))
    own = OwnKeys(lambda count: b"O" * count, lambda: OURS)
    return Negotiation(can, "192.0.2.1", 20_000, session_id=7, own=own, hidden=hidden)


def dtls(setup: str, *, fingerprint: Fingerprint = THEIRS, profile: str = "UDP/TLS/RTP/SAVP", port: int = 4000) -> str:
    lines = f"m=audio {port} {profile} 0|a=fingerprint:{fingerprint}"
    return f"{lines}|a=setup:{setup}" if setup else lines


def said(description: str) -> dict[str, str | None]:
    return dict(SessionDescription.parse(description).media[0].attributes)


@pytest.mark.parametrize(
    ("value", "hash", "first"),
    [
        ("sha-256 " + ":".join(["0A"] * 32), "sha-256", 10),
        ("SHA-256 " + ":".join(["0a"] * 32), "sha-256", 10),
        ("sha-1 " + ":".join(["FF"] * 20), "sha-1", 255),
        ("sha-384   " + ":".join(["00"] * 48) + " ", "sha-384", 0),
        ("sha-512 " + ":".join(["01"] * 64), "sha-512", 1),
    ],
)
def test_fingerprints_are_read(value: str, hash: str, first: int) -> None:
    assert Fingerprint.parse(value) == Fingerprint(hash, bytes([first]) * HASHES[hash])


@pytest.mark.parametrize(
    "value",
    [
        "", "sha-256", "md5 " + ":".join(["00"] * 16), "sha-256 " + ":".join(["00"] * 31), "sha-256 " + "00" * 32,
        "sha-256 " + ":".join(["0G"] * 32), "sha-256 " + ":".join(["00"] * 33), "sha-256 " + ":" * 95,
        "sha-256 " + ":".join(["0\u0661"] * 32),
    ],
)  # fmt: skip
def test_what_is_no_fingerprint(value: str) -> None:
    with pytest.raises(RemoteError):
        Fingerprint.parse(value)


@settings(deadline=None)
@given(st.text(max_size=120) | st.builds("{} {}".format, st.sampled_from(list(HASHES)), st.text("0aF:", max_size=100)))
def test_any_text_is_a_fingerprint_or_an_error(text: str) -> None:
    try:
        read = Fingerprint.parse(text)
    except RemoteError:
        return
    assert Fingerprint.parse(str(read)) == read


@pytest.mark.parametrize("profile", ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "RTP/SAVP", "RTP/SAVPF", "RTP/AVP"])
@pytest.mark.parametrize(
    ("setup", "active"),
    [("actpass", True), ("passive", True), ("active", False), ("holdconn", True), ("", False), ("nonsense", False)],
)
def test_an_offer_says_who_begins(describe: Build, profile: str, setup: str, active: bool) -> None:
    agreement, answer = us().answer(describe(dtls(setup, profile=profile) + "|a=rtcp-mux"))
    assert isinstance(agreement.protection, Dtls)
    assert (agreement.protection.fingerprints, agreement.protection.active) == ((THEIRS,), active)
    assert said(answer)["fingerprint"] == str(OURS) and said(answer)["setup"] == ("active" if active else "passive")
    assert "rtcp-mux" in said(answer) and f" {profile} 0" in answer


def test_who_is_behind_a_nat_has_to_begin(describe: Build) -> None:
    def hidden(host: str) -> bool:
        return host == "192.0.2.7"

    agreement, answer = us(hidden=hidden).answer(describe(dtls("actpass")))
    assert isinstance(agreement.protection, Dtls)
    assert not agreement.protection.active and said(answer)["setup"] == "passive"
    agreement, _ = us(hidden=hidden).answer(describe(dtls("passive")))
    assert isinstance(agreement.protection, Dtls) and agreement.protection.active, "it wants us to begin"


def test_what_the_session_says_holds_for_a_medium_that_says_nothing(describe: Build) -> None:
    session = f"c=IN IP4 192.0.2.7\r\na=fingerprint:{OTHER}\r\na=setup:passive\r\n"
    plain = "m=audio 4000 UDP/TLS/RTP/SAVP 0"
    agreement, _ = us().answer(describe(plain, session=session))
    assert isinstance(agreement.protection, Dtls)
    assert (agreement.protection.fingerprints, agreement.protection.active) == ((OTHER,), True)
    agreement, _ = us().answer(describe(dtls("active"), session=session))
    assert isinstance(agreement.protection, Dtls)
    assert (agreement.protection.fingerprints, agreement.protection.active) == ((THEIRS,), False)


def test_a_flood_of_fingerprints_is_not_read_to_its_end(describe: Build) -> None:
    many = "|".join(f"a=fingerprint:{Fingerprint('sha-256', bytes([number]) * 32)}" for number in range(200))
    agreement, _ = us().answer(describe(f"m=audio 4000 UDP/TLS/RTP/SAVP 0|{many}"))
    assert isinstance(agreement.protection, Dtls) and len(agreement.protection.fingerprints) == MAX_FINGERPRINTS


@pytest.mark.parametrize(
    ("policy", "medium", "kind"),
    [
        ("none", dtls("actpass"), "sdp_transport"),
        ("accept", "m=audio 4000 UDP/TLS/RTP/SAVP 0", "sdp_crypto"),
        ("accept", f"m=audio 4000 UDP/TLS/RTP/SAVP 0|{LINE}", "sdp_crypto"),
        ("require", "m=audio 4000 UDP/TLS/RTP/SAVP 0|a=fingerprint:md5 00|a=setup:active", "sdp_crypto"),
    ],
)
def test_an_offer_without_a_usable_fingerprint_is_refused(describe: Build, policy: str, medium: str, kind: str) -> None:
    with pytest.raises(MediaRefused) as refused:
        us(policy).answer(describe(medium))
    assert refused.value.kind == kind


def test_without_a_certificate_of_ours_there_is_no_handshake(describe: Build) -> None:
    bare = Negotiation(
        Capabilities(encryption=Encryption("accept")),
        "192.0.2.1",
        4,
        session_id=7,
        own=OwnKeys(lambda count: b"O" * count),
    )
    with pytest.raises(MediaRefused):
        bare.answer(describe(dtls("actpass")))


@pytest.mark.parametrize(("keys", "chosen"), [("sdes", Sdes), ("both", Sdes), ("dtls", Dtls)])
def test_where_an_offer_has_both_ways_ours_is_taken(describe: Build, keys: str, chosen: type) -> None:
    agreement, answer = us("accept", keys).answer(describe(f"{dtls('actpass', profile='RTP/SAVP')}|{LINE}"))
    assert isinstance(agreement.protection, chosen)
    assert ("crypto" in said(answer)) == (chosen is Sdes) and ("fingerprint" in said(answer)) == (chosen is Dtls)


@pytest.mark.parametrize(
    ("policy", "keys", "profile", "crypto"),
    [
        ("require", "dtls", "UDP/TLS/RTP/SAVP", 0), ("require", "both", "RTP/SAVP", 2),
        ("require", "sdes", "RTP/SAVP", 2), ("offer", "dtls", "RTP/AVP", 0),
        ("offer", "both", "RTP/AVP", 2), ("accept", "dtls", "RTP/AVP", 0),
    ],
)  # fmt: skip
def test_what_we_offer(policy: str, keys: str, profile: str, crypto: int) -> None:
    offer = us(policy, keys).offer()
    assert f" {profile} 0 8" in offer and offer.count("a=crypto:") == crypto
    handshake = policy != "accept" and keys != "sdes"
    assert ("a=setup:actpass\r\n" in offer, f"a=fingerprint:{OURS}\r\n" in offer) == (handshake, handshake)


@pytest.mark.parametrize(
    ("policy", "keys", "answer", "verdict"),
    [
        ("require", "dtls", dtls("active"), False), ("require", "dtls", dtls("passive"), True),
        ("require", "dtls", dtls(""), True), ("require", "dtls", dtls("actpass"), False),
        ("offer", "dtls", "m=audio 4000 RTP/AVP 0", None), ("require", "dtls", "m=audio 4000 RTP/AVP 0", "sdp_plain"),
        ("require", "dtls", "m=audio 4000 UDP/TLS/RTP/SAVP 0", "sdp_crypto"),
        ("require", "both", dtls("passive", profile="RTP/SAVP"), True),
        ("require", "both", f"{dtls('passive', profile='RTP/SAVP')}|{LINE}", Sdes),
        ("require", "sdes", dtls("passive", profile="RTP/SAVP"), "sdp_crypto"),
        ("offer", "sdes", dtls("passive", profile="RTP/AVP"), None),
    ],
)  # fmt: skip
def test_an_answer_says_who_begins(describe: Build, policy: str, keys: str, answer: str, verdict: Any) -> None:
    negotiation = us(policy, keys)
    negotiation.offer()
    if isinstance(verdict, str):
        with pytest.raises(MediaRefused) as refused:
            negotiation.accept(describe(answer))
        assert refused.value.kind == verdict
        return
    agreed = negotiation.accept(describe(answer)).protection
    if isinstance(verdict, bool):
        assert isinstance(agreed, Dtls) and (agreed.active, agreed.fingerprints) == (verdict, (THEIRS,))
    else:
        assert agreed is None if verdict is None else isinstance(agreed, verdict)


def test_a_handshake_that_was_made_still_stands_at_the_next_offer(describe: Build) -> None:
    negotiation = us()
    first, _ = negotiation.answer(describe(dtls("active")))
    again, _ = negotiation.answer(describe(dtls("actpass") + "|a=sendonly"))
    assert again.protection == first.protection, "we stay the one who waits"
    moved, _ = negotiation.answer(describe(dtls("actpass", port=5000)))
    assert moved.protection == first.protection
    other, answer = negotiation.answer(describe(dtls("actpass", fingerprint=OTHER)))
    assert isinstance(other.protection, Dtls) and other.protection.active and said(answer)["setup"] == "active"


def test_our_next_offers_keep_the_profile_and_the_peer_its_role(describe: Build) -> None:
    negotiation = us()
    first, _ = negotiation.answer(describe(dtls("actpass")))
    hold = negotiation.offer("sendonly")
    assert " UDP/TLS/RTP/SAVP " in hold and "a=setup:active" in hold and f"a=fingerprint:{OURS}" in hold
    assert negotiation.accept(describe(dtls("passive") + "|a=recvonly")).protection == first.protection
    negotiation.answer(describe(dtls("actpass")))
    assert negotiation.repeat() == negotiation.repeat() and "a=setup:active" in negotiation.repeat()
    assert negotiation.accept(describe(dtls("passive"))).protection == first.protection
    assert negotiation.accept(describe(dtls(""))).protection == first.protection


def test_who_waited_waits_in_its_next_offers(describe: Build) -> None:
    negotiation = us("require", "dtls")
    assert "a=setup:actpass" in negotiation.offer()
    first = negotiation.accept(describe(dtls("active")))
    assert "a=setup:passive" in negotiation.offer("sendonly")
    assert negotiation.accept(describe(dtls("active") + "|a=recvonly")).protection == first.protection


def test_a_refresh_after_we_waited_says_so_again(describe: Build) -> None:
    negotiation = us()
    first, answer = negotiation.answer(describe(dtls("active")))
    assert negotiation.repeat() == answer
    assert negotiation.accept(describe(dtls("active"))).protection == first.protection
    assert negotiation.accept(describe(dtls(""))).protection == first.protection
