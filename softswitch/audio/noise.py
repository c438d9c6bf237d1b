"""Comfort noise (RFC 3389): what a peer says its silence sounds like, as sound; and our own silence, as its payload.

The payload is a level and, at will, the spectrum as reflection coefficients. Noise of that spectrum is made once, one
second that begins where it ends, by giving every line of the spectrum its strength and any phase: no filter has to run
while it is heard.
"""

import functools
import math
from typing import Final

import numpy as np

from softswitch.audio.frame import FRAMES_PER_SECOND, Frame
from softswitch.audio.level import rms_at
from softswitch.audio.plc import Samples, pcm_of, samples_of

#: 0 dBov, a square wave of the largest value, is 6.18 dBm0 (RFC 3389 section 3).
OVERLOAD_DBM0: Final = 6.18
#: Nobody's room is louder than this, whatever a packet says: -30 dBov.
LOUDEST: Final = 30
#: This faint, there is nothing to be heard: below the smallest step of G.711.
FAINTEST: Final = 78
#: More coefficients than this show nothing that anybody hears in noise; RFC 3389 sets no limit.
MAX_ORDER: Final = 12
#: Spectra kept for all calls: 16 kB each.
KEPT: Final = 64
#: How loud our own silence is where we send comfort noise: a quiet room, -68 dBm0 (ITU-T G.711 appendix II speaks of
#: levels from -70 on). A level alone is white noise.
OWN_NOISE: Final = bytes((74,))

Loop = tuple[Frame, ...]


class Noise:
    """Comfort noise on one leg. payload: what it was made from. frames: how many of it were heard."""

    __slots__ = ("_loop", "frames", "payload")

    def __init__(self, payload: bytes, rate_hz: int) -> None:
        self.payload = payload
        self._loop = _loop(_levelled(payload), rate_hz)
        self.frames = 0

    def frame(self) -> Frame | None:
        """Return the next 20 ms; None where it is too faint to be heard."""
        self.frames += 1
        return self._loop[self.frames % len(self._loop)] if self._loop else None

    def samples(self) -> Samples | None:
        """Return the next 20 ms as samples."""
        frame = self.frame()
        return None if frame is None else samples_of(frame.pcm)


def _levelled(payload: bytes) -> bytes:
    """Return a payload with a level that is one, and no more coefficients than are used."""
    level = payload[0] & 0x7F if payload else FAINTEST
    return bytes((max(level, LOUDEST),)) + payload[1 : 1 + MAX_ORDER]


@functools.lru_cache(maxsize=KEPT)
def _loop(payload: bytes, rate_hz: int) -> Loop:
    """Return one second of the noise, nothing where it cannot be heard."""
    if payload[0] >= FAINTEST:
        return ()
    lines = np.fft.rfftfreq(rate_hz)[1:-1]
    strength = 1.0 / np.abs(np.polynomial.polynomial.polyval(np.exp(-2j * np.pi * lines), _predictor(payload[1:])))
    # A second has one line for each hertz; a telephone passes none below 200.
    strength[:200] = 0.0
    spectrum = np.concatenate(([0.0], strength * _phases(len(lines)), [0.0]))
    sound = np.fft.irfft(spectrum, rate_hz)
    sound *= rms_at(OVERLOAD_DBM0 - payload[0]) / math.sqrt(float(np.mean(sound * sound)))
    pcm = pcm_of(sound.astype(np.float32))
    size = len(pcm) // FRAMES_PER_SECOND
    return tuple(Frame(pcm[at : at + size], rate_hz, voiced=False) for at in range(0, len(pcm), size))


def _phases(count: int) -> "np.ndarray[tuple[int], np.dtype[np.complex128]]":
    """Return phases without any order, the same for everybody: the finaliser of MurmurHash3 on their numbers."""
    value = np.arange(1, count + 1, dtype=np.uint32)
    for factor in (0x85EBCA6B, 0xC2B2AE35):
        value = (value ^ value >> np.uint32(15)) * np.uint32(factor)
    angles = (value ^ value >> np.uint32(16)).astype(np.float64) * (2.0 * np.pi / 2**32)
    return np.cos(angles) + 1j * np.sin(angles)


def _predictor(octets: bytes) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the polynomial A(z) of reflection coefficients, quantised as RFC 3389 section 3.2 has it."""
    taps = np.ones(1)
    for octet in octets:
        # 127 is zero; a coefficient of one or more would be no filter that is stable.
        reflection = min(max(258.0 * (octet - 127) / 32768.0, -0.99), 0.99)
        longer = np.append(taps, 0.0)
        taps = longer + reflection * longer[::-1]
    return taps
