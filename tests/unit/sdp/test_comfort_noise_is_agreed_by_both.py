"""CN (RFC 3389 section 4) is named where it is configured, and agreed where the other side names it too."""

from typing import Any

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiate import Capabilities, Negotiation


def party(comfort_noise: bool, address: str = "192.0.2.1") -> Negotiation:
    return Negotiation(Capabilities(comfort_noise=comfort_noise), address, 20_000, session_id=7)


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("theirs", [False, True])
def test_it_is_agreed_where_both_name_it(ours: bool, theirs: bool) -> None:
    caller, called = party(ours), party(theirs, "192.0.2.2")
    offer = caller.offer()
    assert ("13" in SessionDescription.parse(offer).media[0].formats) is ours
    assert ("rtpmap:13 CN/8000" in offer) is ours
    answered, answer = called.answer(offer)
    accepted = caller.accept(answer)
    assert answered.comfort_noise is accepted.comfort_noise is (ours and theirs)
    assert ("rtpmap:13 CN/8000" in answer) is (ours and theirs)


@pytest.mark.parametrize(
    ("medium", "agreed"),
    [
        ("m=audio 4000 RTP/AVP 0 13", True),
        ("m=audio 4000 RTP/AVP 13 0 101|a=rtpmap:13 cn/8000|a=rtpmap:101 telephone-event/8000", True),
        ("m=audio 4000 RTP/AVP 0 98|a=rtpmap:98 CN/16000", False),
        ("m=audio 4000 RTP/AVP 0 98|a=rtpmap:98 CN/8000", False),
        ("m=audio 4000 RTP/AVP 0 13|a=rtpmap:13 PCMA/8000", False),
        ("m=audio 4000 RTP/AVP 0 8", False),
    ],
)
def test_only_the_static_number_is_taken(describe: Any, medium: str, agreed: bool) -> None:
    agreement, answer = party(True).answer(describe(medium))
    assert agreement.comfort_noise is agreed and agreement.codec == "PCMU"
    assert ("13" in SessionDescription.parse(answer).media[0].formats) is agreed


def test_noise_alone_is_no_sound(describe: Any) -> None:
    with pytest.raises(Exception, match="Incompatible media format"):
        party(True).answer(describe("m=audio 4000 RTP/AVP 13"))
