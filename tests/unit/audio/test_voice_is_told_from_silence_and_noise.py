"""Speech is voiced, its pauses are not; quiet noise never is, however the detector is set."""

import audioop
from pathlib import Path

import numpy as np
import pytest

from softswitch.audio import wav
from softswitch.audio.level import rms_at
from softswitch.audio.vad import GATE_DBM0, VoiceDetector
from softswitch.errors import LocalError

SPEECH = wav.read_pcm(Path(__file__).parents[3] / "media" / "welcome.wav")


def verdicts(rig, pcm: bytes, **how) -> list[bool]:
    detector = VoiceDetector(**how)
    return [detector.voiced(frame) for frame in rig.cut(pcm)]


def test_speech_is_voiced_and_the_silence_after_it_is_not(rig) -> None:
    voiced = verdicts(rig, bytes(16_000) + SPEECH + bytes(16_000))
    assert not any(voiced[:50])
    assert sum(voiced[50:-50]) / len(voiced[50:-50]) > 0.7
    assert not any(voiced[-49:])


def test_faint_noise_is_never_voiced(rig) -> None:
    noise = rig.random.standard_normal(80_000) * rms_at(GATE_DBM0 - 3.0)
    pcm = np.rint(noise).astype("<i2").tobytes()
    assert not any(verdicts(rig, pcm, aggressiveness=0))


def test_faint_speech_is_still_voiced(rig) -> None:
    faint = audioop.mul(SPEECH, 2, 10 ** (-20 / 20))
    assert sum(verdicts(rig, faint)) > 0.55 * len(faint) / 320


def test_the_gate_can_be_moved(rig) -> None:
    assert not any(verdicts(rig, SPEECH, gate_dbm0=0.0))


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_wider_sound_is_judged_too(rate_hz: int) -> None:
    path = Path(__file__).parents[3] / "media" / "welcome.wav"
    detector = VoiceDetector(rate_hz=rate_hz)
    voiced = [detector.voiced(frame.pcm) for frame in wav.read(path, rate_hz=rate_hz)]
    assert sum(voiced) / len(voiced) > 0.6


def test_settings_it_cannot_have_are_our_own_fault() -> None:
    for how in ({"aggressiveness": 4}, {"rate_hz": 11_025}):
        with pytest.raises(LocalError, match="no voice detector"):
            VoiceDetector(**how)
