import audioop
import math
import struct

import pytest

from softswitch.audio.frame import FRAME_BYTES
from softswitch.providers.downsample import Downsampler

HZ = 22050


def sine(hz: float, seconds: float = 0.4) -> bytes:
    count = int(HZ * seconds)
    return struct.pack(f"<{count}h", *(round(10000 * math.sin(2 * math.pi * hz * n / HZ)) for n in range(count)))


def down(pcm: bytes, size: int = 882) -> bytes:
    sound = Downsampler(HZ)
    return b"".join(sound.feed(pcm[at : at + size]) for at in range(0, len(pcm), size)) + sound.finish()


def decibels(pcm: bytes) -> float:
    middle = pcm[len(pcm) // 4 : len(pcm) // 4 * 3]
    return 20 * math.log10(max(1, audioop.rms(middle, 2)) / (10000 / math.sqrt(2)))


@pytest.mark.parametrize("hz", [200, 1000, 2500, 3300])
def test_the_telephone_band_passes(hz: float) -> None:
    assert decibels(down(sine(hz))) == pytest.approx(0.0, abs=0.4)


@pytest.mark.parametrize("hz", [4700, 6000, 7900, 10500])
def test_what_would_fold_back_is_gone(hz: float) -> None:
    assert decibels(down(sine(hz))) < -45


def test_pieces_leave_no_seam() -> None:
    assert down(sine(700), 882) == down(sine(700), 130)


def test_only_whole_frames_come_and_the_length_is_kept() -> None:
    pcm = down(sine(700, 1.0))
    assert len(pcm) % FRAME_BYTES == 0
    assert 0 <= len(pcm) - 16000 <= 2 * FRAME_BYTES
