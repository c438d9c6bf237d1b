"""One key that seems to be down: the second stage of hearing keys in sound. `dtmf` is the first, and tells of both.

The two tones of the key are fitted by least squares to blocks of 5 ms. How far the fit fills a block is the duration,
finer than a block; what it leaves is speech or noise; how fast the fitted phases turn is the frequency error.
"""

import cmath
import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from softswitch.audio.frame import FRAME_MS, TELEPHONE_HZ
from softswitch.audio.level import rms_at
from softswitch.audio.tones import DTMF_HIGH_HZ, DTMF_KEYS, DTMF_LOW_HZ

#: Each tone must reach this; Q.24 asks for -25 dBm, and the fit at the edges of a short tone loses up to 2 dB.
MIN_TONE_DBM0: Final = -27.5
#: High tone over low tone, dB: Q.24 asks for +4 and -8; the rest is for what the fit mistakes in noise.
MAX_TWIST_DB: Final = 6.0
MIN_TWIST_DB: Final = -10.0
#: Between the 1.5 % that must be accepted and the 3.5 % that must not: as near to the first as noise at 15 dB lets the
#: phases be measured, because music and vowels fall anywhere between the two.
MAX_FREQUENCY_ERROR: Final = 0.02
#: Between a lost packet of 20 ms, which does not end a key, and a pause of 40 ms, which does.
MIN_PAUSE_MS: Final = 30.0
#: The part of the power that both tones must explain. Noise at 15 dB leaves 0.955 of the worst key of a thousand, a key
#: too strong for G.711 (0 dBm0 for each tone) leaves 0.985; two notes or formants with their overtones stay below 0.93.
MIN_EXPLAINED: Final = 0.94
#: The same with the edges and breaks of the tone, which hold some of it: a break of 10 ms leaves 0.93 in that noise.
MIN_EXPLAINED_WITH_EDGES: Final = 0.9
#: Where the tones leave more than this, the rest must be noise: the overtones of a voice stand out of it as lines.
NEARLY_ALL: Final = 0.975
#: How far the strongest line of the rest may stand above its mean: of white noise, one rest of 1000 has such a line.
MAX_LINE: Final = 12.0
#: Less than 15 ms cannot tell lines from noise.
MIN_REST_BLOCKS: Final = 3
#: A block this much explained is the tone's own, and shows how strong it is.
CLEAN: Final = 0.7
#: How steadily the phases must turn, 1 for a pure tone; noise at 15 dB leaves 0.96 of a tone 8 dB below the other.
MIN_COHERENCE: Final = 0.94
#: Frames without any sound at all (no packet came) which may lie within one press: two lost packets in a row.
MAX_LOST_FRAMES: Final = 2
#: A block of 5 ms belongs to the tone when both its tones have this part of their full amplitude, and the fit explains
#: this part of its energy: what a block has that the tone covers for a third.
MIN_COVER: Final = 0.35
#: A block covered this far is pure enough to judge by.
FULL_COVER: Final = 0.7
FULL_EXPLAINED: Final = 0.85

_BLOCK: Final = 40
_BLOCK_MS: Final = 1000.0 * _BLOCK / TELEPHONE_HZ
_BLOCK_SECONDS: Final = _BLOCK / TELEPHONE_HZ
#: Least squared amplitude of one tone; the power of a sine is half of it.
_MIN_SQUARE: Final = 2.0 * rms_at(MIN_TONE_DBM0) ** 2
_MAX_TWIST: Final = math.pow(10.0, MAX_TWIST_DB / 10.0)
_MIN_TWIST: Final = math.pow(10.0, MIN_TWIST_DB / 10.0)
#: By how many radians the phase turns too far in one block, for each hertz of error.
_TURN: Final = 2.0 * math.pi * _BLOCK_SECONDS

Matrix = npt.NDArray[np.float32]


class Key:
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


KEYS: Final = [
    Key(name, low_hz, high_hz)
    for row, low_hz in zip(DTMF_KEYS, DTMF_LOW_HZ, strict=True)
    for name, high_hz in zip(row, DTMF_HIGH_HZ, strict=True)
]


class Block(NamedTuple):
    """5 ms as a key's fit sees them: the two tones as phasors, the energy they explain, and all there is."""

    low: complex
    high: complex
    low_square: float
    high_square: float
    explained: float
    total: float


