"""ITU-T G.711 tables 1 and 2, computed here from their construction and not from the code under test."""

import struct

import pytest

from softswitch.audio.codecs import CODECS, PCMA, PCMU, Codec
from softswitch.rtp.shape import SHAPES


def ulaw_value(code: int) -> int:
    """µ-law: every bit is sent inverted; 14-bit scale, chords that double in width, and a bias of 33."""
    bits = ~code & 0xFF
    magnitude = ((2 * (bits & 15) + 33) << (bits >> 4 & 7)) - 33
    return (-magnitude if bits & 0x80 else magnitude) * 4


def alaw_value(code: int) -> int:
    """A-law: every second bit is sent inverted; 13-bit scale, the first two chords equally wide."""
    bits = code ^ 0x55
    chord, step = bits >> 4 & 7, bits & 15
    magnitude = 2 * step + 1 if chord == 0 else (2 * step + 33) << (chord - 1)
    return (magnitude if bits & 0x80 else -magnitude) * 8


LAWS = [pytest.param(PCMU, ulaw_value, id="PCMU"), pytest.param(PCMA, alaw_value, id="PCMA")]


def decoded(codec: Codec, octets: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(octets)}h", codec.decode(octets))


@pytest.mark.parametrize(("codec", "value"), LAWS)
def test_every_code_decodes_to_its_value(codec: Codec, value) -> None:
    assert decoded(codec, bytes(range(256))) == tuple(value(code) for code in range(256))


@pytest.mark.parametrize(("codec", "value"), LAWS)
def test_every_value_encodes_to_its_code(codec: Codec, value) -> None:
    values = [value(code) for code in range(256)]
    again = codec.encode(struct.pack("<256h", *values))
    # µ-law has two zeros; which of them is sent does not matter to anybody.
    assert [value(code) for code in again] == values
    assert sum(code != again[code] for code in range(256)) == (1 if codec is PCMU else 0)


def ulaw_interval(code: int) -> tuple[int, int]:
    """The decision values around a µ-law value, without sign: not the middle between two values at a chord's edge."""
    bits = ~code & 0xFF
    chord, step = bits >> 4 & 7, bits & 15
    return (((2 * step + 32) << chord) - 33) * 4, (((2 * step + 34) << chord) - 33) * 4


def alaw_interval(code: int) -> tuple[int, int]:
    """The decision values around an A-law value, without sign."""
    bits = code ^ 0x55
    chord, step = bits >> 4 & 7, bits & 15
    if chord == 0:
        return 2 * step * 8, (2 * step + 2) * 8
    return ((2 * step + 32) << (chord - 1)) * 8, ((2 * step + 34) << (chord - 1)) * 8


@pytest.mark.parametrize(
    ("codec", "value", "interval", "grain", "clip"),
    # Samples are first cut to the 14 or 13 bits of the law, so one beside a decision value may fall either way.
    [
        pytest.param(PCMU, ulaw_value, ulaw_interval, 4, 8158 * 4, id="PCMU"),
        pytest.param(PCMA, alaw_value, alaw_interval, 8, 4095 * 8, id="PCMA"),
    ],
)
def test_every_sample_encodes_to_the_code_of_its_interval(codec: Codec, value, interval, grain, clip) -> None:
    samples = range(-32768, 32768)
    for sample, code in zip(samples, codec.encode(struct.pack("<65536h", *samples)), strict=True):
        low, high = interval(code)
        assert low - grain <= min(abs(sample), clip) <= high + grain, (sample, code)
        assert sample * value(code) >= 0 or abs(sample) <= grain, (sample, code)


@pytest.mark.parametrize(("codec", "value"), LAWS)
def test_the_silence_octet_is_the_quietest_code(codec: Codec, value) -> None:
    assert abs(value(SHAPES[codec.name].fill)) == min(abs(value(code)) for code in range(256))
    assert CODECS[codec.name] is codec
