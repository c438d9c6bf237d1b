"""The wideband acoustic model, made to fit telephone sound.

The model inside pocketsphinx was trained on 25 mel filters from 130 to 6800 Hz. A telephone carries only the lower 19
of them; fed with such sound, the model misses its sibilants and takes `six` for `eight`. Its means are cepstra, that
is cosine transforms of 25 log filter energies: transformed back, cut to 19 filters, and transformed again, they are
what the same sounds look like through a telephone. That is a linear map, so it fits the file format in which speaker
adaptation (MLLR) is given to the decoder. Of 120 synthesised numbers in ten voices 65 come out right instead of 18; and
the sound is decoded at 8 kHz as it comes.
"""

import math
from typing import Final

TELEPHONE_HZ: Final = 8000
LOWEST_HZ: Final = 130.0
_HIGHEST_HZ: Final = 6800.0
_ALL_FILTERS: Final = 25
#: Those that end below 4 kHz.
FILTERS: Final = 19
_CEPSTRA: Final = 13
_LIFTER: Final = 22
_STREAMS: Final = 3

#: How much wider every sound spreads than in training, for the map is not exact; and for the last three cepstra, whose
#: fine structure 13 of 25 cepstra never held. Found on spoken numbers, flat around these values.
_SPREAD: Final = (1.25,) * 10 + (4.0,) * 3

#: The mean of the cepstra over telephone speech at -20 dBm0, from which a new caller's is estimated, and how far the
#: first of them moves with each decibel: half of what it would if there were no noise between the words.
_CEPSTRAL_MEAN: Final = (40.6, -4.3, 3.3, -3.6, -7.3, -5.7, -6.0, -0.5, -1.5, -0.2, 1.1, -1.9, 0.5)
_MEAN_LEVEL_DBM0: Final = -20.0
_MEAN_PER_DB: Final = 0.5

Matrix = list[list[float]]


def highest_hz() -> float:
    """Return where the last telephone filter ends: filters lie evenly on the mel scale, as in training."""
    low, high = _mel(LOWEST_HZ), _mel(_HIGHEST_HZ)
    mel = low + (FILTERS + 1) * (high - low) / (_ALL_FILTERS + 1)
    return float(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


def features(wideband: str) -> str:
    """Return the model's own feature parameters with the filters of a telephone."""
    changed = {"-nfilt": str(FILTERS), "-upperf": f"{highest_hz():.2f}", "-lowerf": f"{LOWEST_HZ:g}"}
    pairs = [line.split(None, 1) for line in wideband.splitlines() if line.strip()]
    return "".join(f"{pair[0]} {changed.get(pair[0], pair[-1])}\n" for pair in pairs)


def adaptation() -> str:
    """Return the map as an MLLR file: one class; for each stream a matrix, offsets of 0 and variance factors."""
    rows = [" ".join(f"{value:.6f}" for value in row) for row in _map()]
    lines = ["1", str(_STREAMS)]
    for _ in range(_STREAMS):
        lines += [str(_CEPSTRA), *rows, " ".join(["0"] * _CEPSTRA), " ".join(f"{factor:g}" for factor in _SPREAD)]
    return "\n".join(lines) + "\n"


def cepstral_mean(level_dbm0: float) -> str:
    """Return where to begin with a caller who speaks at this level, as the decoder takes it."""
    first = _CEPSTRAL_MEAN[0] + _MEAN_PER_DB * (level_dbm0 - _MEAN_LEVEL_DBM0)
    return ",".join(f"{value:g}" for value in (first, *_CEPSTRAL_MEAN[1:]))


def _mel(hz: float) -> float:
    return 2595.0 * math.log10(1.0 + hz / 700.0)


def _cosines(filters: int) -> Matrix:
    """Return the orthonormal cosine transform, 13 rows of `filters`."""
    scale = math.sqrt(2.0 / filters)
    rows = [
        [scale * math.cos(math.pi * order * (index + 0.5) / filters) for index in range(filters)]
        for order in range(_CEPSTRA)
    ]
    rows[0] = [1.0 / math.sqrt(filters)] * filters
    return rows


def _map() -> Matrix:
    """Return the 13 by 13 map of liftered cepstra."""
    wide, narrow = _cosines(_ALL_FILTERS), _cosines(FILTERS)
    lifter = [1.0 + _LIFTER / 2 * math.sin(order * math.pi / _LIFTER) for order in range(_CEPSTRA)]
    return [
        [
            sum(narrow[row][index] * wide[column][index] for index in range(FILTERS)) * lifter[row] / lifter[column]
            for column in range(_CEPSTRA)
        ]
        for row in range(_CEPSTRA)
    ]
