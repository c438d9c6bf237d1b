"""Makes telephone sound of a synthesiser's, inside a worker: by `audioop`, for numpy would double the worker's memory.

A low-pass filter at twice the synthesiser's rate, then straight lines between its samples: what they mirror into the
telephone band is 50 dB down up to 3 kHz, below the noise of G.711.
"""

import audioop
import math
from array import array
from typing import Any, Final

from softswitch.audio.frame import FRAME_BYTES, TELEPHONE_HZ

#: The pass band ends, and the stop band begins: what lies between them folds to where a telephone hears nothing.
PASS_HZ: Final = 3400.0
STOP_HZ: Final = 4600.0
STOP_DB: Final = 50.0
#: Room for the sums of the filter before they are whole.
_HEADROOM: Final = 4.0


class Downsampler:
    """One sound on its way from `from_hz` to whole telephone frames, times `gain`."""

    def __init__(self, from_hz: int, gain: float = 1.0) -> None:
        even, odd = _phases(from_hz)
        self._phases = tuple(tuple(tap * 2.0 * gain for tap in phase) for phase in (even, odd))
        self._taps = len(even)
        self._double_hz = from_hz * 2
        self._line = bytes(4 * (self._taps - 1))
        self._state: Any = None
        self._rest = b""

    def feed(self, pcm: bytes) -> bytes:
        """Take 16-bit samples, return the frames that are whole now, one after another."""
        fresh = audioop.mul(audioop.lin2lin(pcm, 2, 4), 4, 1.0 / _HEADROOM)
        line = self._line + fresh
        self._line = line[len(fresh) :]
        both = array("h", bytes(2 * len(pcm)))
        for phase, taps in enumerate(self._phases):
            both[phase::2] = array("h", self._filtered(line, taps, len(fresh)))
        slow, self._state = audioop.ratecv(both, 2, 1, self._double_hz, TELEPHONE_HZ, self._state)
        self._rest += slow
        whole = len(self._rest) - len(self._rest) % FRAME_BYTES
        frames, self._rest = self._rest[:whole], self._rest[whole:]
        return frames

    def finish(self) -> bytes:
        """Return what is left, the last frame filled up with silence."""
        frames = self.feed(bytes(2 * self._taps))
        rest, self._rest = self._rest, b""
        return frames + rest + bytes(-len(rest) % FRAME_BYTES)

    def _filtered(self, line: bytes, taps: tuple[float, ...], size: int) -> bytes:
        end = len(line)
        total = audioop.mul(line[end - size :], 4, taps[0])
        for late, tap in enumerate(taps[1:], 1):
            at = end - size - 4 * late
            total = audioop.add(total, audioop.mul(line[at : at + size], 4, tap), 4)
        return audioop.lin2lin(audioop.mul(total, 4, _HEADROOM), 4, 2)


def _phases(from_hz: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return a Kaiser-windowed sinc at twice the rate, its even and its odd taps; together they sum up to 1."""
    rate = from_hz * 2.0
    width = (STOP_HZ - PASS_HZ) / rate
    half = math.ceil((STOP_DB - 8.0) / (2.285 * 2.0 * math.pi * width) / 2.0)
    beta = 0.5842 * (STOP_DB - 21.0) ** 0.4 + 0.07886 * (STOP_DB - 21.0)
    cutoff = (PASS_HZ + STOP_HZ) / rate
    taps = []
    for place in range(-half, half + 2):
        angle = math.pi * cutoff * place
        sinc = math.sin(angle) / angle if place else 1.0
        edge = 1.0 - (place / (half + 1.0)) ** 2
        taps.append(cutoff * sinc * _bessel(beta * math.sqrt(max(0.0, edge))) / _bessel(beta))
    total = sum(taps)
    scaled = [tap / total for tap in taps]
    return tuple(scaled[0::2]), tuple(scaled[1::2])


def _bessel(x: float) -> float:
    """Return the modified Bessel function of the first kind, order 0."""
    total = term = 1.0
    for n in range(1, 30):
        term *= (x / (2.0 * n)) ** 2
        total += term
    return total
