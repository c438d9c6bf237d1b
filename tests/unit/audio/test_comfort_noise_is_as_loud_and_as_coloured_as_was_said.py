"""RFC 3389: the first octet of PT 13 is a level, the others are reflection coefficients of the spectrum."""

import numpy as np
import pytest

from softswitch.audio.frame import Frame
from softswitch.audio.level import dbm0
from softswitch.audio.mend import Mender
from softswitch.audio.noise import OWN_NOISE, Noise


def heard(payload: bytes, rate_hz: int = 8000) -> bytes:
    noise = Noise(payload, rate_hz)
    return b"".join((noise.frame() or Frame(bytes(rate_hz // 25))).pcm for _ in range(50))


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("level", [35, 50, 65])
def test_the_level_is_that_of_the_packet(level: int, rate_hz: int) -> None:
    assert dbm0(heard(bytes((level,)), rate_hz)) == pytest.approx(6.18 - level, abs=0.3)


def test_nobody_makes_a_roar_of_it_and_what_is_faint_is_silence() -> None:
    assert dbm0(heard(b"\x00")) == pytest.approx(6.18 - 30, abs=0.3)
    assert not any(heard(b"\x7f"))
    assert not any(heard(b""))
    assert -72 < dbm0(heard(OWN_NOISE)) < -64


def test_the_spectrum_is_that_of_the_coefficients() -> None:
    """One coefficient of -0.9 is a low hum: A(z) = 1 - 0.9/z."""
    octet = 127 - round(0.9 * 32768 / 258)
    power = np.abs(np.fft.rfft(np.frombuffer(heard(bytes((50, octet))), "<i2"))) ** 2
    low, high = power[300:500].mean(), power[3000:3200].mean()
    expected = [1 / abs(1 - 0.9 * np.exp(-2j * np.pi * hz / 8000)) ** 2 for hz in (400, 3100)]
    assert 10 * np.log10(low / high) == pytest.approx(10 * np.log10(expected[0] / expected[1]), abs=1.5)
    white = np.abs(np.fft.rfft(np.frombuffer(heard(b"\x32"), "<i2"))) ** 2
    assert 10 * np.log10(white[300:500].mean() / white[3000:3200].mean()) == pytest.approx(0.0, abs=1.0)


def test_any_payload_is_some_noise() -> None:
    chance = np.random.default_rng(1)
    for length in range(40):
        assert len(heard(chance.bytes(length))) == 16000


def test_it_lasts_until_sound_comes_again_and_changes_without_a_step() -> None:
    mender = Mender(8000)
    mender.remember(Frame(bytes(320)))
    levels = []
    for payload in (b"\x28",) * 30 + (b"\x3c",) * 30 + (b"",) * 3:
        frame = mender.gap(payload)
        levels.append(-100.0 if frame is None else dbm0(frame.pcm))
        assert frame is None or frame.voiced is False
    assert min(levels[1:30]) == pytest.approx(-34, abs=1.5)
    assert -54 < levels[30] < -34, "one frame from the first to the second"
    assert max(levels[31:60]) == pytest.approx(-54, abs=1.5)
    assert levels[-1] == -100.0
    assert mender.lost == 0


def test_a_peer_that_changes_its_noise_all_the_time_costs_little() -> None:
    mender, made = Mender(8000), set()
    mender.remember(Frame(bytes(320)))
    for turn in range(100):
        mender.gap(bytes((50, turn)))
        made.add(mender._noise.payload if mender._noise else b"")
    assert len(made) <= 12
