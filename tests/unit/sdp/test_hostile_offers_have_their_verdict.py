"""Offers broken as the field breaks them, each with its verdict.

Accepted; 400 for what is no description (RFC 8866 section 5); 488 for nothing that we can use (RFC 3264 section 6).
"""

import pytest

from softswitch.errors import RemoteError
from softswitch.sdp.negotiate import Capabilities, Negotiation

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 0\r\n"

ACCEPTED = {
    "no s= line": (HEAD.replace("s=-\r\n", "") + AUDIO, "PCMU", 0, 20),
    "no t= line": (HEAD.replace("t=0 0\r\n", "") + AUDIO, "PCMU", 0, 20),
    "an empty s= line": (HEAD.replace("s=-", "s=") + AUDIO, "PCMU", 0, 20),
    "a name that is no ASCII": (HEAD.replace("s=-", "s=\u7535\u8bdd \u260e") + AUDIO, "PCMU", 0, 20),
    "an attribute that is no ASCII": (HEAD + AUDIO + "a=label:\u7535\u8bdd\r\n", "PCMU", 0, 20),
    "an o= line with a name": (HEAD.replace("192.0.2.7\r\ns", "pbx.example\r\ns") + AUDIO, "PCMU", 0, 20),
    "an enormous session id": (HEAD.replace("- 1 1 ", f"- {'9' * 60} {'8' * 60} ") + AUDIO, "PCMU", 0, 20),
    "PCMU under a number of its own": (HEAD + "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMU/8000\r\n", "PCMU", 97, 20),
    "0 means PCMA": (HEAD + AUDIO + "a=rtpmap:0 PCMA/8000\r\n", "PCMA", 0, 20),
    "the same number twice": (HEAD + "m=audio 4000 RTP/AVP 0 0 0\r\n", "PCMU", 0, 20),
    "two rtpmap of one number": (
        HEAD + "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMU/8000\r\na=rtpmap:97 PCMA/8000\r\n",
        "PCMA",
        97,
        20,
    ),
    "a first m= line with port 0": (HEAD + "m=audio 0 RTP/AVP 8\r\n" + AUDIO, "PCMU", 0, 20),
    "two c= lines": (HEAD + AUDIO + "c=IN IP4 192.0.2.8\r\nc=IN IP4 192.0.2.9\r\n", "PCMU", 0, 20),
    "lines nobody knows": (HEAD + "y=1\r\n" + AUDIO + "z=\r\n", "PCMU", 0, 20),
    "2 000 attributes": (HEAD + AUDIO + "a=x\r\n" * 2000, "PCMU", 0, 20),
    "packets of 40 ms": (HEAD + AUDIO + "a=ptime:40\r\n", "PCMU", 0, 40),
}  # fmt: skip

REFUSED = {
    "no v= line": (HEAD.replace("v=0\r\n", "") + AUDIO, 400),
    "another version": (HEAD.replace("v=0", "v=1") + AUDIO, 400),
    "no o= line": (HEAD.replace("o=- 1 1 IN IP4 192.0.2.7\r\n", "") + AUDIO, 400),
    "no c= line": (HEAD.replace("c=IN IP4 192.0.2.7\r\n", "") + AUDIO, 400),
    "4 000 attributes": (HEAD + AUDIO + "a=x\r\n" * 4000, 400),
    "no m= line": (HEAD, 488),
    "two m= lines with port 0": (HEAD + "m=audio 0 RTP/AVP 0\r\nm=audio 0 RTP/AVP 8\r\n", 488),
    "a negative port": (HEAD + "m=audio -4000 RTP/AVP 0\r\n", 400),
    "a port above all": (HEAD + "m=audio 65536 RTP/AVP 0\r\n", 400),
    "a port in other digits": (HEAD + "m=audio \u0664\u0660\u0660\u0660 RTP/AVP 0\r\n", 400),
    "a port that is hexadecimal": (HEAD + "m=audio 0xFA0 RTP/AVP 0\r\n", 400),
    "an m= line without formats": (HEAD + "m=audio 4000 RTP/AVP\r\n", 400),
    "an address that is none": (HEAD.replace("c=IN IP4 192.0.2.7", "c=IN IP4 192.0.2.256") + AUDIO, 488),
    "an IPv6 address, and we have none": (HEAD.replace("c=IN IP4 192.0.2.7", "c=IN IP6 2001:db8::7") + AUDIO, 488),
    "an IPv6 address in brackets": (HEAD.replace("c=IN IP4 192.0.2.7", "c=IN IP6 [2001:db8::7]") + AUDIO, 488),
    "an IPv6 address that says IP4": (HEAD.replace("IP4 192.0.2.7\r\nt", "IP4 2001:db8::7\r\nt") + AUDIO, 488),
    "multicast": (HEAD.replace("c=IN IP4 192.0.2.7", "c=IN IP4 239.1.1.1/127") + AUDIO, 488),
    "RTP/SAVP alone": (HEAD + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", 488),
    "video alone": (HEAD + "m=video 4000 RTP/AVP 0\r\n", 488),
    "fax alone": (HEAD + "m=image 4000 udptl t38\r\n", 488),
    "a thousand m= lines": (HEAD + AUDIO * 1000, 400),
    "10 000 attributes": (HEAD + AUDIO + "a=x\r\n" * 10_000, 400),
    "a line without =": (HEAD + "hello\r\n" + AUDIO, 400),
    "NULs": (HEAD.replace("s=-", "s=\x00") + "m=audio\x00 4000 RTP/AVP 0\r\n", 488),
    "a thousand formats": (HEAD + "m=audio 4000 RTP/AVP" + " 0" * 1000 + "\r\n", 400),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(us: Negotiation, name: str) -> None:
    text, codec, number, ptime_ms = ACCEPTED[name]
    agreement, _ = us.answer(text.encode())
    assert (agreement.codec, agreement.payload_type, agreement.ptime_ms) == (codec, number, ptime_ms)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(us: Negotiation, name: str) -> None:
    text, status = REFUSED[name]
    with pytest.raises(RemoteError) as refused:
        us.answer(text.encode())
    assert refused.value.status == status, refused.value
    assert us.agreement is None
    assert us.answer((HEAD + AUDIO).encode())[0].codec == "PCMU", "the next offer is as good as the first"


@pytest.mark.parametrize("at", range(0, len(HEAD + AUDIO), 7))
def test_cut_off_anywhere(at: int) -> None:
    us = Negotiation(Capabilities(), "192.0.2.1", 20_000, session_id=7)
    try:
        us.answer((HEAD + AUDIO)[:at].encode())
    except RemoteError as error:
        assert error.status in (400, 488)


def test_octets_that_are_no_text(us: Negotiation) -> None:
    assert us.answer((HEAD + AUDIO).encode().replace(b"s=-", b"s=\xff\xfe\xe9"))[0].codec == "PCMU"
