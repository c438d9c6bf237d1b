"""Ringback and busy as European and American callers know them (ITU-T E.180, ANSI T1.401)."""

import numpy as np
import pytest

from softswitch.audio.level import dbm0
from softswitch.audio.tones import PROGRESS, Tone, progress
from softswitch.errors import LocalError

CADENCES = {
    ("eu", "ringback"): (1000, 4000),
    ("us", "ringback"): (2000, 4000),
    ("eu", "busy"): (500, 500),
    ("us", "busy"): (500, 500),
}


@pytest.mark.parametrize(("style", "name"), CADENCES)
def test_sound_and_silence_take_turns(style: str, name: str) -> None:
    on_ms, off_ms = CADENCES[style, name]
    tone = progress(name, style)
    for _ in range(2):
        sounding = [tone.take() is not None for _ in range((on_ms + off_ms) // 20)]
        assert sounding == [True] * (on_ms // 20) + [False] * (off_ms // 20)


@pytest.mark.parametrize("style", PROGRESS)
@pytest.mark.parametrize("name", PROGRESS["eu"])
def test_the_frequencies_and_levels_are_those_of_the_plan(style: str, name: str) -> None:
    sines, _cadence = PROGRESS[style][name]
    tone = progress(name, style)
    pcm = b"".join(frame.pcm for frame in (tone.take() for _ in range(10)) if frame is not None)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, dtype="<i2"))) ** 2
    hertz = np.fft.rfftfreq(len(pcm) // 2, 1 / 8000)
    near = np.any([np.abs(hertz - frequency_hz) <= 25 for frequency_hz, _level in sines], axis=0)
    assert spectrum[~near].sum() < 0.01 * spectrum.sum()
    wanted = 10 * np.log10(sum(10 ** (level / 10) for _hz, level in sines))
    assert abs(dbm0(pcm) - wanted) < 0.5


def test_a_tone_burst_has_soft_edges() -> None:
    frame = progress("busy").take()
    assert frame is not None
    samples = np.abs(np.frombuffer(frame.pcm, dtype="<i2").astype(int))
    assert samples[0] < 100 < samples.max()
    assert np.abs(np.diff(samples[:8])).max() < samples.max() / 3


def test_unknown_tones_and_broken_cadences_are_our_own_fault() -> None:
    with pytest.raises(LocalError, match="no progress tone 'howler' in style 'eu'"):
        progress("howler")
    for cadence in ((500,), (510, 500), (0, 500), (500, -20)):
        with pytest.raises(LocalError, match="cadence"):
            Tone((425, -13.0), cadence=cadence)
