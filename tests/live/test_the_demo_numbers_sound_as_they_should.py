"""What is heard on each demo number, measured by a telephone of our own. SIPp does the signalling only."""

import time
import wave
from pathlib import Path

import pytest

from tests.live.peers.heard import AUDIBLE_DBM0, chirp, tone
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp

MEDIA = Path(__file__).resolve().parents[2] / "media"
#: Far more than one way through the switch takes (jitter buffer, one tick), far less than a person would call an echo
#: of a conversation; what it really takes is the benchmark's business.
ECHO_SECONDS = 0.3
#: The far end's jitter buffer plays on when packets come this late; a longer gap is heard.
AUDIBLE_GAP_MS = 120.0


def test_600_returns_what_was_said(sipp: Sipp, probe: RtpProbe) -> None:
    said = chirp(1.0)
    call = sipp.start("600-echo", "-d", "2500", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.4)
    probe.say(said)
    call.finish()
    heard = probe.heard
    start, likeness = heard.find(said)
    assert likeness > 0.98
    assert heard.arrival(start) - probe.said_at < ECHO_SECONDS
    assert heard.audible_seconds() == pytest.approx(1.0, abs=0.06)
    assert heard.missing() == 0
    assert heard.intervals_ms().max() < AUDIBLE_GAP_MS


def test_600_keeps_the_level_of_what_was_said(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("600-echo", "-d", "1500", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.say(tone(1004, -16, 1.2))
    call.finish()
    start = int((probe.heard.levels() > AUDIBLE_DBM0).argmax()) * 0.020
    found = probe.heard.tone(start + 0.2, start + 0.8)
    assert found.hz == pytest.approx(1004, abs=1)
    assert found.dbm0 == pytest.approx(-16, abs=0.3)
    assert found.purity > 0.98


def test_601_plays_its_prompt_whole_and_hangs_up(sipp: Sipp, probe: RtpProbe) -> None:
    with wave.open(str(MEDIA / "welcome.wav")) as file:
        assert file.getframerate() == 8000
        prompt = file.readframes(file.getnframes())
    call = sipp.start("601-prompt", number="601", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    call.finish()
    ended = time.monotonic()
    start, likeness = probe.heard.find(prompt)
    assert likeness > 0.98, "the prompt was not heard whole, or not as it was recorded"
    assert start < 0.5
    assert probe.heard.speech_seconds() > 1.0
    assert ended - probe.heard.sound[-1].arrived < 1.5
    assert probe.heard.intervals_ms().max() < AUDIBLE_GAP_MS


def test_602_is_a_tone_of_1004_hz_at_16_below_0_dbm0(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("602-tone", "-d", "2000", number="602", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    call.finish()
    found = probe.heard.tone(0.3, 1.8)
    assert found.hz == pytest.approx(1004, abs=1)
    assert found.dbm0 == pytest.approx(-16, abs=0.5)
    assert found.purity > 0.99, "a gap or a click in a tone spreads its energy"


def test_602_in_a_law_and_30_ms_packets_is_the_same_tone(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("a-law-only", "-d", "2000", number="602", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    call.finish()
    found = probe.heard.tone(0.3, 1.7)
    assert {packet.payload_type for packet in probe.heard.sound} == {8}
    assert {len(packet.payload) for packet in probe.heard.sound} == {240}
    assert found.hz == pytest.approx(1004, abs=1)
    assert found.dbm0 == pytest.approx(-16, abs=0.5)
    assert found.purity > 0.99
    # A clock of 20 ms sends 30 ms packets 20 and 40 ms apart in turn.
    assert probe.heard.intervals_ms().mean() == pytest.approx(30, abs=1)


def test_603_presses_each_key_once_as_events(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("603-digits", number="603", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    call.finish()
    assert probe.heard.keys() == "1234567890*#"
    assert probe.heard.keys_in_band() == ""
    assert min(probe.heard.key_milliseconds()) >= 40, "ITU-T Q.24: a press shorter than 40 ms may be missed"
    events = [packet for packet in probe.heard.packets if not packet.is_sound]
    starts = {packet.timestamp: packet for packet in reversed(events)}
    assert all(packet.marker for packet in starts.values()), "RFC 4733 section 2.5.1.1: the first packet is marked"
    for stamp in starts:
        ends = [packet for packet in events if packet.timestamp == stamp and packet.payload[1] & 0x80]
        assert len(ends) == 3, "RFC 4733 section 2.5.1.4: the end is said three times"


def test_603_presses_each_key_once_as_tones_where_events_were_not_offered(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("603-digits-in-band", number="603", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    call.finish()
    assert probe.heard.keys() == ""
    assert probe.heard.keys_in_band() == "1234567890*#"


def test_604_is_heard_before_it_answers_and_echoes_after(sipp: Sipp, probe: RtpProbe) -> None:
    said = chirp(0.8)
    call = sipp.start("604-early-media", "-d", "2500", number="604", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    assert "SIP/2.0 200" not in call.messages(), "the media address came with the answer, not before it"
    assert probe.wait_for(lambda heard: heard.audible_seconds() > 1.5, 4), "no early media was heard"
    early = probe.heard.tone(0.2, 1.4)
    assert early.purity > 0.98
    assert early.dbm0 == pytest.approx(-16, abs=0.5)
    call.wait_message("SIP/2.0 200")
    probe.pause(0.3)
    probe.say(said)
    call.finish()
    assert probe.heard.find(said)[1] > 0.98
    assert len({packet.ssrc for packet in probe.heard.sound}) == 1, "early media and the call are one stream"


def test_608_plays_back_what_it_recorded(sipp: Sipp, probe: RtpProbe) -> None:
    said = chirp(1.5)
    call = sipp.start("608-record", number="608", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    assert probe.wait_for(lambda heard: heard.audible_seconds() > 0.1, 5), "no beep"
    probe.pause(1.0)
    probe.say(said)
    probe.pause(0.3)
    probe.press("#")
    probe.wait_said()
    pressed = time.monotonic()
    call.finish()
    start, likeness = probe.heard.since(pressed - 0.1).find(said)
    assert likeness > 0.98
    assert start < 3.0, "# did not end the recording"


def test_617_rings_for_two_seconds_before_it_answers(sipp: Sipp, probe: RtpProbe) -> None:
    said = chirp(0.5)
    called = time.monotonic()
    call = sipp.start("617-rings-then-answers", "-d", "1500", number="617", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    answered = time.monotonic()
    probe.pause(0.3)
    probe.say(said)
    call.finish()
    assert 1.9 < answered - called < 4.0
    assert probe.heard.sound[0].arrived > called + 1.9, "sound came while it was ringing"
    assert probe.heard.find(said)[1] > 0.98
