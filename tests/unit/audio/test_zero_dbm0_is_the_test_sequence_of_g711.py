"""G.711 tables 5 and 6: eight octets, repeated, are 1 kHz at exactly 0 dBm0."""

import pytest

from softswitch.audio.codecs import PCMA, PCMU, Codec
from softswitch.audio.level import SILENCE_DBM0, ZERO_DBM0_RMS, dbm0, rms_at

SEQUENCES = [
    pytest.param(PCMU, bytes.fromhex("1e0b0b1e9e8b8b9e"), id="PCMU"),
    pytest.param(PCMA, bytes.fromhex("3421213 4b4a1a1b4".replace(" ", "")), id="PCMA"),
]


@pytest.mark.parametrize(("codec", "sequence"), SEQUENCES)
def test_zero_dbm0_is_the_test_sequence_of_g711(codec: Codec, sequence: bytes) -> None:
    assert abs(dbm0(codec.decode(sequence * 100))) <= 0.1


def test_levels_and_rms_are_each_others_inverse() -> None:
    assert rms_at(0.0) == ZERO_DBM0_RMS
    assert abs(rms_at(-20.0) - ZERO_DBM0_RMS / 10.0) < 1e-9
    assert dbm0(bytes(320)) == dbm0(b"") == SILENCE_DBM0
