"""Tones: a steady sine of an exact level, the call progress tones with their cadences, and DTMF keys.

All frequencies are whole hertz, so every tone repeats after at most one second: it is computed once, kept as frames,
and every call that plays it shares them.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from softswitch.audio.frame import FRAME_BYTES, FRAME_MS, TELEPHONE_HZ, Frame
from softswitch.audio.level import rms_at
from softswitch.errors import LocalError

#: The frequencies of the DTMF keypad (ITU-T Q.23), and what stands where they cross.
DTMF_LOW_HZ: Final = (697, 770, 852, 941)
DTMF_HIGH_HZ: Final = (1209, 1336, 1477, 1633)
DTMF_KEYS: Final = ("123A", "456B", "789C", "*0#D")
#: Level of each of the two tones of a key we send: the high one 2 dB stronger, as ETSI ES 201 235-2 has it.
DTMF_LOW_DBM0: Final = -9.0
DTMF_HIGH_DBM0: Final = -7.0
#: A burst of tone begins and ends over this long, so that it does not click.
EDGE_MS: Final = 2

#: One sine: frequency in whole hertz, level in dBm0.
Sine = tuple[int, float]
#: A cadence: sound and silence in turn, in ms, each a multiple of 20. Empty: steady.
Cadence = tuple[int, ...]

_SECOND: Final = TELEPHONE_HZ


class Tone:
    """A `Voice` that plays a tone until nobody asks any more. Phase-continuous; deaf."""

    __slots__ = ("_frames", "_next")

    def __init__(self, *sines: Sine, cadence: Cadence = ()) -> None:
        """Play the sum of `sines`: `Tone((1004, -16.0))`. LocalError for what it cannot make."""
        self._frames = _loop(sines, cadence)
        self._next = 0

    def take(self) -> Frame | None:
        """Return the next 20 ms of the tone, None in its pauses."""
        frame = self._frames[self._next]
        self._next += 1
        if self._next == len(self._frames):
            self._next = 0
        return frame

    def give(self, frame: Frame) -> None:
        """Hear nothing."""


def milliwatt() -> Tone:
    """Return the test tone, 1004 Hz at -16 dBm0 (a level that no AGC or limiter touches)."""
    return Tone((1004, -16.0))


def hold_tone() -> Tone:
    """Return what says "you are on hold" where there is no music: two soft beeps every ten seconds.

    ITU-T E.182 names a tone on hold and leaves its sound to everybody; this one is 15 dB below a progress tone.
    """
    return Tone((425, -28.0), cadence=(100, 100, 100, 9700))


#: Call progress tones by country style (ITU-T E.180 supplement 2; ANSI T1.401 for `us`). E.180 section 5 wants
#: -10 dBm0 and allows 5 dB either way.
PROGRESS: Final[dict[str, dict[str, tuple[tuple[Sine, ...], Cadence]]]] = {
    "eu": {
        "dial": (((425, -13.0),), ()),
        "ringback": (((425, -13.0),), (1000, 4000)),
        "busy": (((425, -13.0),), (500, 500)),
        "congestion": (((425, -13.0),), (240, 240)),
    },
    "us": {
        "dial": (((350, -13.0), (440, -13.0)), ()),
        "ringback": (((440, -19.0), (480, -19.0)), (2000, 4000)),
        "busy": (((480, -24.0), (620, -24.0)), (500, 500)),
        "congestion": (((480, -24.0), (620, -24.0)), (240, 260)),
    },
}


def progress(name: str, style: str = "eu") -> Tone:
    """Return a call progress tone: `dial`, `ringback`, `busy` or `congestion`, as `eu` or `us` phones know it."""
    try:
        sines, cadence = PROGRESS[style][name]
    except KeyError:
        raise LocalError(f"no progress tone {name!r} in style {style!r}") from None
    return Tone(*sines, cadence=cadence)


def dtmf_frames(digits: Iterable[str], on_ms: int = 100, off_ms: int = 100) -> list[Frame]:
    """Return the sound of keys pressed one after the other, each followed by its pause; raise LocalError for no key.

    on_ms, off_ms: of tone and pause, exact; the last frame is filled up with silence. ITU-T Q.24 receivers want at
    least 40 ms of each, RFC 4733 section 2.5.1.2 speaks of the same.
    """
    pause = bytes(off_ms * _SECOND // 1000 * 2)
    keys = [tuple(zip(dtmf_pair(digit), (DTMF_LOW_DBM0, DTMF_HIGH_DBM0), strict=True)) for digit in digits]
    return frames_of(b"".join(burst(sines, on_ms) + pause for sines in keys))


def dtmf_pair(digit: str) -> tuple[int, int]:
    """Return the low and high frequency of a key (`0`-`9`, `*`, `#`, `A`-`D`); raise LocalError for anything else."""
    for low_hz, row in zip(DTMF_LOW_HZ, DTMF_KEYS, strict=True):
        column = row.find(digit.upper())
        if column >= 0 and len(digit) == 1:
            return low_hz, DTMF_HIGH_HZ[column]
    raise LocalError(f"{digit!r} is no DTMF key")


def sound(sines: Sequence[Sine], samples: int) -> npt.NDArray[np.float64]:
    """Return the sum of sines that all begin at phase zero, as samples on the 16-bit scale, not yet rounded."""
    time = np.arange(samples) / _SECOND
    total = np.zeros(samples)
    for frequency_hz, level_dbm0 in sines:
        total += math.sqrt(2.0) * rms_at(level_dbm0) * np.sin(2.0 * np.pi * frequency_hz * time)
    return total


def burst(sines: Sequence[Sine], duration_ms: int) -> bytes:
    """Return one short tone with soft edges, as 16-bit samples."""
    return _pcm(_edged(sound(sines, duration_ms * _SECOND // 1000)))


def frames_of(pcm: bytes) -> list[Frame]:
    """Cut telephone sound into frames, the last one filled up with silence."""
    whole = pcm + bytes(-len(pcm) % FRAME_BYTES)
    return [Frame(whole[at : at + FRAME_BYTES]) for at in range(0, len(whole), FRAME_BYTES)]


@functools.lru_cache(maxsize=64)  # a few tones for each country; a dialplan cannot ask for endlessly many
def _loop(sines: tuple[Sine, ...], cadence: Cadence) -> tuple[Frame | None, ...]:
    for frequency_hz, _level in sines:
        if not 0 < frequency_hz < _SECOND // 2 or frequency_hz != int(frequency_hz):
            raise LocalError(f"a tone of {frequency_hz} Hz is not a whole number of hertz below 4000")
    if any(part <= 0 or part % FRAME_MS for part in cadence) or len(cadence) % 2:
        raise LocalError(f"cadence {cadence} is not pairs of sound and silence in multiples of {FRAME_MS} ms")
    if not cadence:
        period = _SECOND // math.gcd(_SECOND, *(frequency_hz for frequency_hz, _level in sines))
        return tuple(frames_of(_pcm(sound(sines, math.lcm(period, FRAME_BYTES // 2)))))
    cycle: list[Frame | None] = []
    for on_ms, off_ms in zip(cadence[::2], cadence[1::2], strict=True):
        cycle += frames_of(burst(sines, on_ms))
        cycle += [None] * (off_ms // FRAME_MS)
    return tuple(cycle)


def _edged(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    count = min(EDGE_MS * _SECOND // 1000, len(samples) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / max(count, 1))
    edged = samples.copy()
    edged[:count] *= ramp
    edged[len(edged) - count :] *= ramp[::-1]
    return edged


def _pcm(samples: npt.NDArray[np.float64]) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
