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
import cmath
import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from softswitch.audio.frame import FRAME_BYTES, FRAME_MS, TELEPHONE_HZ
from softswitch.audio.level import rms_at
from softswitch.audio.tones import DTMF_HIGH_HZ, DTMF_KEYS, DTMF_LOW_HZ
from softswitch.errors import LocalError

#: Each tone must reach this; Q.24 asks for -25 dBm, and the fit at the edges of a short tone loses up to 2 dB.
MIN_TONE_DBM0: Final = -27.5
#: A frame below this holds no whole key: a part of a key at the lowest level, cut by the frame's edge.
GATE_DBM0: Final = -31.0
#: Zero crossings in 20 ms of any key lie between those of its tones, 28 and 65; noise at 15 dB shifts them a little.
MIN_CROSSINGS: Final = 14
MAX_CROSSINGS: Final = 70
#: High tone over low tone, dB: Q.24 asks for +4 and -8; the rest is for what the fit mistakes in noise.
MAX_TWIST_DB: Final = 6.0
MIN_TWIST_DB: Final = -10.0
#: Between the 1.5 % that must be accepted and the 3.5 % that must not: as near to the first as noise at 15 dB lets the
#: phases be measured, because music and vowels fall anywhere between the two.
MAX_FREQUENCY_ERROR: Final = 0.02
#: Between the 23 ms that must be refused and the 40 ms that must not.
MIN_TONE_MS: Final = 31.5
#: Between a lost packet of 20 ms, which does not end a key, and a pause of 40 ms, which does.
MIN_PAUSE_MS: Final = 30.0
#: The part of the power that both tones must explain. Noise at 15 dB leaves 0.93 of the worst key of a thousand, a key
#: too strong for G.711 (0 dBm0 for each tone) leaves 0.95; two notes or formants with their overtones stay below.
MIN_EXPLAINED: Final = 0.91
#: How steadily the phases must turn, 1 for a pure tone; noise at 15 dB leaves 0.955 of a tone 8 dB below the other.
MIN_COHERENCE: Final = 0.94
#: Frames without any sound at all (no packet came) which may lie within one press: two lost packets in a row.
MAX_LOST_FRAMES: Final = 2
#: The best row and column must hold this much of a frame's power before anybody looks closer; the blocks of 10 ms
#: lose up to a fifth of it where the frequency is 1.5 % off.
COARSE_EXPLAINED: Final = 0.6
#: A block of 5 ms belongs to the tone when both its tones have this part of their full amplitude, and the fit explains
#: this part of its energy: what a block has that the tone covers for a third.
MIN_COVER: Final = 0.35
#: A block covered this far is pure enough to judge by.
FULL_COVER: Final = 0.7

_BLOCK: Final = 40
_BLOCK_MS: Final = 1000.0 * _BLOCK / TELEPHONE_HZ
_BLOCK_SECONDS: Final = _BLOCK / TELEPHONE_HZ
_HALF: Final = FRAME_BYTES // 4
_GATE_RMS: Final = int(rms_at(GATE_DBM0))
#: Least squared amplitude of one tone; the power of a sine is half of it.
_MIN_SQUARE: Final = 2.0 * rms_at(MIN_TONE_DBM0) ** 2
#: A sine's squared Goertzel sum over n samples is its energy there times n/2: over a frame's halves, energy times this.
_COARSE_FACTOR: Final = COARSE_EXPLAINED * (_HALF / 2) * 2 * _HALF
_MAX_TWIST: Final = math.pow(10.0, MAX_TWIST_DB / 10.0)
_MIN_TWIST: Final = math.pow(10.0, MIN_TWIST_DB / 10.0)

#: The largest frequency error, as radians that the phase turns too far in one block, for each hertz.
_MAX_TURN_ERROR: Final = MAX_FREQUENCY_ERROR * 2.0 * math.pi * _BLOCK_SECONDS

Matrix = npt.NDArray[np.float32]


