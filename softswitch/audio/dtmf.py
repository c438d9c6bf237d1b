"""Keys pressed in the sound itself: DTMF for telephones that do not send RFC 4733 events.

Two stages, so that a call which only talks pays almost nothing:

1. Every frame: loud enough? The number of zero crossings that two tones of these groups make? Then the frame's power
   at the eight frequencies (Goertzel's sums, as one small matrix product): one row and one column far above the rest?
2. Only then, and while a key sounds: both tones of that key are fitted by least squares to blocks of 5 ms. What the
   fit explains is the tone, what it leaves is speech or noise; how fast the fitted phases turn is the frequency error;
   the sum of the fitted power is the duration, finer than a block.

Limits follow ITU-T Q.24 (AT&T column): levels to -25 dBm0 for each tone, twist +4/-8 dB, frequency accepted within
1.5 % and refused from 3.5 %, a tone accepted from 40 ms and refused up to 23 ms, breaks up to 10 ms bridged, a pause
from 40 ms separates equal keys. A lost packet (20 ms of silence) is bridged too.
"""

import audioop
from collections.abc import Iterable
from typing import Final

import numpy as np

from softswitch.audio.dtmf_press import KEYS, MIN_PAUSE_MS, Block, Key, Matrix, Press, blocks_of
from softswitch.audio.frame import FRAME_BYTES, TELEPHONE_HZ
from softswitch.audio.level import rms_at
from softswitch.audio.tones import DTMF_HIGH_HZ, DTMF_LOW_HZ
from softswitch.errors import LocalError

#: A frame below this holds no whole key: a part of a key at the lowest level, cut by the frame's edge.
GATE_DBM0: Final = -31.0
#: Zero crossings in 20 ms of any key lie between those of its tones, 28 and 65; noise at 15 dB shifts them a little.
MIN_CROSSINGS: Final = 14
MAX_CROSSINGS: Final = 70
#: The peak of two sines is at most twice their level, with noise at 15 dB 2.5 times; most speech has sharper peaks.
MAX_CREST: Final = 2.8
#: The best row and column must hold this much of a frame's power before anybody looks closer; the blocks of 10 ms
#: lose up to a fifth of it where the frequency is 1.5 % off.
COARSE_EXPLAINED: Final = 0.6
#: Between the 23 ms that must be refused and the 40 ms that must not.
MIN_TONE_MS: Final = 31.5

_GATE_RMS: Final = int(rms_at(GATE_DBM0))
_HALF: Final = FRAME_BYTES // 4
#: A sine's squared Goertzel sum over n samples is its energy there times n/2: over a frame's halves, energy times this.
_COARSE_FACTOR: Final = COARSE_EXPLAINED * (_HALF / 2) * 2 * _HALF


def _goertzel_bank() -> Matrix:
    """Return 80 samples by 16: cosine of the 8 frequencies, then sine."""
    angles = 2.0 * np.pi * np.outer(np.arange(_HALF), DTMF_LOW_HZ + DTMF_HIGH_HZ) / TELEPHONE_HZ
    return np.concatenate((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)


_BANK: Final = _goertzel_bank()


class DtmfDetector:
    """Hears the keys of one direction of one leg. Has memory."""

    __slots__ = ("_held", "_previous", "_trial")

    def __init__(self) -> None:
        #: The frame before, because a key is noticed in a frame it fills and may have begun earlier.
        self._previous: bytes | None = None
        #: The key that was reported and is not released yet.
        self._held: Press | None = None
        #: The key that seems to be pressed.
        self._trial: Press | None = None

    @property
    def sounding(self) -> bool:
        """Whether a key that was reported still sounds."""
        return self._held is not None

    def hear(self, pcm: bytes | None) -> str | None:
        """Hear the next 20 ms at 8000 Hz; return the key (`0`-`9`, `*`, `#`, `A`-`D`) once for each press.

        A key is reported as soon as it sounded for 31.5 ms, that is in its second or third frame. To be called every
        20 ms: None says that nothing arrived, and bridges a press over two lost packets instead of one.
        """
        if pcm is None:
            self._miss()
            return None
        level = audioop.rms(pcm, 2)
        if self._held is None and self._trial is None:
            if level <= _GATE_RMS or (key := _coarse(pcm, level)) is None:
                self._previous = pcm
                return None
            found = self._try(Press(key), blocks_of(self._previous, key), pcm)
        else:
            found = self._follow(pcm, level)
        self._previous = pcm
        return found

    def _miss(self) -> None:
        self._previous = None
        for press in (self._held, self._trial):
            if press is not None:
                press.miss()
        self._forget_released()

    def _follow(self, pcm: bytes, level: int) -> str | None:
        """Hear on while a key sounds or has just sounded."""
        held, trial = self._held, self._trial
        if held is not None:
            held.feed(blocks_of(pcm, held.key))
            self._forget_released()
            if held.sounding and not held.foreign:
                self._trial = None
                return None
        if trial is not None:
            return self._try(trial, (), pcm)
        if level <= _GATE_RMS or (key := _coarse(pcm, level)) is None or (self._held and self._held.key is key):
            return None
        return self._try(Press(key), blocks_of(self._previous, key), pcm)

    def _try(self, trial: Press, before: Iterable[Block], pcm: bytes) -> str | None:
        self._trial = trial
        blocks = blocks_of(pcm, trial.key)
        trial.size(blocks)
        trial.feed(before)
        trial.feed(blocks)
        if trial.on_ms < MIN_TONE_MS or not trial.measured:
            self._forget_released()
            return None
        self._trial = None
        if not trial.pure() or trial.sung((self._previous or b"") + pcm):
            return None
        trial.reported = True
        self._held = trial
        return trial.key.name

    def _forget_released(self) -> None:
        if self._held is not None and self._held.gap_ms >= MIN_PAUSE_MS:
            self._held = None
        if self._trial is not None and self._trial.gap_ms >= MIN_PAUSE_MS:
            self._trial = None


def _coarse(pcm: bytes, level: int) -> Key | None:
    """Return the key whose two tones hold most of the frame, if they do."""
    if len(pcm) != FRAME_BYTES:
        raise LocalError(f"a telephone frame has {FRAME_BYTES} octets, not {len(pcm)}")
    if not MIN_CROSSINGS <= audioop.cross(pcm, 2) <= MAX_CROSSINGS or audioop.max(pcm, 2) > MAX_CREST * level:
        return None
    sums = np.frombuffer(pcm, dtype=np.int16).reshape(2, _HALF) @ _BANK
    first, second = (sums * sums).tolist()
    powers = [first[i] + first[i + 8] + second[i] + second[i + 8] for i in range(8)]
    low, high = max(powers[:4]), max(powers[4:])
    if low + high < _COARSE_FACTOR * level * level:
        return None
    return KEYS[4 * powers.index(low, 0, 4) + powers.index(high, 4) - 4]
