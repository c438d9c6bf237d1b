"""Credentials, keys of SRTP, pressed keys and foreign bodies are covered, octet for octet, in messages of any kind."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.masking import mask

SECRET = "5ec12e7a"


def shown(text: str, *, private: bool = False) -> str:
    data = text.replace("\n", "\r\n").encode()
    masked = mask(data, private=private)
    assert len(masked) == len(data)
    return masked.decode()


@pytest.mark.parametrize(
    "line",
    [
        f'Authorization: Digest username="bob", realm="r", response="{SECRET}", nonce="n"',
        f"Authorization: Digest response={SECRET}",
        f'authorization: DIGEST response = "{SECRET}",username="bob"',
        f'PROXY-AUTHORIZATION :Digest username="bob",\n response="{SECRET}"',
        f'Proxy-Authorization: Digest username="bob, response="{SECRET}"',
        f'Proxy-Authorization: Digest username="bob" response="{SECRET}" and {SECRET}',
        f'Authorization: response="{SECRET}", username="bob"',
        f'Authorization: Digest username="bob", response="{SECRET}',
        f"Authorization: Basic {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"Authorization: {SECRET}",
        f"Authorization:{SECRET}=",
        f'Authorization: Digest username="bob", password="{SECRET}"',
        f'Authentication-Info: rspauth="{SECRET}", cnonce="c"',
        f"Contact: <sip:bob:{SECRET}@192.0.2.1>",
        f"To: sips:bob:{SECRET}@192.0.2.1",
        f"Refer-To: <sip:a@b?Replaces=x&Authorization=Digest%20response%3D{SECRET}>",
    ],
)
def test_credentials_are_covered_wherever_they_stand(line: str) -> None:
    text = shown(f"INVITE sip:600@192.0.2.1 SIP/2.0\nCall-ID: a@b\n{line}\nCSeq: 1 INVITE\n\n")
    assert SECRET not in text and "****" in text
    assert "Call-ID: a@b\r\n" in text and "CSeq: 1 INVITE\r\n" in text


def test_what_anybody_may_know_of_a_digest_stays() -> None:
    line = (
        'Authorization: Digest username="bob", realm="example.com", nonce="n1", uri="sip:h", algorithm=SHA-256, '
        'cnonce="c1", opaque="o", qop=auth, nc=00000001'
    )
    text = f"REGISTER sip:h SIP/2.0\n{line}\n\n"
    assert shown(text) == text.replace("\n", "\r\n")


def test_challenges_and_identity_stay() -> None:
    text = 'SIP/2.0 401 Unauthorized\nWWW-Authenticate: Digest realm="r", nonce="abc"\nIdentity: eyJ.x.y;info=<u>\n\n'
    assert shown(text) == text.replace("\n", "\r\n")


def test_a_password_in_the_request_uri_is_covered() -> None:
    assert shown(f"INVITE sip:bob:{SECRET}@h SIP/2.0\n\n").startswith(f"INVITE sip:bob:{'*' * len(SECRET)}@h SIP/2.0")
    plain = "INVITE sip:+49301234@192.0.2.1:5060;transport=udp SIP/2.0\n\n"
    assert shown(plain) == plain.replace("\n", "\r\n")


SDP = f"""v=0
o=- 1 1 IN IP4 192.0.2.1
c=IN IP4 192.0.2.1
a=ice-pwd:{SECRET}
m=audio 4000 RTP/SAVP 0
k=base64:{SECRET}
a=rtpmap:0 PCMU/8000
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}|2^20|1:4
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{SECRET};inline:{SECRET}
a=key-mgmt:mikey {SECRET}
a=fingerprint:sha-256 AA:BB
"""


def test_keys_of_srtp_are_covered_and_the_rest_of_a_description_stays() -> None:
    text = shown(f"INVITE sip:h SIP/2.0\nContent-Type: application/sdp\n\n{SDP}")
    assert SECRET not in text
    for line in SDP.splitlines():
        if SECRET not in line:
            assert f"{line}\r\n" in text
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:*" in text


@pytest.mark.parametrize(
    ("kind", "body", "covered"),
    [
        ("application/dtmf-relay", "Signal=5\nDuration=160\n", "Signal=*\nDuration=160\n"),
        ("application/dtmf-relay", "signal = 11\n", "signal = **\n"),
        ("application/dtmf", "5", "*"),
        ("application/vnd.nortelnetworks.digits", "d=5", "***"),
        ("text/plain", "my pin is 4", "** *** ** *"),
        ("", "hello", "*****"),
    ],
)
def test_keys_and_foreign_bodies_are_covered_unless_private(kind: str, body: str, covered: str) -> None:
    head = f"INFO sip:h SIP/2.0\nContent-Type: {kind}\n\n" if kind else "INFO sip:h SIP/2.0\n\n"
    assert shown(head + body) == (head + covered).replace("\n", "\r\n")
    assert shown(head + body, private=True) == (head + body).replace("\n", "\r\n")


def test_fragments_are_read_as_messages_even_when_private() -> None:
    text = f'NOTIFY sip:h SIP/2.0\nc: message/sipfrag\n\nSIP/2.0 200 OK\nAuthorization: Digest response="{SECRET}"\n\n'
    for private in (False, True):
        assert SECRET not in shown(text, private=private) and "SIP/2.0 200 OK" in shown(text, private=private)


def test_parts_of_a_body_are_each_what_they_are() -> None:
    text = shown(
        f'INVITE sip:h SIP/2.0\nContent-Type: multipart/mixed; boundary="b 1"\n\npreamble {SECRET}\n'
        f"--b 1\nContent-Type: application/sdp\n\n{SDP}"
        f"--b 1\nContent-Type: text/plain\n\n{SECRET}\n"
        f"--b 1--\n{SECRET}"
    )
    assert SECRET not in text and "m=audio 4000 RTP/SAVP 0\r\n" in text


def test_keys_of_srtp_and_credentials_stay_covered_when_private() -> None:
    for kind in ("application/sdp", "multipart/mixed", "text/plain", "application/x"):
        assert SECRET not in shown(f"INVITE sip:h SIP/2.0\nContent-Type: {kind}\n\n{SDP}", private=True)
    assert SECRET not in shown(f"INVITE sip:h SIP/2.0\nAuthorization: Basic {SECRET}\n\n", private=True)


@given(
    st.lists(
        st.sampled_from(
            [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"Authorization", b"Digest ", b'response="', b'"', b",", b"=",
             b"Content-Type: multipart/x;boundary=a", b"--a", b"--a--", b"sip:a:b@c", b"a=crypto:1 inline:", b"\\",
             b"v=0", b"Content-Type: message/sipfrag\r\n\r\n", b"\xff\x00"]
        ),
        max_size=60,
    ).map(b"".join)
)  # fmt: skip
def test_any_bytes_are_masked_to_as_many(data: bytes) -> None:
    for private in (False, True):
        masked = mask(data, private=private)
        assert len(masked) == len(data)
        assert [place.start() for place in re.finditer(rb"[\r\n]", masked)] == [
            place.start() for place in re.finditer(rb"[\r\n]", data)
        ]


def test_several_uris_in_one_line_lose_their_passwords() -> None:
    line = f'Contact: sip:a:{SECRET}@h,SIPS:b:{SECRET}:{SECRET}@h;x=sip:c@h, <sip:d@h:5060> "sip:e:f"'
    text = shown(f"INVITE sip:h SIP/2.0\n{line}\n\n")
    assert SECRET not in text and 'sip:c@h, <sip:d@h:5060> "sip:e:f"' in text


def test_no_words_without_a_value_take_long() -> None:
    """Each octet of a long word began another search for its end: 12 s for a message of 64 KiB."""
    began = time.process_time()
    for word in ("algo", "a ", 'a="\\'):
        shown(f"REGISTER sip:h SIP/2.0\nAuthorization: Digest {word * (64_000 // len(word))}\n\n")
    assert time.process_time() - began < 2.0
