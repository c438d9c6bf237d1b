"""Packet loss concealment: what was said goes on for a moment where nothing arrived (after ITU-T G.711 appendix I).

Theory of operation. While nothing is lost, only references to the last frames are kept; nobody looks at them. At a loss
the pitch period is found in them (the lag of 5 to 15 ms at which the last 20 ms are most like what was before), and the
sound goes on by repeating the last period, after 10 ms the last two, after 20 ms the last three, so that it does not
buzz. It fades from 10 ms on and is silent at 60 ms: what is longer was no word. Where sound comes again it fades in
over the fading continuation, for a quarter period and 4 ms for each 10 ms lost, at most 10 ms.

The appendix delays all sound by 3.75 ms, to smooth the beginning of a loss as well. Here nothing is delayed: the step
between the last sample and the repeated period is taken over a quarter period instead.

The same continuation ends sound that has a reason to stop (a pause of the peer: 10 ms), and joins sound to sound that
does not follow it (a frame was left out to shrink the delay).
"""

import functools
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from softswitch.audio.frame import FRAMES_PER_SECOND, Frame

#: Frames that must be known to continue them: three periods of the deepest voice, and a quarter.
HISTORY_FRAMES: Final = 3
#: Pitch periods looked for: voices of 66 to 200 Hz. Of a higher voice two or more periods are repeated as one.
MIN_PERIOD_MS: Final = 5
MAX_PERIOD_MS: Final = 15
#: How much of the past is compared.
COMPARED_MS: Final = 20
#: Unchanged for so long, then fading, then nothing.
WHOLE_MS: Final = 10
GONE_MS: Final = 60
#: How long the end of sound takes that was not lost, and any joint at most.
FADE_MS: Final = 10
#: Below this (the energy of the compared samples at one step of 16 bits) nothing is worth to be continued.
_NOTHING: Final = 1.0

Samples = npt.NDArray[np.float32]


