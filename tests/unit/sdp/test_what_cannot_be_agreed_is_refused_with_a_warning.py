"""488 with the Warning that says why (RFC 3261 section 20.43), 400 for what is no description."""

from typing import Any

import pytest

from softswitch.errors import LocalError, RemoteError
from softswitch.sdp.description import MAX_DESCRIPTION_BYTES
from softswitch.sdp.negotiate import Capabilities, MediaRefused, Negotiation


@pytest.mark.parametrize(
    ("media", "warning", "kind"),
    [
        ([], 304, "sdp_no_audio"),
        (["m=video 4000 RTP/AVP 96"], 304, "sdp_no_audio"),
        (["m=audio 0 RTP/AVP 0"], 304, "sdp_no_audio"),
        (["m=audio 4000 RTP/AVP 18"], 305, "sdp_no_codec"),
        (["m=audio 4000 RTP/AVP 101|a=rtpmap:101 telephone-event/8000"], 305, "sdp_no_codec"),
        (["m=audio 4000 RTP/AVP 0|a=rtpmap:0 G729/8000"], 305, "sdp_no_codec"),
        (["m=audio 4000 RTP/SAVP 0"], 302, "sdp_transport"),
        (["m=audio 4000 UDP/TLS/RTP/SAVPF 0"], 302, "sdp_transport"),
        (["m=audio 4000 RTP/SAVP 0", "m=audio 4000 RTP/AVP 9"], 305, "sdp_no_codec"),
        (["m=audio 4000 RTP/AVP 9", "m=audio 4000 RTP/SAVP 0"], 305, "sdp_no_codec"),
        (["m=audio 4000 RTP/AVP 0|c=IN IP6 2001:db8::7"], 301, "sdp_address"),
        (["m=audio 4000 RTP/AVP 0|c=IN IP4 phone.example.com"], 301, "sdp_address"),
        (["m=audio 4000 RTP/AVP 0|c=IN IP4 224.2.1.1/127/3"], 330, "sdp_multicast"),
    ],
)
def test_an_offer_with_nothing_for_us(
    us: Negotiation, describe: Any, media: list[str], warning: int, kind: str
) -> None:
    with pytest.raises(MediaRefused) as refused:
        us.answer(describe(*media))
    assert (refused.value.status, refused.value.warning, refused.value.kind) == (488, warning, kind)
    header = refused.value.header("softswitch")
    assert header.startswith(f'{warning} softswitch "') and header.endswith('"') and header.count('"') == 2
    assert us.agreement is None


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "v=1\r\no=- 1 1 IN IP4 1.2.3.4\r\n", "o=- 1 1 IN IP4 1.2.3.4\r\nv=0\r\n", "v=0\r\ns=-\r\n",
        "v=0\r\no=- 1 1\r\n", "v=0\r\no=- 1 1 ATM NSAP x\r\n", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nx\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio\r\n", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio 70000 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio -1 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio 4000/0 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP4\r\n", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP5 x\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP4 /3\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n" + "m=audio 1 RTP/AVP 0\r\n" * 33,
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP" + " 0" * 200,
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n" + "a=x\r\n" * MAX_DESCRIPTION_BYTES,
    ],
)  # fmt: skip
def test_what_is_no_description(us: Negotiation, text: str) -> None:
    with pytest.raises(RemoteError) as refused:
        us.answer(text.encode())
    assert refused.value.status == 400 and refused.value.kind.startswith("sdp_")


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (["m=audio 0 RTP/AVP 0"], "sdp_refused"),
        (["m=audio 4000 RTP/AVP 18"], "sdp_no_codec"),
        (["m=audio 4000 RTP/SAVP 0"], "sdp_transport"),
        ([], "sdp_answer"),
        (["m=video 4000 RTP/AVP 0"], "sdp_answer"),
    ],
)
def test_an_answer_that_agrees_to_nothing(us: Negotiation, describe: Any, media: list[str], kind: str) -> None:
    us.offer()
    with pytest.raises(RemoteError) as refused:
        us.accept(describe(*media))
    assert refused.value.kind == kind
    assert us.agreement is None
    assert us.accept(describe("m=audio 4000 RTP/AVP 0")).codec == "PCMU", "a refusal leaves the offer open"


def test_an_answer_without_an_offer_is_our_own_fault(us: Negotiation, describe: Any) -> None:
    with pytest.raises(LocalError):
        us.accept(describe("m=audio 4000 RTP/AVP 0"))


def test_a_refused_re_offer_leaves_the_session_as_it_was(describe: Any) -> None:
    us = Negotiation(Capabilities(), "192.0.2.1", 20_000, session_id=7)
    agreement, answer = us.answer(describe("m=audio 4000 RTP/AVP 0"))
    with pytest.raises(MediaRefused):
        us.answer(describe("m=audio 4000 RTP/AVP 18"))
    assert us.agreement == agreement
    assert us.answer(describe("m=audio 4000 RTP/AVP 0")) == (agreement, answer)
