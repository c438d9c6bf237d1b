"""Sound for the tests of `softswitch/audio`: keys with exact faults, synthesised speech, and what is heard in them.

Real recordings are heard only where their folder is named by `SOFTSWITCH_SPEECH_SAMPLES`; the report says if it is not.
"""

import audioop
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from softswitch.audio import resample, tones, wav
from softswitch.audio.dtmf import DtmfDetector
from softswitch.audio.frame import FRAME_BYTES, TELEPHONE_HZ
from softswitch.audio.level import rms_at

SAMPLES = os.environ.get("SOFTSWITCH_SPEECH_SAMPLES", "")

collect_ignore_glob = [] if SAMPLES else ["test_real_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out, and what would bring them in."""
    if not SAMPLES:
        terminalreporter.write_line(
            "real speech and keys were not tested: set SOFTSWITCH_SPEECH_SAMPLES to the folder of samples"
        )


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real recordings."""
    folder = Path(SAMPLES)
    assert folder.is_dir(), f"SOFTSWITCH_SPEECH_SAMPLES names {SAMPLES!r}, which is no folder"
    return folder


@pytest.fixture(scope="session")
def real_speech(samples: Path) -> dict[str, bytes]:
    """Every recording in which somebody talks, as telephone sound by file name."""
    speech = {path.name: wav.read_pcm(path) for path in sorted(samples.glob("*.wav")) if "dtmf" not in path.name}
    assert speech, f"no WAV file with speech in {samples}"
    return speech


class Rig:
    """Makes keys with exact faults, and says which keys the detector hears in a sound."""

    keys = "1234567890*#ABCD"

    def __init__(self) -> None:
        self.random = np.random.default_rng(20_250_101)

    def press(
        self,
        key: str,
        on_ms: float = 40.0,
        *,
        low: float = -10.0,
        high: float = -10.0,
        low_off: float = 0.0,
        high_off: float = 0.0,
    ) -> np.ndarray:
        """One key with hard edges and random phases; levels in dBm0, frequency errors as parts of one."""
        low_hz, high_hz = tones.dtmf_pair(key)
        time = np.arange(round(on_ms * 8)) / TELEPHONE_HZ
        phases = self.random.uniform(0.0, 2.0 * np.pi, 2)
        first = rms_at(low) * np.sin(2.0 * np.pi * low_hz * (1.0 + low_off) * time + phases[0])
        second = rms_at(high) * np.sin(2.0 * np.pi * high_hz * (1.0 + high_off) * time + phases[1])
        return np.sqrt(2.0) * (first + second)

    @staticmethod
    def pause(off_ms: float) -> np.ndarray:
        return np.zeros(round(off_ms * 8))

    def noisy(self, sound: np.ndarray, snr_db: float) -> np.ndarray:
        """The sound, with white noise under it and around it."""
        around = np.concatenate((np.zeros(400), sound, np.zeros(400)))
        noise = np.sqrt(np.mean(sound[sound != 0.0] ** 2)) / 10.0 ** (snr_db / 20.0)
        return around + self.random.standard_normal(len(around)) * noise

    def frames(self, sound: np.ndarray, law: str = "PCMU") -> list[bytes]:
        """The sound through a codec, after a random bit of silence so that keys begin anywhere in a frame."""
        padded = np.concatenate((np.zeros(self.random.integers(160, 480)), sound, np.zeros(640)))
        padded = np.concatenate((padded, np.zeros(-len(padded) % 160)))
        return self.cut(np.clip(np.rint(padded), -32768, 32767).astype("<i2").tobytes(), law)

    @staticmethod
    def cut(pcm: bytes, law: str = "PCMU") -> list[bytes]:
        """Sound through a codec, in frames; what is left over is dropped."""
        if law == "PCMU":
            pcm = audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2)
        else:
            pcm = audioop.alaw2lin(audioop.lin2alaw(pcm, 2), 2)
        return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]

    @staticmethod
    def hear(frames: "list[bytes] | list[bytes | None]") -> str:
        detector = DtmfDetector()
        return "".join(detector.hear(frame) or "" for frame in frames)

    def heard(self, sound: np.ndarray, law: str = "PCMU") -> str:
        return self.hear(self.frames(sound, law))


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture(scope="session")
def make_sounds() -> object:
    """The script that makes the sound files."""
    path = Path(__file__).parents[2] / "tools" / "make_sounds.py"
    spec = importlib.util.spec_from_file_location("make_sounds", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def say(make_sounds: object) -> Iterator[Callable[..., bytes]]:
    """Speak a text by synthesis: telephone sound at speech level. `voice`, `words_per_minute`, `pitch` vary it."""
    speak, rate_hz = make_sounds.opened()  # type: ignore[attr-defined]

    def spoken(text: str, **how: object) -> bytes:
        return bytes(make_sounds.levelled(resample.resample(speak(text, **how), rate_hz, TELEPHONE_HZ)))  # type: ignore[attr-defined]

    yield spoken
