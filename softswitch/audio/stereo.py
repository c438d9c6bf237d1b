"""Two sides of a call as one stereo sound: each side brought to the rate of the file, then one sample of each in turn.

A side may change its rate in the middle (another codec after a re-INVITE); it stays where it is by the sample all the
same, because what a filter delays is taken out again.
"""

import numpy as np

from softswitch.audio.frame import FRAMES_PER_SECOND
from softswitch.audio.resample import Resampler


def interleaved(left: bytes, right: bytes) -> bytes:
    """Return two sides of the same length, 16-bit mono each, as 16-bit stereo."""
    both = np.empty((len(left) // 2, 2), dtype="<i2")
    both[:, 0] = np.frombuffer(left, dtype="<i2")
    both[:, 1] = np.frombuffer(right, dtype="<i2")
    sound: bytes = both.tobytes()
    return sound


class Side:
    """One side of a recording, on its way to the rate of the file. ready: samples that are due to be written."""

    __slots__ = ("_late", "_owed", "_rate", "_resampler", "_source_hz", "ready")

    def __init__(self, rate_hz: int) -> None:
        self.ready = bytearray()
        self._rate = rate_hz
        self._source_hz = rate_hz
        self._resampler: Resampler | None = None
        self._late = 0  # octets of the filter's delay that are still to be dropped
        self._owed = 0  # octets that were fed, and are not ready yet

    def feed(self, pcm: bytes, hz: int, frames: int) -> None:
        """Take so many frames of sound; one that is longer or shorter than it should be shall not move the rest."""
        wanted = frames * (hz * 2 // FRAMES_PER_SECOND)
        if len(pcm) != wanted:
            pcm = pcm[:wanted] + bytes(wanted - len(pcm[:wanted]))
        if hz != self._source_hz:
            self.settle()
            self._source_hz = hz
            if hz != self._rate:
                self._resampler = Resampler(hz, self._rate)
                self._late = self._resampler.delay_samples * 2
        if self._resampler is None:
            self.ready += pcm
            return
        self._owed += frames * (self._rate * 2 // FRAMES_PER_SECOND)
        self._ripen(self._resampler.feed(pcm))

    def settle(self) -> None:
        """Make ready all that was fed: what is still within the filter, too."""
        resampler, self._resampler = self._resampler, None
        self._source_hz = self._rate
        while resampler is not None and self._owed:
            self._ripen(resampler.feed(bytes(FRAMES_PER_SECOND * 2)))

    def _ripen(self, out: bytes) -> None:
        dropped = min(self._late, len(out))
        self._late -= dropped
        out = out[dropped : dropped + self._owed]
        self._owed -= len(out)
        self.ready += out
