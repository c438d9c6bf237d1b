"""The answer keeps the offer's payload numbers and its order of preference (RFC 3264 section 6.1)."""

from typing import Any

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiate import Capabilities, Negotiation


@pytest.mark.parametrize(
    ("medium", "codec", "number", "event"),
    [
        ("m=audio 4000 RTP/AVP 0 8", "PCMU", 0, None),
        ("m=audio 4000 RTP/AVP 8 0", "PCMA", 8, None),
        ("m=audio 4000 RTP/AVP 18 9 8", "PCMA", 8, None),
        ("m=audio 4000 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-16", "PCMU", 0, 101),
        ("m=audio 4000 RTP/AVP 96 0|a=rtpmap:96 Telephone-Event/8000", "PCMU", 0, 96),
        ("m=audio 4000 RTP/AVP 97 98|a=rtpmap:97 pcma/8000/1|a=rtpmap:98 telephone-event/8000", "PCMA", 97, 98),
        ("m=audio 4000 RTP/AVP 0 8|a=rtpmap:0 PCMA/8000|a=rtpmap:8 PCMU/8000", "PCMA", 0, None),
        ("m=audio 4000 RTP/AVP 0 100 101|a=rtpmap:100 telephone-event/48000|a=rtpmap:101 telephone-event/8000",
         "PCMU", 0, 101),
        ("m=audio 4000 RTP/AVP 0 100|a=rtpmap:100 telephone-event/16000", "PCMU", 0, None),
        ("m=audio 4000 RTP/AVP 111 0|a=rtpmap:111 opus/48000/2", "PCMU", 0, None),
        ("m=audio 4000 RTP/AVP 96 8|a=rtpmap:96 PCMU/8000/2", "PCMA", 8, None),
        ("m=audio 4000 RTP/AVP 96 8|a=rtpmap:96 PCMU/16000", "PCMA", 8, None),
        ("m=audio 4000 RTP/AVP 300 x -1 8|a=rtpmap:x y|a=rtpmap:|a=rtpmap:8", "PCMA", 8, None),
    ],
)  # fmt: skip
def test_numbers_and_preference(
    us: Negotiation, describe: Any, medium: str, codec: str, number: int, event: int | None
) -> None:
    agreement, text = us.answer(describe(medium))
    assert (agreement.codec, agreement.payload_type, agreement.event_payload_type) == (codec, number, event)
    assert agreement.receive == ((number, codec),)
    assert agreement.receive_events == (() if event is None else (event,))
    assert agreement.remote == ("192.0.2.7", 4000) and agreement.clock_hz == 8000
    ours = SessionDescription.parse(text).media[0]
    assert ours.formats == (str(number),) if event is None else (str(number), str(event))
    assert f"{number} {codec}/8000" in list(ours.all_attributes("rtpmap"))
    assert event is None or f"{event} telephone-event/8000" in list(ours.all_attributes("rtpmap"))
    assert ours.port == 20_000


def test_what_we_cannot_do_is_not_agreed(describe: Any) -> None:
    us = Negotiation(Capabilities(("PCMA",), telephone_event=False), "192.0.2.1", 20_000, session_id=7)
    agreement, _ = us.answer(describe("m=audio 4000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000"))
    assert (agreement.codec, agreement.event_payload_type) == ("PCMA", None)


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        ("", 20), ("|a=ptime:20", 20), ("|a=ptime:30", 30), ("|a=ptime:10", 10), ("|a=ptime:60", 60),
        ("|a=ptime:5", 10), ("|a=ptime:200", 60), ("|a=ptime:0", 20), ("|a=ptime:-20", 20), ("|a=ptime:x", 20),
        ("|a=ptime:20.0", 20), ("|a=ptime", 20), ("|a=maxptime:10", 10), ("|a=ptime:40|a=maxptime:30", 30),
        ("|a=maxptime:150", 20), ("|a=maxptime:3", 10), ("|a=ptime:" + "9" * 30, 20),
    ],
)  # fmt: skip
def test_packets_are_as_long_as_the_peer_asks(us: Negotiation, describe: Any, lines: str, sent: int) -> None:
    agreement, text = us.answer(describe(f"m=audio 4000 RTP/AVP 0{lines}"))
    assert agreement.ptime_ms == sent
    assert f"a=ptime:{sent}\r\n" in text


def test_a_packet_length_for_the_whole_session_counts(us: Negotiation, describe: Any) -> None:
    offer = describe("m=audio 4000 RTP/AVP 0", session="c=IN IP4 192.0.2.7\r\na=ptime:40\r\n")
    assert us.answer(offer)[0].ptime_ms == 40


def test_every_line_is_answered_in_its_place(us: Negotiation, describe: Any) -> None:
    agreement, text = us.answer(
        describe(
            "m=video 5000 RTP/AVP 96|a=rtpmap:96 H264/90000",
            "m=audio 0 RTP/AVP 0",
            "m=audio 6000 RTP/SAVP 0|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
            "m=audio 4000/2 RTP/AVP 8",
            "m=audio 4002 RTP/AVP 0",
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "m=image 7000 udptl t38",
        )
    )
    ours = SessionDescription.parse(text)
    assert [(m.kind, m.port, m.protocol) for m in ours.media] == [
        ("video", 0, "RTP/AVP"), ("audio", 0, "RTP/AVP"), ("audio", 0, "RTP/SAVP"), ("audio", 20_000, "RTP/AVP"),
        ("audio", 0, "RTP/AVP"), ("application", 0, "UDP/DTLS/SCTP"), ("image", 0, "udptl"),
    ]  # fmt: skip
    assert ours.media[5].formats == ("webrtc-datachannel",)
    assert agreement.remote == ("192.0.2.7", 4000) and agreement.codec == "PCMA"


def test_feedback_profiles_are_answered_in_kind(us: Negotiation, describe: Any) -> None:
    _, text = us.answer(describe("m=audio 4000 RTP/AVPF 0|a=rtcp-fb:* nack"))
    assert "m=audio 20000 RTP/AVPF 0\r\n" in text and "rtcp-fb" not in text


def test_the_mediums_own_address_counts_before_the_sessions(us: Negotiation, describe: Any) -> None:
    assert us.answer(describe("m=audio 4000 RTP/AVP 0|c=IN IP4 192.0.2.99"))[0].remote == ("192.0.2.99", 4000)
    only = describe("m=video 1 RTP/AVP 96|c=IN IP4 192.0.2.5", "m=audio 2 RTP/AVP 0|c=IN IP4 192.0.2.6", session="")
    assert us.answer(only)[0].remote == ("192.0.2.6", 2)


def test_addresses_of_six_words_work_and_are_written_one_way(describe: Any) -> None:
    us = Negotiation(Capabilities(), "2001:db8::1", 20_000, session_id=7)
    agreement, text = us.answer(describe("m=audio 4000 RTP/AVP 0|c=IN IP6 2001:DB8:0:0::7"))
    assert agreement.remote == ("2001:db8::7", 4000)
    assert "c=IN IP6 2001:db8::1\r\n" in text and " IN IP6 2001:db8::1\r\ns=" in text


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", " \r\n", "\r\n\r\n"])
def test_line_ends_of_the_field_are_read(us: Negotiation, describe: Any, end: str) -> None:
    offer = describe("m=audio 4000 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000|a=sendonly", end=end)
    agreement, _ = us.answer(offer.encode())
    assert (agreement.event_payload_type, agreement.sending) == (101, False)
