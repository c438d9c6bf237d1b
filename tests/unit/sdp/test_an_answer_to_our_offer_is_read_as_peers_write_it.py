"""What we offer, in an INVITE or in the 2xx to one without an offer, and the answers that come (RFC 3264 section 7)."""

from typing import Any

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiate import Capabilities, Negotiation


def test_the_offer_is_complete(us: Negotiation) -> None:
    assert us.offer() == (
        "v=0\r\no=- 7 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
        "a=rtcp-mux\r\na=rtcp-rsize\r\na=sendrecv\r\n"
    )


@pytest.mark.parametrize(
    ("medium", "codec", "number", "receive", "event", "receive_events"),
    [
        ("0", "PCMU", 0, ((0, "PCMU"),), None, ()),
        ("8 101|a=rtpmap:101 telephone-event/8000", "PCMA", 8, ((8, "PCMA"),), 101, (101,)),
        ("8 0", "PCMA", 8, ((0, "PCMU"), (8, "PCMA")), None, ()),
        # Left out rtpmap: the number means what we offered it as.
        ("0 101", "PCMU", 0, ((0, "PCMU"),), 101, (101,)),
        # Renumbered: we send the peer's numbers, and hear our own (RFC 3264 section 5.1).
        ("0 97|a=rtpmap:97 telephone-event/8000", "PCMU", 0, ((0, "PCMU"),), 97, (101,)),
        ("96|a=rtpmap:96 PCMA/8000", "PCMA", 96, ((8, "PCMA"),), None, ()),
        # More than was offered is left out.
        ("18 0|a=rtpmap:18 G729/8000", "PCMU", 0, ((0, "PCMU"),), None, ()),
    ],
)
def test_answers(
    us: Negotiation, describe: Any, medium: str, codec: str, number: int, receive: Any, event: Any, receive_events: Any
) -> None:
    us.offer()
    agreement = us.accept(describe(f"m=audio 4000 RTP/AVP {medium}"))
    assert us.agreement is agreement
    assert (agreement.codec, agreement.payload_type, agreement.receive) == (codec, number, receive)
    assert (agreement.event_payload_type, agreement.receive_events) == (event, receive_events)


def test_a_later_answer_replaces_an_earlier_one(us: Negotiation, describe: Any) -> None:
    """183 with one description, 200 with another: the announcement server and then the phone."""
    us.offer()
    first = us.accept(describe("m=audio 4000 RTP/AVP 0"))
    second = us.accept(describe("m=audio 5000 RTP/AVP 8|c=IN IP4 192.0.2.8"))
    assert (first.remote, second.remote) == (("192.0.2.7", 4000), ("192.0.2.8", 5000))
    assert us.agreement == second and second.codec == "PCMA"


def test_the_peers_packet_length_is_what_we_send(us: Negotiation, describe: Any) -> None:
    us.offer()
    assert us.accept(describe("m=audio 4000 RTP/AVP 0|a=ptime:30")).ptime_ms == 30
    assert us.accept(describe("m=audio 4000 RTP/AVP 0")).ptime_ms == 20


def test_the_version_grows_with_changes_only(us: Negotiation, describe: Any) -> None:
    def version(text: str) -> str:
        return SessionDescription.parse(text).origin.version

    assert version(us.offer()) == "0"
    us.accept(describe("m=audio 4000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000"))
    assert [version(us.offer()), version(us.offer("sendonly")), version(us.offer("sendonly"))] == ["0", "1", "1"]
    us.accept(describe("m=audio 4000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000|a=recvonly"))
    assert version(us.offer()) == "2"
    _, answer = us.answer(describe("m=audio 4000 RTP/AVP 0"))
    assert version(answer) == "3"
    assert version(us.answer(describe("m=audio 4000 RTP/AVP 0"))[1]) == "3"


def test_the_next_offer_keeps_lines_and_numbers(us: Negotiation, describe: Any) -> None:
    """RFC 3264 section 8: no m= line may vanish, and a number means what it meant."""
    us.answer(
        describe(
            "m=video 5000 RTP/AVP 96|a=rtpmap:96 H264/90000",
            "m=audio 4000 RTP/AVPF 101 97|a=rtpmap:101 PCMA/8000|a=rtpmap:97 telephone-event/8000",
        )
    )
    ours = SessionDescription.parse(us.offer("sendonly"))
    assert [(m.kind, m.port, m.protocol) for m in ours.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 20_000, "RTP/AVPF"),
    ]
    rtpmaps = list(ours.media[1].all_attributes("rtpmap"))
    assert rtpmaps == ["0 PCMU/8000", "101 PCMA/8000", "97 telephone-event/8000"]
    agreement = us.accept(describe("m=video 0 RTP/AVP 96", "m=audio 4000 RTP/AVPF 101 97|a=recvonly"))
    assert (agreement.codec, agreement.payload_type, agreement.event_payload_type) == ("PCMA", 101, 97)
    assert (agreement.sending, agreement.receiving) == (True, False)


def test_numbers_in_use_are_not_given_twice(describe: Any) -> None:
    us = Negotiation(Capabilities(("PCMA", "PCMU")), "192.0.2.1", 20_000, session_id=7)
    us.answer(describe("m=audio 4000 RTP/AVP 0|a=rtpmap:0 PCMA/8000"))
    ours = SessionDescription.parse(us.offer()).media[0]
    assert len(set(ours.formats)) == 3
    assert list(ours.all_attributes("rtpmap"))[:2] == ["0 PCMA/8000", "96 PCMU/8000"]


def test_a_session_without_telephone_event(describe: Any) -> None:
    us = Negotiation(Capabilities(telephone_event=False, ptime_ms=30), "2001:db8::1", 20_000, session_id=7)
    text = us.offer()
    assert "telephone-event" not in text and "a=ptime:30\r\n" in text and "c=IN IP6 2001:db8::1\r\n" in text
