"""No click where one sound ends and another begins: the old one goes on for 5 ms, turned over, and fades.

Where a voice is cut off, a party changes or music begins, the next sample may lie anywhere; that step is heard as a
click. The old sound, mirrored at its last sample, goes on with the same value and the same slope.
"""

from typing import Final

import numpy as np

from softswitch.audio.frame import Frame
from softswitch.audio.plc import Samples, pcm_of, samples_of

#: Short enough that no consonant is lost, long enough that nothing of it is heard as a click.
SPLICE_MS: Final = 5
#: A bend smaller than this (a second difference of 16-bit samples) is none: -50 dB of full scale.
LEAST_BEND: Final = 100
#: One that is no more than this many times what the sound itself bends near it is part of the sound.
USUAL_BENDS: Final = 1.5
#: How many samples on both sides say how far the sound bends.
_SEEN: Final = 8


def spliced(before: Frame | None, after: Frame) -> Frame:
    """Return `after` so that it may follow `before` (None: silence): `after` itself where nothing would click."""
    new = samples_of(after.pcm)
    old = np.zeros(len(new), dtype=np.float32) if before is None else samples_of(before.pcm)
    if before is not None and before.rate_hz != after.rate_hz:
        size = len(old) * after.rate_hz // before.rate_hz
        old = np.interp(np.linspace(0, len(old) - 1, size), np.arange(len(old)), old).astype(np.float32)
    if _follows(old, new):
        return after
    count = after.rate_hz * SPLICE_MS // 1000
    down = np.float32(0.5) + np.float32(0.5) * np.cos(
        np.arange(1, count + 1, dtype=np.float32) * np.float32(np.pi / (count + 1))
    )
    new[:count] = new[:count] * (1 - down) + (2 * old[-1] - old[-2 : -2 - count : -1]) * down
    return Frame(pcm_of(new), after.rate_hz, after.voiced, key=after.key)


def _follows(old: Samples, new: Samples) -> bool:
    """Return whether the sound bends no more from one to the other than it does within both."""
    usual = max(float(np.abs(np.diff(old[-_SEEN:], 2)).max()), float(np.abs(np.diff(new[:_SEEN], 2)).max()))
    seam = np.diff(np.concatenate((old[-2:], new[:2])), 2)
    return float(np.abs(seam).max()) <= max(LEAST_BEND, USUAL_BENDS * usual)