def blocks_of(pcm: bytes | None, key: Key) -> list[Block]:
    """Return the four blocks of a frame as the key's fit sees them; none where nothing arrived."""
    if pcm is None:
        return []
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32).reshape(-1, _BLOCK)
    totals = (samples * samples).sum(axis=1).tolist()
    blocks = []
    for (a, b, c, d, e, f, g, h), total in zip((samples @ key.fit).tolist(), totals, strict=True):
        # The phasor of a·cos + b·sin is a - jb.
        explained = e * e + f * f + g * g + h * h
        blocks.append(Block(complex(a, -b), complex(c, -d), a * a + b * b, c * c + d * d, explained, total))
    return blocks


class _Purity:
    """How much a run of blocks is two steady tones and nothing else."""

    __slots__ = (
        "_explained",
        "_high",
        "_high_steady",
        "_high_turns",
        "_last",
        "_low",
        "_low_steady",
        "_low_turns",
        "_total",
    )

    def __init__(self) -> None:
        self._explained = self._total = 0.0
        self._low = self._high = 0.0
        self._low_turns = self._high_turns = 0j
        self._low_steady = self._high_steady = 0.0
        self._last: Block | None = None

    @property
    def measured(self) -> bool:
        """Whether there were two blocks in a row."""
        return self._low_steady > 0.0

    def add(self, block: Block) -> None:
        """Judge the next block."""
        self.surround(block.explained, block.total)
        self._low += block.low_square
        self._high += block.high_square
        if (last := self._last) is not None:
            low, high = block.low * last.low.conjugate(), block.high * last.high.conjugate()
            self._low_turns += low
            self._high_turns += high
            self._low_steady += abs(low)
            self._high_steady += abs(high)
        self._last = block

    def surround(self, explained: float, total: float) -> None:
        """Judge energy that is only partly of the tones: an edge or a break between two blocks."""
        self._explained += explained
        self._total += total

    def interrupt(self) -> None:
        """Note that the next block does not follow the last."""
        self._last = None

    def errors_hz(self, key: Key) -> tuple[float, float]:
        """Return by how much the two tones lie above the key's."""
        low, high = cmath.phase(self._low_turns * key.low_turn), cmath.phase(self._high_turns * key.high_turn)
        return low / _TURN, high / _TURN

    def holds(self, key: Key, explained: float) -> bool:
        """Return whether this is the key and nothing else; explained: the part of the power it must be."""
        low, high = self._low, self._high
        if not (
            _MIN_TWIST * low <= high <= _MAX_TWIST * low
            and abs(self._low_turns) >= MIN_COHERENCE * self._low_steady > 0.0
            and abs(self._high_turns) >= MIN_COHERENCE * self._high_steady > 0.0
        ):
            return False
        low_error, high_error = self.errors_hz(key)
        if abs(low_error) > MAX_FREQUENCY_ERROR * key.low_hz or abs(high_error) > MAX_FREQUENCY_ERROR * key.high_hz:
            return False
        # A tone beside its frequency is not all explained: 1 - sinc² of half its turn in a block, to the first term.
        missed = (low * (low_error * _TURN) ** 2 + high * (high_error * _TURN) ** 2) / (12.0 * (low + high))
        return self._explained >= (explained - missed) * self._total


