"""The keys we press in-band ourselves, for peers that take no telephone events."""

import numpy as np
import pytest

from softswitch.audio.frame import FRAME_BYTES
from softswitch.audio.level import dbm0
from softswitch.audio.tones import DTMF_HIGH_DBM0, DTMF_LOW_DBM0, dtmf_frames, dtmf_pair
from softswitch.errors import LocalError

# ITU-T Q.23.
PAIRS = {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "0": (941, 1336), "#": (941, 1477), "D": (941, 1633)}


@pytest.mark.parametrize("key", PAIRS)
def test_a_key_is_two_tones(key: str) -> None:
    assert dtmf_pair(key) == PAIRS[key]
    pcm = b"".join(frame.pcm for frame in dtmf_frames(key, 500, 0))
    assert len(pcm) == 25 * FRAME_BYTES
    samples = np.frombuffer(pcm, dtype="<i2")
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    lines = spectrum[:550].argmax() * 2, spectrum[550:].argmax() * 2 + 1100
    assert all(abs(line - hertz) <= 2 for line, hertz in zip(lines, PAIRS[key], strict=True))
    wanted = 10 * np.log10(10 ** (DTMF_LOW_DBM0 / 10) + 10 ** (DTMF_HIGH_DBM0 / 10))
    assert abs(dbm0(pcm) - wanted) < 0.2


def test_tone_and_pause_last_as_long_as_was_asked() -> None:
    pcm = b"".join(frame.pcm for frame in dtmf_frames("12", 50, 70))
    loud = np.abs(np.frombuffer(pcm, dtype="<i2")) > 0
    edges = [0, 400, 960, 1360, 1920]
    for start, end, sounding in zip(edges, edges[1:], (True, False, True, False), strict=False):
        assert loud[start:end].mean() > 0.9 if sounding else not loud[start:end].any()
    assert len(pcm) == 12 * FRAME_BYTES


def test_small_letters_are_keys_and_nothing_is_no_sound() -> None:
    assert dtmf_pair("a") == dtmf_pair("A")
    assert dtmf_frames("") == []


@pytest.mark.parametrize("digit", ["E", "", "12", "+", "*0"])
def test_what_is_no_key_is_our_own_fault(digit: str) -> None:
    with pytest.raises(LocalError, match="no DTMF key"):
        dtmf_pair(digit)
