"""Flat to 85 % of what the slower rate carries, and at least 60 dB down beyond it."""

import numpy as np
import pytest

from softswitch.audio.resample import Resampler, resample
from softswitch.errors import LocalError

PAIRS = [(16_000, 8000), (24_000, 8000), (48_000, 8000), (22_050, 8000), (44_100, 8000), (8000, 16_000), (8000, 48_000)]


def sine(frequency_hz: float, rate_hz: int, seconds: float = 1.0) -> bytes:
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.rint(20_000 * np.sin(2 * np.pi * frequency_hz * time)).astype("<i2").tobytes()


def gain_db(frequency_hz: float, from_hz: int, to_hz: int) -> float:
    heard = np.frombuffer(resample(sine(frequency_hz, from_hz), from_hz, to_hz), dtype="<i2")
    return float(20 * np.log10(max(heard[to_hz // 50 : -to_hz // 50].std(), 1e-3) * np.sqrt(2) / 20_000))


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_telephone_band_passes_and_nothing_folds_back(from_hz: int, to_hz: int) -> None:
    for frequency_hz in (50, 300, 1004, 2600, 3400):
        assert abs(gain_db(frequency_hz, from_hz, to_hz)) < 0.1
    for frequency_hz in (4000, 4100, 4600, 5500, 7300, 9500, 11_000, 20_000):
        if to_hz / 2 <= frequency_hz < from_hz / 2:
            assert gain_db(frequency_hz, from_hz, to_hz) < -60.0


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 16_000), (8000, 48_000)])
def test_going_up_adds_no_images(from_hz: int, to_hz: int) -> None:
    heard = np.frombuffer(resample(sine(3000, from_hz), from_hz, to_hz), dtype="<i2")
    spectrum = np.abs(np.fft.rfft(heard * np.blackman(len(heard)))) ** 2
    hertz = np.fft.rfftfreq(len(heard), 1 / to_hz)
    assert 10 * np.log10(spectrum[hertz > 4000].max() / spectrum.max()) < -60


@pytest.mark.parametrize(("from_hz", "to_hz"), [*PAIRS, (8000, 11_025), (44_101, 8000), (8000, 8000)])
def test_the_sound_is_neither_late_nor_longer(from_hz: int, to_hz: int) -> None:
    heard = np.frombuffer(resample(sine(1000, from_hz, 0.5), from_hz, to_hz), dtype="<i2").astype(float)
    assert len(heard) == -(-int(from_hz * 0.5) * to_hz // from_hz)
    wanted = 20_000 * np.sin(2 * np.pi * 1000 * np.arange(len(heard)) / to_hz)
    inside = slice(to_hz // 50, -to_hz // 50)
    assert np.abs(heard - wanted)[inside].max() < 250


@pytest.mark.parametrize(("from_hz", "to_hz"), [*PAIRS, (8000, 11_025), (11_025, 8000)])
def test_a_stream_in_pieces_is_the_same_as_in_one(from_hz: int, to_hz: int) -> None:
    sound = sine(700, from_hz)
    whole = Resampler(from_hz, to_hz).feed(sound)
    stream, pieces, at = Resampler(from_hz, to_hz), [], 0
    for size in [2, 2, 14, 320, 0, 642, 10_000, 2] * 100:
        pieces.append(stream.feed(sound[at : at + size]))
        at += size
    assert b"".join(pieces) == whole
    late = Resampler(from_hz, to_hz)
    aligned = resample(sound, from_hz, to_hz)
    assert whole[late.delay_samples * 2 :] == aligned[: len(whole) - late.delay_samples * 2]


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_twenty_milliseconds_in_are_twenty_out(from_hz: int, to_hz: int) -> None:
    stream = Resampler(from_hz, to_hz)
    assert {len(stream.feed(bytes(from_hz // 50 * 2))) for _ in range(20)} == {to_hz // 50 * 2}


def test_full_scale_does_not_wrap_around() -> None:
    square = np.repeat(np.tile([32767, -32768], 100), 40).astype("<i2").tobytes()
    heard = np.frombuffer(resample(square, 16_000, 8000), dtype="<i2").astype(int)
    assert (heard.reshape(-1, 20)[::2, 5:15].min(), heard.reshape(-1, 20)[1::2, 5:15].max()) > (25_000, -33_000)
    assert heard.reshape(-1, 20)[1::2, 5:15].max() < -25_000


def test_rates_beyond_reason_are_our_own_fault() -> None:
    for from_hz, to_hz in ((8000, 0), (1, 8000), (8000, 400_000)):
        with pytest.raises(LocalError, match="cannot change"):
            Resampler(from_hz, to_hz)
