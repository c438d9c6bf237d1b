"""People who talk: at their own level and louder, faster and slower, wherever the packets cut the sound."""

import audioop

import pytest

from softswitch.audio import resample


@pytest.mark.parametrize("cut", [0, 53, 107])
def test_real_speech_presses_no_key(rig, real_speech, cut: int) -> None:
    for name, pcm in real_speech.items():
        assert (name, rig.hear(rig.cut(pcm[cut * 2 :]))) == (name, "")


@pytest.mark.parametrize("rate_hz", [6400, 7200, 9000, 10_000])
def test_other_pitches_press_no_key_either(rig, real_speech, rate_hz: int) -> None:
    for name, pcm in real_speech.items():
        louder = audioop.mul(resample.resample(pcm, 8000, rate_hz), 2, 2.0)
        assert (name, rig.hear(rig.cut(louder))) == (name, "")
