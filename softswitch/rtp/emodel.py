"""How good a call sounds, by the E-model (ITU-T G.107): a rating R from 0 to 100, and the opinion score MOS of it.

Everything that a switch cannot know (loudness, room noise, sidetone, echo of the telephones) has its default value of
G.107. What it knows is the codec, the loss and how it clusters, and the delay. Packets that came too late to be played
are lost as well.

Wideband codecs are rated by G.107.1, on a scale that goes to 129 and is divided by 1.29 for a score. Such a score is
what people give who are used to wideband: it compares with that of another wideband call, not with a narrowband one.
"""

from math import exp, log2, log10, sqrt
from typing import Final, NamedTuple


class Impairment(NamedTuple):
    """What a codec costs. ie: without loss; bpl: how well it bears loss (G.113 appendix I); wide: on G.107.1's scale.

    delay_ms: what coding takes beyond the length of the packet.
    """

    ie: float
    bpl: float
    wide: bool = False
    delay_ms: float = 0.0


#: G.711 with concealment of lost packets and without (G.113 appendix I).
CONCEALED: Final = Impairment(0.0, 25.1)
BARE: Final = Impairment(0.0, 4.3)
#: The others. G.729: G.113 appendix I, with 5 ms of look-ahead. G.722: the wideband impairment that G.113 gives it at
#: 64 kbit/s; its robustness is taken to be that of G.711 without concealment. Opus: G.113 has no value for it; it is
#: taken to cost hardly anything at the rates we agree to, and to be as robust as G.711 with concealment.
IMPAIRMENTS: Final = {
    "G729": Impairment(11.0, 19.0, delay_ms=5.0),
    "G722": Impairment(13.0, 4.3, wide=True, delay_ms=1.5),
    "OPUS": Impairment(1.0, 25.1, wide=True, delay_ms=6.5),
    "L16": Impairment(0.0, 4.3, wide=True),
}
#: G.107.1: the best rating there is, where that of G.107 is 93.2; and what it is divided by for a score.
_WIDEST, _WIDER = 129.0, 1.29

# The default values of G.107.
_SLR, _RLR, _STMR, _LSTR, _DS = 8.0, 2.0, 15.0, 18.0, 3.0
_TELR, _WEPL, _QDU, _NC, _NFOR, _PS, _PR = 65.0, 110.0, 1.0, -70.0, -64.0, 35.0, 35.0
_OLR: Final = _SLR + _RLR
#: G.107 section 7.4: the delay that is noticed first, in milliseconds, and how sensitive people are to it.
_MT, _ST = 100.0, 1.0


def impairment_of(codec: str, *, conceals: bool) -> Impairment:
    """Return what a codec costs. conceals: whoever hears it covers lost packets of G.711."""
    return IMPAIRMENTS.get(codec.upper(), CONCEALED if conceals else BARE)


def burst_ratio(lost: int, gaps: int, received: int) -> float:
    """Return how much losses cluster: mean length of a gap, by what chance alone would make of it."""
    if lost <= 0 or gaps <= 0:
        return 1.0
    # By chance a gap of probability p is 1 / (1 - p) packets long.
    return max(1.0, lost / gaps * received / max(1, lost + received))


def rating(impairment: Impairment, *, loss_percent: float = 0.0, burst: float = 1.0, delay_ms: float = 0.0) -> float:
    """Return R, below 0 to 100. delay_ms: from mouth to ear, one way. burst: the burst ratio, 1 for loss by chance."""
    loss = max(0.0, min(loss_percent, 100.0))
    # G.107 equation (7-29)
    effective = impairment.ie + (95.0 - impairment.ie) * loss / (loss / max(burst, 1e-6) + impairment.bpl)
    delayed = _delayed(max(0.0, delay_ms))
    return (_WIDEST - delayed - effective) / _WIDER if impairment.wide else _BASE - delayed - effective


def mos(r: float) -> float:
    """Return the mean opinion score of a rating (G.107 equation B-4): 1 to 4.5."""
    if r <= 0.0:
        return 1.0
    if r >= 100.0:
        return 4.5
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)


# The parts of the model, by the names that G.107 has for them ------------------------------------------------------


def _power_sum(*levels: float) -> float:
    return 10.0 * log10(sum(10.0 ** (level / 10.0) for level in levels))


def _noise() -> float:
    """Return No, the sum of all noises (section 7.2)."""
    nos = _PS - _SLR - _DS - 100.0 + 0.004 * (_PS - _OLR - _DS - 14.0) ** 2
    pre = _PR + 10.0 * log10(1.0 + 10.0 ** ((10.0 - _LSTR) / 10.0))
    nor = _RLR - 121.0 + pre + 0.008 * (pre - 35.0) ** 2
    return _power_sum(_NC, nos, nor, _NFOR + _RLR)


_NO: Final = _noise()
_RO: Final = 15.0 - 1.5 * (_SLR + _NO)


def _simultaneous() -> float:
    """Return Is: what loudness, sidetone and quantizing cost (section 7.3)."""
    xolr = _OLR + 0.2 * (64.0 + _NO - _RLR)
    iolr = 20.0 * ((1.0 + (xolr / 8.0) ** 8) ** 0.125 - xolr / 8.0)
    stmro = -_power_sum(-_STMR, -_TELR)
    ist = 12.0 * (1.0 + ((stmro - 13.0) / 6.0) ** 8) ** 0.125 - 28.0 * (1.0 + ((stmro + 1.0) / 19.4) ** 35) ** (1 / 35)
    ist += 29.0 - 13.0 * (1.0 + ((stmro - 3.0) / 33.0) ** 13) ** (1 / 13)
    q = 37.0 - 15.0 * log10(_QDU)
    g = 1.07 + 0.258 * q + 0.0602 * q * q
    y = (_RO - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0
    iq = 15.0 * log10(1.0 + 10.0**y + 10.0 ** (46.0 / 30.0 - g / 40.0))
    return float(iolr + ist + iq)


_BASE: Final = _RO - _simultaneous()


def _delayed(delay_ms: float) -> float:
    """Return Id: what echo of either side and the delay itself cost (section 7.4)."""
    return _talker_echo(delay_ms) + _listener_echo(2.0 * delay_ms) + _absolute(delay_ms)


def _talker_echo(delay_ms: float) -> float:
    terv = _TELR - 40.0 * log10((1.0 + delay_ms / 10.0) / (1.0 + delay_ms / 150.0)) + 6.0 * exp(-0.3 * delay_ms**2)
    half = (-1.5 * (_NO - _RLR) - (80.0 + 2.5 * (terv - 14.0))) / 2.0
    return (half + sqrt(half * half + 100.0) - 1.0) * (1.0 - exp(-delay_ms))


def _listener_echo(round_trip_ms: float) -> float:
    half: float = (_RO - 10.5 * (_WEPL + 7.0) * (round_trip_ms + 1.0) ** -0.25) / 2.0
    return half + sqrt(half * half + 169.0)


def _absolute(delay_ms: float) -> float:
    if delay_ms <= _MT:
        return 0.0
    x, power = log2(delay_ms / _MT), 6.0 * _ST
    return float(25.0 * ((1.0 + x**power) ** (1 / power) - 3.0 * (1.0 + (x / 3.0) ** power) ** (1 / power) + 2.0))