class Concealer:
    """Continues one stream of sound over what is missing. Has memory: one for each direction of each leg.

    remember: to be called with every frame that was heard, concealed ones included; a plain append, because it is what
    the good case costs.
    """

    __slots__ = ("_done", "_ghost", "_past", "_rate_hz", "remember")

    def __init__(self, rate_hz: int) -> None:
        self._past: deque[Frame] = deque(maxlen=HISTORY_FRAMES)
        self.remember = self._past.append
        self._rate_hz = rate_hz
        #: What the sound would have been from the end of the past on, and how much of it was used.
        self._ghost: Samples | None = None
        self._done = 0

    @property
    def last(self) -> Frame | None:
        """Return the frame heard last."""
        return self._past[-1] if self._past else None

    @property
    def concealing(self) -> bool:
        """Whether what was given last was made up, or silence after it."""
        return self._ghost is not None

    @property
    def gone(self) -> bool:
        """Whether nothing is left to be continued."""
        return not self._past or (self._ghost is not None and self._done >= len(self._ghost))

    def miss(self, count: int, *, lost: bool, part: Sequence[Samples] = ()) -> Samples:
        """Return the next `count` samples of what is missing. lost: whether it was meant to be sound.

        part: the beginning of the frame that is being put together, which nobody remembers yet.
        """
        if self._ghost is None:
            past = self._samples(part)
            self._ghost, self._done = _continued(past, self._rate_hz, WHOLE_MS if lost else 0), 0
        made = np.zeros(count, dtype=np.float32)
        rest = self._ghost[self._done : self._done + count]
        made[: len(rest)] = rest
        self._done += count
        return made

    def join(self, samples: Samples, under: Samples | None = None, *, part: Sequence[Samples] = ()) -> Samples:
        """Return sound that comes again, joined to what was before. under: noise that was heard meanwhile."""
        if self._ghost is None:  # nothing is missing here, and yet it does not follow
            self.miss(0, lost=True, part=part)
            fade = self._rate_hz * FADE_MS // 1000
        else:
            lost_ms = 1000 * self._done // self._rate_hz
            fade = self._rate_hz * min(MIN_PERIOD_MS + 4 * max(0, lost_ms - 10) // 10, FADE_MS) // 1000
        fade = min(fade, len(samples))
        up = _rising(fade)
        before = self.miss(fade, lost=False)
        if under is not None:
            before += under[:fade]
        joined = samples.copy()
        joined[:fade] = samples[:fade] * up + before * (1 - up)
        self._ghost = None
        return joined

    def forget(self) -> None:
        """Begin anew: what comes next has nothing to do with what was."""
        self._past.clear()
        self._ghost = None

    def _samples(self, part: Sequence[Samples]) -> Samples:
        pcm = b"".join([frame.pcm for frame in self._past if frame.rate_hz == self._rate_hz])
        size = HISTORY_FRAMES * self._rate_hz // FRAMES_PER_SECOND
        past = samples_of(pcm.rjust(2 * size, b"\0"))
        return np.concatenate((past, *part))[-size:] if part else past


def samples_of(pcm: bytes) -> Samples:
    """Return 16-bit samples as numbers to calculate with."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32)


def pcm_of(samples: Samples) -> bytes:
    """Return samples as 16 bits again."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


def _period(past: Samples, rate_hz: int) -> int:
    """Return the lag at which the last 20 ms are most like what was before, in samples; 0 where all is silent."""
    least, most = rate_hz * MIN_PERIOD_MS // 1000, rate_hz * MAX_PERIOD_MS // 1000
    size = rate_hz * COMPARED_MS // 1000
    recent = past[-size:]
    if float(recent @ recent) < _NOTHING * size:
        return 0
    before = past[-size - most : -least]
    likeness = np.correlate(before, recent, "valid")
    power = np.concatenate((np.zeros(1), np.cumsum(np.square(before, dtype=np.float64))))
    energy = power[size:] - power[:-size]
    # The longest lag stands first.
    return most - int(np.argmax(likeness / np.sqrt(np.maximum(energy, _NOTHING * size))))


def _continued(past: Samples, rate_hz: int, whole_ms: int) -> Samples:
    """Return how the past goes on: fading from `whole_ms` on, for 60 ms where that is not at once, else for 10."""
    period = _period(past, rate_hz)
    if not period:
        return past[:0]
    step, overlap = rate_hz // 100, period // 4
    total = rate_hz * (GONE_MS if whole_ms else FADE_MS) // 1000
    up = _rising(overlap)
    time = _counting(total)
    shorter = _loop(past, period, up)
    made = shorter.take(time, mode="wrap")
    for periods, start in ((2, step), (3, 2 * step)) if total > step else ():
        loop = _loop(past, periods * period, up)
        made[start:] = loop.take(time[start:], mode="wrap")
        head = slice(start, start + overlap)
        made[head] = made[head] * up + shorter.take(time[head], mode="wrap") * (1 - up)
        shorter = loop
    # The step to the repeated period, taken slowly.
    made[:overlap] += (past[-1] - past[-1 - period]) * (1 - up)
    kept = rate_hz * whole_ms // 1000
    made[kept:] *= _rising(total - kept)[::-1]
    return made


@functools.lru_cache(maxsize=512)  # one for each period of each rate
def _rising(count: int) -> Samples:
    """Return a ramp from nothing to one, not to be changed."""
    return (np.arange(1, count + 1, dtype=np.float32) - np.float32(0.5)) / np.float32(count)


@functools.lru_cache(maxsize=16)
def _counting(count: int) -> npt.NDArray[np.intp]:
    """Return the numbers from nought on, not to be changed."""
    return np.arange(count)


def _loop(past: Samples, length: int, up: Samples) -> Samples:
    """Return the last `length` samples so that the first follows the last: it ends as what was before its beginning."""
    loop = past[-length:].copy()
    overlap = len(up)
    loop[-overlap:] = loop[-overlap:] * (1 - up) + past[-length - overlap : -length] * up
    return loop
