"""What is heard of a peer where its sound has holes: the sound goes on, or the peer's comfort noise, and joins again.

Puts `plc` and `noise` together; while nothing is missing it does nothing but remember the last frames.
"""

import audioop
from collections.abc import Sequence
from typing import Final

import numpy as np

from softswitch.audio.frame import FRAMES_PER_SECOND, Frame
from softswitch.audio.level import rms_at
from softswitch.audio.noise import Noise
from softswitch.audio.plc import Concealer, Samples, pcm_of, samples_of

#: Whose sound was fainter than this before nothing came any more has paused (with silence suppression, the last that is
#: sent is the room): it fades and is not continued.
PAUSE_DBM0: Final = -50.0
#: Other noise is made only so often: a spectrum costs half a millisecond, and a room does not change faster.
LEAST_NOISE_FRAMES: Final = 10

_PAUSE_RMS: Final = int(rms_at(PAUSE_DBM0))


class Mender:
    """Mends the sound of one peer. Has memory: one for each direction of each leg.

    remember: to be called with every frame that arrived whole. broken: whether the next that arrives must be joined
    to what was made up. lost: frames that were made up, wholly or in part, because they should have come.

    Everywhere `missing` says why something is not there: None that it was lost, an empty string that nothing was sent,
    else the payload of comfort noise (RFC 3389).
    """

    __slots__ = ("_concealer", "_noise", "_rate_hz", "_size", "broken", "lost", "remember")

    def __init__(self, rate_hz: int) -> None:
        self._concealer = Concealer(rate_hz)
        self._noise: Noise | None = None
        self._rate_hz = rate_hz
        self._size = rate_hz // FRAMES_PER_SECOND
        self.remember = self._concealer.remember
        self.broken = False
        self.lost = 0

    def gap(self, missing: bytes | None, *, key: bool = False) -> Frame | None:
        """Return what is heard where nothing came; None is silence. key: whether one sounded until now."""
        concealer = self._concealer
        if concealer.gone:
            noise = self._noise
            if noise is None and not missing:
                return None
            self.broken = True
            if noise is not None and (noise.payload == missing or noise.frames < LEAST_NOISE_FRAMES):
                return noise.frame()
        voiced = concealer.last is not None and bool(concealer.last.voiced)
        made = self._missed(self._size, missing, ())
        return self._frame(made, voiced=voiced and missing is None, key=key)

    def mended(self, frame: Frame, holes: Sequence[tuple[int, int]], missing: bytes | None, *, joint: bool) -> Frame:
        """Return a frame with its holes (from, to, in samples) filled. joint: it does not follow what was before."""
        samples = samples_of(frame.pcm)
        parts: list[Samples] = []
        at, joint = 0, joint or self.broken
        for start, end in (*holes, (len(samples), len(samples))):
            if start > at:
                sound = samples[at:start]
                parts.append(self._join(sound, parts) if joint else sound)
            if end > start:
                parts.append(self._missed(end - start, missing, parts))
            at, joint = end, True
        self.broken = bool(holes) and holes[-1][1] == len(samples)
        return self._frame(np.concatenate(parts), voiced=frame.voiced, key=frame.key)

    def _missed(self, count: int, missing: bytes | None, part: Sequence[Samples]) -> Samples:
        self.broken = True
        last = self._concealer.last
        quiet = last is None or (not part and audioop.rms(last.pcm, 2) <= _PAUSE_RMS)
        lost = missing is None and not quiet
        self.lost += lost
        made = self._concealer.miss(count, lost=lost, part=part)
        noise = self._under(count, missing)
        return made if noise is None else made + noise

    def _join(self, samples: Samples, part: Sequence[Samples]) -> Samples:
        under = None if self._noise is None else self._noise.samples()
        self._noise = None
        return self._concealer.join(samples, under, part=part)

    def _under(self, count: int, missing: bytes | None) -> Samples | None:
        """Return the next noise, which comes, goes and changes within one frame."""
        before, after = self._noise, self._noise
        if (before.payload if before is not None else b"") != (missing or b""):
            after = self._noise = Noise(missing, self._rate_hz) if missing else None
        if before is None and after is None:
            return None
        old = before.samples() if before is not None else None
        if before is after:
            return None if old is None else old[:count]
        up = np.linspace(0.0, 1.0, count, dtype=np.float32)
        total = np.zeros(count, dtype=np.float32)
        if old is not None:
            total += old[:count] * (1 - up)
        if after is not None and (new := after.samples()) is not None:
            total += new[:count] * up
        return total

    def _frame(self, samples: Samples, *, voiced: bool | None, key: bool) -> Frame:
        frame = Frame(pcm_of(samples), self._rate_hz, voiced, key=key)
        self.remember(frame)
        return frame
