"""Change the sampling rate: a polyphase FIR filter that lets through what the slower rate can carry, and no more.

The filter is a windowed sinc (Kaiser), flat to 85 % of the slower rate's Nyquist frequency and at least 60 dB down
from that frequency on, so nothing folds back: 8000 Hz keeps the telephone band to 3400 Hz.
"""

import functools
import math
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from softswitch.errors import LocalError

#: Attenuation from the slower rate's Nyquist frequency on.
STOP_DB: Final = 64.0
#: Where the pass band ends, as a part of that frequency.
PASS: Final = 0.85
#: Rates beyond these are no sound that a telephone switch meets.
MIN_HZ: Final = 4000
MAX_HZ: Final = 192_000
#: The filter has some fifty taps for each step: a file that claims 44101 Hz shall not make one of two million.
MAX_STEPS: Final = 1000
#: Outputs computed at once: 2048 windows of some hundred taps each stay within the cache of one core.
_BLOCK: Final = 2048

Samples = npt.NDArray[np.float32]


def resample(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """Return a whole sound at another rate, not delayed: 16-bit mono in and out, its duration kept to the sample.

    Raises LocalError for rates outside 4 to 192 kHz.
    """
    if from_hz == to_hz:
        return pcm
    resampler = Resampler(from_hz, to_hz)
    wanted = -(-len(pcm) // 2 * to_hz // from_hz) * 2
    delay = resampler.delay_samples * 2
    out = resampler.feed(pcm)
    while len(out) < wanted + delay:
        out += resampler.feed(bytes(from_hz // 50 * 2))
    return out[delay : delay + wanted]


class Resampler:
    """Changes the rate of a stream, piece by piece, without a seam between the pieces.

    The output is late by `delay_samples`; each piece gives as many samples as its own length and the rates make, so
    20 ms in are 20 ms out.
    """

    __slots__ = ("_bank", "_down", "_history", "_phase", "_taps", "_up", "delay_samples")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if not (MIN_HZ <= from_hz <= MAX_HZ and MIN_HZ <= to_hz <= MAX_HZ):
            raise LocalError(f"cannot change {from_hz} Hz to {to_hz} Hz: rates are {MIN_HZ} to {MAX_HZ} Hz")
        self._up, self._down = _steps(from_hz, to_hz)
        self._bank = _bank(self._up, self._down)
        self._taps = self._bank.shape[1]
        self._history: Samples = np.zeros(self._taps - 1, dtype=np.float32)
        #: Position of the next output, in steps of 1/up of an input sample, from the first new input sample.
        self._phase = 0
        #: How many output samples the sound comes later than it went in.
        self.delay_samples = _centre(self._up, self._down) // self._down

    def feed(self, pcm: bytes) -> bytes:
        """Take 16-bit mono sound of any length, and return what it makes at the other rate."""
        fresh = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        line: Samples = np.concatenate((self._history, fresh))
        count = -(-(len(fresh) * self._up - self._phase) // self._down)
        pieces = [self._outputs(line, start, min(_BLOCK, count - start)) for start in range(0, count, _BLOCK)]
        self._history = line[len(fresh) :]
        self._phase += max(count, 0) * self._down - len(fresh) * self._up
        return b"".join(pieces)

    def _outputs(self, line: Samples, start: int, count: int) -> bytes:
        taps, up, down = self._taps, self._up, self._down
        if down == 1 or up == 1:
            return self._whole(line, start, count)
        places = self._phase + (start + np.arange(count)) * self._down
        windows = np.lib.stride_tricks.sliding_window_view(line, taps)
        return _pcm(np.einsum("ij,ij->i", windows[places // up], self._bank[places % up]))

    def _whole(self, line: Samples, start: int, count: int) -> bytes:
        """Return outputs where one rate is a multiple of the other: plain correlations, five times as fast."""
        taps, up, down = self._taps, self._up, self._down
        place = self._phase + start * down
        if up == 1:  # each output is the sum over every `down`th input, for each of the places between them
            span = line[place : place + (count - 1) * down + taps]
            out = np.zeros(count, dtype=np.float32)
            for first in range(min(down, taps)):
                out += np.correlate(span[first::down], self._bank[0, first::down])[:count]
            return _pcm(out)
        first, phase = divmod(place, up)
        needed = -(-(phase + count) // up)
        span = line[first : first + needed + taps - 1]
        rows = np.stack([np.correlate(span, row) for row in self._bank], axis=1)
        return _pcm(rows.reshape(-1)[phase : phase + count])


def _pcm(samples: Samples) -> bytes:
    pcm: bytes = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
    return pcm


def _steps(from_hz: int, to_hz: int) -> tuple[int, int]:
    """Return by how much to go up and down: exact for every usual pair of rates, a millionth off for odd ones."""
    slower = Fraction(min(from_hz, to_hz), max(from_hz, to_hz)).limit_denominator(MAX_STEPS)
    ratio = slower if to_hz < from_hz else 1 / slower
    return ratio.numerator, ratio.denominator


def _centre(up: int, down: int) -> int:
    """Return where the filter's middle is: far enough for `STOP_DB`, and a whole number of outputs late."""
    width = (1.0 - PASS) / max(up, down)
    half = (STOP_DB - 7.95) / (2.285 * math.pi * width) / 2.0
    return math.ceil(half / down) * down


@functools.lru_cache(maxsize=32)  # one for each pair of rates in use
def _bank(up: int, down: int) -> Samples:
    """Return the filter as one row of taps for each of the `up` positions between two input samples."""
    # In units of the common rate (input * up), whose Nyquist frequency is 1.
    stop = 1.0 / max(up, down)
    beta = 0.1102 * (STOP_DB - 8.7)
    centre = _centre(up, down)
    taps = -(-(2 * centre + 1) // up)
    at = np.arange(taps * up) - centre
    inside = np.clip(1.0 - (at / (centre + 1)) ** 2, 0.0, None)
    cutoff = stop * (1.0 + PASS) / 2.0
    filter_ = cutoff * np.sinc(cutoff * at) * np.i0(beta * np.sqrt(inside)) / np.i0(beta)
    # Row p holds the taps for an output p/up behind an input sample, oldest input first.
    bank = filter_.reshape(taps, up).T[:, ::-1]
    # Each row passes direct current exactly, or a steady input would ripple at the output.
    return np.ascontiguousarray(bank / bank.sum(axis=1, keepdims=True), dtype=np.float32)
