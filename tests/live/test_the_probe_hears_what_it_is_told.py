"""The measuring telephone measures itself: two probes talk to each other, and what one says the other hears.

The tests of the switch are only as good as this: each number they assert is checked here on known sound.
"""

import numpy as np
import pytest

from tests.live.peers.g711 import ALAW, ULAW, decode, ulaw_encode
from tests.live.peers.heard import Heard, Packet, chirp, keys_in_sound, level_dbm0, strongest_tone, tone
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.spoken import spoken, was_said


def _samples(pcm: bytes) -> np.ndarray:
    return decode(ulaw_encode(pcm), 0).astype(np.float64)


def _packets(pcm: bytes, *, lost: frozenset[int] = frozenset(), late: frozenset[int] = frozenset()) -> Heard:
    coded = ulaw_encode(pcm)
    packets = []
    for index in range(len(coded) // 160):
        if index not in lost:
            arrived = index * 0.020 + (0.060 if index in late else 0.0)
            payload = coded[index * 160 : index * 160 + 160]
            packets.append(Packet(arrived, ("h", 1), 0, False, (65530 + index) & 0xFFFF, index * 160, 7, payload))
    return Heard(tuple(sorted(packets)))


def test_g711_is_that_of_the_standard() -> None:
    """Spot values of ITU-T G.711 tables 1a and 2a, scaled to 16 bits; coding is the inverse of decoding."""
    assert (ULAW[0x80], ULAW[0x00], ULAW[0xFF], ULAW[0x7F]) == (32124, -32124, 0, 0)
    assert (ALAW[0xD5], ALAW[0x55], ALAW[0xAA], ALAW[0x2A]) == (8, -8, 32256, -32256)
    values = np.sort(np.unique(ULAW))
    assert np.array_equal(
        np.frombuffer(b"".join(ULAW[b].tobytes() for b in ulaw_encode(values.tobytes())), "<i2"), values
    )


@pytest.mark.parametrize(("hz", "dbm0"), [(1004, -16), (425, -10), (1004, 0), (2600, -30)])
def test_a_tone_is_measured(hz: float, dbm0: float) -> None:
    found = strongest_tone(_samples(tone(hz, dbm0, 1.0)))
    assert found.hz == pytest.approx(hz, abs=0.5)
    assert found.dbm0 == pytest.approx(dbm0, abs=0.2)
    assert found.purity > 0.99


def test_the_digital_milliwatt_is_0_dbm0() -> None:
    """ITU-T G.711 table 5: these eight octets over and over are a 1 kHz sine of 0 dBm0."""
    milliwatt = bytes([0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E]) * 1000
    assert level_dbm0(decode(milliwatt, 0).astype(np.float64)) == pytest.approx(0.0, abs=0.05)


def test_lost_and_late_packets_are_seen() -> None:
    heard = _packets(tone(1004, -16, 2.0), lost=frozenset({10, 11, 40}), late=frozenset({60}))
    assert heard.missing() == 3
    assert heard.seconds == pytest.approx(2.0)
    assert heard.interval_ms(50) == pytest.approx(20)
    assert heard.intervals_ms().max() == pytest.approx(60)
    assert heard.audible_seconds() == pytest.approx(1.94)


def test_keys_in_the_sound_are_heard_and_a_voice_is_not_taken_for_them() -> None:
    pairs = {"1": (697, 1209), "5": (770, 1336), "#": (941, 1477), "D": (941, 1633)}
    gap = bytes(2 * 640)
    sound = gap
    for key in "155#D":
        low, high = (np.frombuffer(tone(hz, -10, 0.08), "<i2").astype(np.int32) for hz in pairs[key])
        sound += (low + high).astype("<i2").tobytes() + gap
    assert keys_in_sound(_samples(sound)) == "155#D"
    assert keys_in_sound(_samples(chirp(3.0))) == ""


def test_what_one_probe_says_the_other_hears() -> None:
    said = chirp(1.0)
    with RtpProbe() as here, RtpProbe() as there:
        here.talk_to(("127.0.0.1", there.port))
        here.pause(0.2)
        here.say(said)
        here.press("0*7", on_ms=100, off_ms=60)
        here.pause(0.1)
        here.wait_said()
        heard = there.heard
    assert there.wait_for(lambda now: now.keys() == "0*7", 1.0), heard.keys()
    assert heard.key_milliseconds() == [100.0, 100.0, 100.0]
    start, likeness = heard.find(said)
    assert likeness > 0.99
    assert start == pytest.approx(0.2, abs=0.1)
    assert heard.missing() == 0
    assert heard.interval_ms(50) == pytest.approx(20, abs=1)


def test_each_event_is_sent_as_rfc_4733_has_it() -> None:
    with RtpProbe() as here, RtpProbe() as there:
        here.talk_to(("127.0.0.1", there.port))
        here.press("9", on_ms=60)
        here.wait_said()
        events = [packet for packet in there.heard.packets if packet.payload_type == 101]
    assert [packet.marker for packet in events] == [True, False, False, False, False]
    assert len({packet.timestamp for packet in events}) == 1
    assert [packet.payload.hex() for packet in events] == ["090a00a0", "090a0140", "098a01e0", "098a01e0", "098a01e0"]


def test_a_sentence_is_told_from_one_with_another_digit() -> None:
    sound = np.concatenate([np.zeros(3333), spoken("You entered: 4, 0, 7, 1, 9."), np.zeros(5000)])
    line = decode(ulaw_encode(sound.astype("<i2").tobytes()), 0).astype(np.float64)
    assert was_said(line, "You entered: 4, 0, 7, 1, 9.")
    for digits in ("4, 0, 7, 2, 9", "4, 0, 7, 1, 5", "4, 1, 7, 1, 9", "4, 0, 7, 9, 1"):
        assert not was_said(line, f"You entered: {digits}.")
