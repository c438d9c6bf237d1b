"""1004 Hz at -16 dBm0: what number 602 plays, and what line testers expect."""

import numpy as np
import pytest

from softswitch.audio.frame import FRAME_BYTES, Frame
from softswitch.audio.level import dbm0
from softswitch.audio.tones import Tone, milliwatt
from softswitch.errors import LocalError


def played(tone: Tone, frames: int) -> bytes:
    taken = [tone.take() for _ in range(frames)]
    assert all(frame is not None and len(frame.pcm) == FRAME_BYTES for frame in taken)
    return b"".join(frame.pcm for frame in taken if frame is not None)


def test_level_and_frequency_are_exact() -> None:
    pcm = played(milliwatt(), 500)
    assert abs(dbm0(pcm) + 16.0) <= 0.1
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, dtype="<i2") / 32768.0)) ** 2
    line = int(spectrum.argmax())
    assert line / 10.0 == 1004.0
    # One pure line: a phase jump at any seam between frames or rounds would put power beside it.
    beside = spectrum.sum() - spectrum[line]
    assert 10.0 * np.log10(beside / spectrum[line]) < -65.0


@pytest.mark.parametrize("sines", [((425, -13.0),), ((350, -13.0), (440, -13.0)), ((3999, -10.0),), ((1, -3.0),)])
def test_the_tone_goes_on_without_a_seam(sines) -> None:
    pcm = np.frombuffer(played(Tone(*sines), 150), dtype="<i2").astype(int)
    assert (pcm[:8000] == pcm[8000:16000]).all()
    again = np.frombuffer(played(Tone(*sines), 150), dtype="<i2")
    assert (again == pcm).all()


def test_each_player_has_its_own_place_in_a_shared_tone() -> None:
    first, second = milliwatt(), milliwatt()
    opening = second.take()
    first.take()
    first.give(Frame(bytes(FRAME_BYTES)))
    assert first.take() is not opening
    assert milliwatt().take() is opening


@pytest.mark.parametrize("frequency_hz", [0, -425, 4000, 425.5])
def test_a_tone_that_cannot_be_made_is_our_own_fault(frequency_hz) -> None:
    with pytest.raises(LocalError, match="hertz"):
        Tone((frequency_hz, -10.0))
