"""Level of sound on the telephone scale: dBm0, where a full-scale G.711 sine is about +3.15 dBm0."""

import audioop
import math
from typing import Final

#: RMS of 16-bit samples at 0 dBm0: a µ-law sine that peaks at the edge of the code (8159 of 14 bits, times 4) is
#: +3.17 dBm0 (ITU-T G.711 table 2a, note 2). The A-law definition differs by 0.06 dB, which nobody hears.
ZERO_DBM0_RMS: Final = 8159 * 4 / math.sqrt(2.0) / math.pow(10.0, 3.17 / 20.0)

#: What `dbm0` returns for digital silence, below anything 16 bits can hold.
SILENCE_DBM0: Final = -100.0

#: What a meter keeps of a level in 20 ms: it falls by 20 dB in a second and a half, as the meters of broadcasters do.
_FALL: Final = 0.97


def rms_at(level_dbm0: float) -> float:
    """Return the RMS of 16-bit samples that has this level."""
    return ZERO_DBM0_RMS * math.pow(10.0, level_dbm0 / 20.0)


def dbm0(pcm: bytes) -> float:
    """Return the level of 16-bit sound in dBm0; `SILENCE_DBM0` when it is all zero or empty."""
    rms = audioop.rms(pcm, 2)
    return 20.0 * math.log10(rms / ZERO_DBM0_RMS) if rms else SILENCE_DBM0


class LevelMeter:
    """Shows the level of a voice as meters on a desk do: up at once, down slowly."""

    __slots__ = ("_rms",)

    def __init__(self) -> None:
        self._rms = 0.0

    def hear(self, pcm: bytes) -> None:
        """Take the next 20 ms; empty for silence."""
        self._rms = max(float(audioop.rms(pcm, 2)) if pcm else 0.0, self._rms * _FALL)

    @property
    def dbm0(self) -> float:
        """The level shown, `SILENCE_DBM0` at least."""
        return 20.0 * math.log10(self._rms / ZERO_DBM0_RMS) if self._rms >= 1.0 else SILENCE_DBM0
