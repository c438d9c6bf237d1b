"""What `media/` holds is 8000 Hz, 16 bit, mono, at a telephone's level, and can be made again."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from softswitch.audio import wav
from softswitch.audio.level import dbm0

MEDIA = Path(__file__).parents[3] / "media"


@pytest.mark.parametrize("path", sorted(MEDIA.glob("*")), ids=lambda path: path.name)
def test_every_file_is_plain_telephone_sound(path: Path) -> None:
    data = path.read_bytes()
    assert struct.unpack("<HHI", data[20:28]) == (1, 1, 8000)
    samples = np.frombuffer(wav.read_pcm(path), dtype="<i2").astype(int)
    assert np.abs(samples).max() <= 32767 * 10 ** (-3 / 20)
    assert abs(samples.mean()) < 5
    assert abs(samples[0]) < 200 and abs(samples[-1]) < 200


def test_the_prompt_is_four_seconds_of_speech() -> None:
    pcm = wav.read_pcm(MEDIA / "welcome.wav")
    assert 3.5 <= len(pcm) / 16_000 <= 4.5
    assert -21.0 <= dbm0(pcm) <= -16.0


def test_the_beep_is_one_kilohertz() -> None:
    samples = np.frombuffer(wav.read_pcm(MEDIA / "beep.wav"), dtype="<i2")
    assert abs(np.abs(np.fft.rfft(samples)).argmax() * 8000 / len(samples) - 1000) < 4
    assert -14.0 <= dbm0(samples.tobytes()) <= -12.0


def test_the_script_makes_the_same_sounds_again(tmp_path: Path) -> None:
    # In a process of its own: the synthesiser remembers what it spoke before.
    script = Path(__file__).parents[2] / "tools" / "make_sounds.py"
    subprocess.run([sys.executable, "-W", "ignore", str(script), str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in MEDIA.iterdir()}
    for path in tmp_path.iterdir():
        new = np.frombuffer(wav.read_pcm(path), dtype="<i2").astype(int)
        old = np.frombuffer(wav.read_pcm(MEDIA / path.name), dtype="<i2").astype(int)
        assert len(new) == len(old)
        # Another numpy may round another way.
        assert np.abs(new - old).max() <= 2
