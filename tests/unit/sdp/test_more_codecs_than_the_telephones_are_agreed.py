"""G.722, Opus, L16 and G.729 in offers and answers: their clocks, numbers and parameters, and keys beside them."""

import pytest

from softswitch.sdp.agreement import Capabilities
from softswitch.sdp.negotiate import Negotiation

ALL = ("opus", "G722", "L16", "L16/8000", "G729", "PCMU")


def us(*codecs: str) -> Negotiation:
    return Negotiation(Capabilities(codecs or ALL), "192.0.2.1", 4000, session_id=1)


def them(formats: str, *lines: str) -> str:
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
    return head + f"m=audio 5000 RTP/AVP {formats}\r\n" + "".join(f"a={line}\r\n" for line in lines)


def test_an_offer_says_what_rfc_3551_and_7587_want() -> None:
    offer = us().offer()
    for line in (
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:107 opus/48000/2",
        "a=fmtp:107 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1",
        "a=rtpmap:109 L16/16000",
        "a=rtpmap:110 L16/8000",
        "a=rtpmap:18 G729/8000",
        "a=fmtp:18 annexb=no",
        "a=rtpmap:101 telephone-event/8000",
    ):
        assert line + "\r\n" in offer, line
    assert "telephone-event/48000\r\n" in offer and "telephone-event/16000\r\n" in offer


@pytest.mark.parametrize(
    ("formats", "lines", "codec", "clock_hz"),
    [
        ("9", (), "G722", 8000),
        ("96", ("rtpmap:96 OPUS/48000/2",), "opus", 48000),
        ("97", ("rtpmap:97 L16/16000",), "L16", 16000),
        ("97", ("rtpmap:97 l16/8000/1",), "L16/8000", 8000),
        ("18", (), "G729", 8000),
    ],
)
def test_an_offer_is_answered_in_its_codec(formats: str, lines: tuple[str, ...], codec: str, clock_hz: int) -> None:
    agreement, answer = us().answer(them(formats, *lines))
    assert (agreement.codec, agreement.clock_hz) == (codec, clock_hz)
    again = us(codec)
    again.offer()
    assert f"m=audio 4000 RTP/AVP {formats}" in answer


@pytest.mark.parametrize("line", ["rtpmap:96 opus/48000", "rtpmap:96 opus/48000/1", "rtpmap:96 L16/44100"])
def test_what_only_looks_like_a_codec_of_ours_is_passed_over(line: str) -> None:
    agreement, _ = us().answer(them("96 0", line))
    assert agreement.codec == "PCMU"


def test_keys_run_on_the_clock_of_the_sound_where_the_peer_has_one() -> None:
    maps = ("rtpmap:96 opus/48000/2", "rtpmap:97 telephone-event/48000", "rtpmap:101 telephone-event/8000")
    agreement, answer = us().answer(them("96 97 101", *maps))
    assert (agreement.event_payload_type, agreement.event_hz) == (97, 48000)
    assert "a=rtpmap:97 telephone-event/48000" in answer
    agreement, answer = us().answer(them("96 101", maps[0], maps[2]))
    assert (agreement.event_payload_type, agreement.event_hz) == (101, 8000)
    assert "a=rtpmap:101 telephone-event/8000" in answer


def test_packets_stay_as_long_as_the_codec_allows() -> None:
    agreement, _ = us().answer(them("96", "rtpmap:96 opus/48000/2", "ptime:60"))
    assert agreement.ptime_ms == 20
    agreement, _ = us().answer(them("97", "rtpmap:97 L16/16000", "ptime:60"))
    assert agreement.ptime_ms == 20, "60 ms would not fit into a datagram"
    agreement, _ = us().answer(them("9", "ptime:40"))
    assert agreement.ptime_ms == 40


def test_numbers_stay_what_they_were_in_the_next_offer() -> None:
    ours = us()
    ours.answer(them("120 121", "rtpmap:120 opus/48000/2", "rtpmap:121 telephone-event/48000"))
    offer = ours.offer()
    assert "a=rtpmap:120 opus/48000/2" in offer and "a=rtpmap:121 telephone-event/48000" in offer


def test_without_settings_the_telephones_codecs_are_offered() -> None:
    offer = Negotiation(Capabilities(), "192.0.2.1", 4000, session_id=1).offer()
    assert "m=audio 4000 RTP/AVP 0 8 101\r\n" in offer