class Press:
    """One key that seems to be down: how long it sounded, how long it has been silent since, and how pure it was."""

    __slots__ = (
        "_all",
        "_began",
        "_between",
        "_high_top",
        "_inner",
        "_low_top",
        "_missed",
        "_newest",
        "_run",
        "foreign",
        "gap_ms",
        "key",
        "on_ms",
        "reported",
        "sounding",
    )

    def __init__(self, key: Key) -> None:
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
        #: Every full block; and without the edges of the tone, which are neither pure nor steady.
        self._all = _Purity()
        self._inner = _Purity()
        #: How many full blocks came in a row, and the newest of them.
        self._run = 0
        self._newest: Block | None = None
        #: Whether there was a full block, and the energy since the last one: explained, and all there is.
        self._began = False
        self._between = (0.0, 0.0)

    def size(self, blocks: Iterable[Block]) -> None:
        """Learn the full strength of both tones from the strongest clean blocks."""
        for block in blocks:
            top = self._low_top + self._high_top
            if block.explained >= CLEAN * block.total and block.low_square + block.high_square > top:
                self._low_top, self._high_top = block.low_square, block.high_square

    def feed(self, blocks: Iterable[Block]) -> None:
        """Hear the next blocks; a press that was reported stops listening once it is released."""
        self.sounding = False
        explained = total = 0.0
        for block in blocks:
            explained += block.explained
            total += block.total
            cover = self.cover(block)
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
            self._judge(block)
        self.foreign = explained < MIN_EXPLAINED * total

    def miss(self) -> None:
        """Note that 20 ms did not arrive: part of the press if the tone goes on after it, and not for too long."""
        self.sounding = False
        self._judge(None)
        self._missed += 1
        if self._missed > MAX_LOST_FRAMES:
            self.gap_ms += self._missed * FRAME_MS
            self._missed = 0

    def cover(self, block: Block) -> float:
        """Return how much of the block the tone fills, 0 to 1: amplitude grows with the part that is filled."""
        if block.explained < MIN_COVER * block.total or not self._low_top or not self._high_top:
            return 0.0
        square = min(block.low_square / self._low_top, block.high_square / self._high_top, 1.0)
        return math.sqrt(square) if square >= MIN_COVER * MIN_COVER else 0.0

    def _full(self, block: Block) -> bool:
        """Return whether the tone fills the block, so that it may be judged by."""
        return block.explained >= FULL_EXPLAINED * block.total and self.cover(block) >= FULL_COVER

    def _judge(self, block: Block | None) -> None:
        if block is None or not self._full(block):
            if block is not None:
                self._between = (self._between[0] + block.explained, self._between[1] + block.total)
            self._run = 0
            self._newest = None
            self._all.interrupt()
            self._inner.interrupt()
            return
        # What lies between two full blocks is part of the press; what lies before the first of them is not.
        if self._began:
            self._all.surround(*self._between)
        self._began = True
        self._between = (0.0, 0.0)
        self._run += 1
        self._all.add(block)
        if self._run >= 3 and self._newest is not None:
            self._inner.add(self._newest)
        self._newest = block

    @property
    def measured(self) -> bool:
        """Whether enough of the tone came in one piece (about 20 ms) to be judged."""
        return self._inner.measured

    def pure(self) -> bool:
        """Return whether what sounded so far is a key and nothing else."""
        return (
            min(self._low_top, self._high_top) >= _MIN_SQUARE
            and self._all.holds(self.key, MIN_EXPLAINED_WITH_EDGES)
            and self._inner.holds(self.key, MIN_EXPLAINED)
        )

    def sung(self, sound: bytes) -> bool:
        """Return whether what the tones leave of these last frames stands in lines, as a voice's, and is no noise."""
        start, end = _longest_run([self._full(block) for block in blocks_of(sound, self.key)])
        # Without the edges, which the tone may not fill.
        if end - start < MIN_REST_BLOCKS + 2:
            return False
        samples = np.frombuffer(sound, dtype="<i2")[(start + 1) * _BLOCK : (end - 1) * _BLOCK].astype(np.float64)
        return _has_lines(samples, self.frequencies_hz())

    def frequencies_hz(self) -> tuple[float, float]:
        """Return the frequencies of the two tones as measured."""
        low, high = self._inner.errors_hz(self.key)
        return self.key.low_hz + low, self.key.high_hz + high


def _longest_run(flags: list[bool]) -> tuple[int, int]:
    """Return where the longest run of true begins, and where it has ended."""
    best = (0, 0)
    start = 0
    for at, flag in enumerate(flags):
        if not flag:
            start = at + 1
        elif at + 1 - start > best[1] - best[0]:
            best = (start, at + 1)
    return best


def _has_lines(samples: npt.NDArray[np.float64], frequencies_hz: tuple[float, float]) -> bool:
    """Return whether two tones leave a notable rest, and the rest's power stands in single lines."""
    angles = 2.0 * np.pi * np.outer(np.arange(len(samples)), frequencies_hz) / TELEPHONE_HZ
    basis = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
    rest = samples - basis @ np.linalg.lstsq(basis, samples, rcond=None)[0]
    if rest @ rest <= (1.0 - NEARLY_ALL) * (samples @ samples):
        return False
    power = np.abs(np.fft.rfft(rest * np.hanning(len(rest)), 512)) ** 2
    hertz = np.arange(len(power)) * (TELEPHONE_HZ / 512)
    # Not where the tones were taken out (20 ms show a line 100 Hz wide to each side), nor below the telephone band.
    width_hz = 2.0 * TELEPHONE_HZ / len(rest)
    counted = (hertz > 200.0) & (hertz < 3600.0)
    for frequency_hz in frequencies_hz:
        counted &= np.abs(hertz - frequency_hz) > width_hz
    power = power[counted]
    return bool(power.max() > MAX_LINE * power.mean())