def _goertzel_bank() -> Matrix:
    """Return 80 samples by 16: cosine of the 8 frequencies, then sine."""
    angles = 2.0 * np.pi * np.outer(np.arange(_HALF), DTMF_LOW_HZ + DTMF_HIGH_HZ) / TELEPHONE_HZ
    return np.concatenate((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)


_BANK: Final = _goertzel_bank()


class _Key:
    """What the second stage needs for one key.

    fit: 40 samples by 8. The first four columns are the least-squares amplitudes (cosine and sine of the low tone,
    then of the high one); the last four are an orthonormal basis of the same space, whose squares are the energy that
    the tones explain. low_turn, high_turn: take back how far the phases turn from one block to the next.
    """

    __slots__ = ("fit", "high_hz", "high_turn", "low_hz", "low_turn", "name")

    def __init__(self, name: str, low_hz: int, high_hz: int) -> None:
        angles = 2.0 * np.pi * np.outer(np.arange(_BLOCK), (low_hz, high_hz)) / TELEPHONE_HZ
        basis = np.stack((np.cos(angles), np.sin(angles)), axis=2).reshape(_BLOCK, 4)
        orthonormal, _triangle = np.linalg.qr(basis)
        self.fit: Matrix = np.concatenate((np.linalg.pinv(basis).T, orthonormal), axis=1).astype(np.float32)
        self.name = name
        self.low_hz = low_hz
        self.high_hz = high_hz
        self.low_turn = cmath.rect(1.0, -2.0 * math.pi * low_hz * _BLOCK_SECONDS)
        self.high_turn = cmath.rect(1.0, -2.0 * math.pi * high_hz * _BLOCK_SECONDS)


_KEYS: Final = [
    _Key(name, low_hz, high_hz)
    for row, low_hz in zip(DTMF_KEYS, DTMF_LOW_HZ, strict=True)
    for name, high_hz in zip(row, DTMF_HIGH_HZ, strict=True)
]


class _Block(NamedTuple):
    """5 ms as a key's fit sees them: the two tones as phasors, the energy they explain, and all there is."""

    low: complex
    high: complex
    low_square: float
    high_square: float
    explained: float
    total: float


class DtmfDetector:
    """Hears the keys of one direction of one leg. Has memory."""

    __slots__ = ("_held", "_previous", "_trial")

    def __init__(self) -> None:
        #: The frame before, because a key is noticed in a frame it fills and may have begun earlier.
        self._previous: bytes | None = None
        #: The key that was reported and is not released yet.
        self._held: _Press | None = None
        #: The key that seems to be pressed.
        self._trial: _Press | None = None

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
            self._trial = _Press(key)
            found = self._try(_blocks(self._previous, key), _blocks(pcm, key))
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
            held.feed(_blocks(pcm, held.key))
            self._forget_released()
            if held.sounding and not held.foreign:
                self._trial = None
                return None
        if trial is not None:
            return self._try((), _blocks(pcm, trial.key))
        if level <= _GATE_RMS or (key := _coarse(pcm, level)) is None or (self._held and self._held.key is key):
            return None
        self._trial = _Press(key)
        return self._try(_blocks(self._previous, key), _blocks(pcm, key))

    def _try(self, before: Iterable[_Block], blocks: list[_Block]) -> str | None:
        trial = self._trial
        assert trial is not None
        trial.size(blocks)
        trial.feed(before)
        trial.feed(blocks)
        if trial.on_ms < MIN_TONE_MS:
            self._forget_released()
            return None
        self._trial = None
        if not trial.pure():
            return None
        trial.reported = True
        self._held = trial
        return trial.key.name

    def _forget_released(self) -> None:
        if self._held is not None and self._held.gap_ms >= MIN_PAUSE_MS:
            self._held = None
        if self._trial is not None and self._trial.gap_ms >= MIN_PAUSE_MS:
            self._trial = None


class _Press:
    """One key that seems to be down: how long it sounded, how long it has been silent since, and how pure it was."""

    __slots__ = (
        "_explained",
        "_high_power",
        "_high_steady",
        "_high_top",
        "_high_turns",
        "_last",
        "_low_power",
        "_low_steady",
        "_low_top",
        "_low_turns",
        "_missed",
        "_total",
        "foreign",
        "gap_ms",
        "key",
        "on_ms",
        "reported",
        "sounding",
    )

    def __init__(self, key: _Key) -> None:
        self.key = key
        self.reported = False
        #: Whether the last frame held any of the tone, and whether it held much else: the next key, without a pause.
        self.sounding = False
        self.foreign = False
        self.gap_ms = 0.0
        self._missed = 0
        self._low_top = self._high_top = 0.0
        self._begin()

    def _begin(self) -> None:
        self.on_ms = 0.0
        self._explained = self._total = 0.0
        self._low_power = self._high_power = 0.0
        self._low_turns = self._high_turns = 0j
        self._low_steady = self._high_steady = 0.0
        self._last: _Block | None = None

    def size(self, blocks: Iterable[_Block]) -> None:
        """Learn the full strength of both tones from the strongest clean blocks."""
        for block in blocks:
            if (
                block.explained >= 0.7 * block.total
                and block.low_square + block.high_square > self._low_top + self._high_top
            ):
                self._low_top, self._high_top = block.low_square, block.high_square

    def feed(self, blocks: Iterable[_Block]) -> None:
        """Hear the next blocks; a press that was reported stops listening once it is released."""
        self.sounding = False
        explained = total = 0.0
        for block in blocks:
            explained += block.explained
            total += block.total
            cover = self._cover(block)
            if cover:
                self.sounding = True
                self.on_ms += cover * _BLOCK_MS
                self.gap_ms = 0.0
                self._missed = 0
            else:
                self.gap_ms += _BLOCK_MS + self._missed * FRAME_MS
                self._missed = 0
                if self.gap_ms >= MIN_PAUSE_MS:
                    if self.reported:
                        return
                    self._begin()
            if cover >= FULL_COVER:
                self._judge(block)
            else:
                self._last = None
        self.foreign = explained < MIN_EXPLAINED * total

    def miss(self) -> None:
        """Note that 20 ms did not arrive: part of the press if the tone goes on after it, and not for too long."""
        self.sounding = False
        self._last = None
        self._missed += 1
        if self._missed > MAX_LOST_FRAMES:
            self.gap_ms += self._missed * FRAME_MS
            self._missed = 0

    def _cover(self, block: _Block) -> float:
        """Return how much of the block the tone fills, 0 to 1: amplitude grows with the part that is filled."""
        if block.explained < MIN_COVER * block.total or not self._low_top or not self._high_top:
            return 0.0
        square = min(block.low_square / self._low_top, block.high_square / self._high_top, 1.0)
        return math.sqrt(square) if square >= MIN_COVER * MIN_COVER else 0.0

    def _judge(self, block: _Block) -> None:
        self._explained += block.explained
        self._total += block.total
        self._low_power += block.low_square
        self._high_power += block.high_square
        if (last := self._last) is not None:
            low, high = block.low * last.low.conjugate(), block.high * last.high.conjugate()
            self._low_turns += low * self.key.low_turn
            self._high_turns += high * self.key.high_turn
            self._low_steady += abs(low)
            self._high_steady += abs(high)
        self._last = block

    def pure(self) -> bool:
        """Return whether what sounded so far is a key and nothing else."""
        low, high = self._low_power, self._high_power
        if not (
            min(self._low_top, self._high_top) >= _MIN_SQUARE
            and _MIN_TWIST * low <= high <= _MAX_TWIST * low
            and abs(self._low_turns) >= MIN_COHERENCE * self._low_steady > 0.0
            and abs(self._high_turns) >= MIN_COHERENCE * self._high_steady > 0.0
        ):
            return False
        # Both in radians for each block.
        low_error, high_error = cmath.phase(self._low_turns), cmath.phase(self._high_turns)
        if abs(low_error) > _MAX_TURN_ERROR * self.key.low_hz or abs(high_error) > _MAX_TURN_ERROR * self.key.high_hz:
            return False
        # A tone beside its frequency is not all explained: 1 - sinc² of half the turn, to its first term.
        missed = (low * low_error**2 + high * high_error**2) / (12.0 * (low + high))
        return self._explained >= (MIN_EXPLAINED - missed) * self._total


def _coarse(pcm: bytes, level: int) -> _Key | None:
    """Return the key whose two tones hold most of the frame, if they do."""
    if len(pcm) != FRAME_BYTES:
        raise LocalError(f"a telephone frame has {FRAME_BYTES} octets, not {len(pcm)}")
    if not MIN_CROSSINGS <= audioop.cross(pcm, 2) <= MAX_CROSSINGS:
        return None
    sums = np.frombuffer(pcm, dtype=np.int16).reshape(2, _HALF) @ _BANK
    first, second = (sums * sums).tolist()
    powers = [first[i] + first[i + 8] + second[i] + second[i + 8] for i in range(8)]
    low, high = max(powers[:4]), max(powers[4:])
    if low + high < _COARSE_FACTOR * level * level:
        return None
    return _KEYS[4 * powers.index(low, 0, 4) + powers.index(high, 4) - 4]


def _blocks(pcm: bytes | None, key: _Key) -> list[_Block]:
    """Return the four blocks of a frame as the key's fit sees them; none where nothing arrived."""
    if pcm is None:
        return []
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32).reshape(-1, _BLOCK)
    totals = (samples * samples).sum(axis=1).tolist()
    blocks = []
    for (a, b, c, d, e, f, g, h), total in zip((samples @ key.fit).tolist(), totals, strict=True):
        # The phasor of a·cos + b·sin is a - jb.
        explained = e * e + f * f + g * g + h * h
        blocks.append(_Block(complex(a, -b), complex(c, -d), a * a + b * b, c * c + d * d, explained, total))
    return blocks
