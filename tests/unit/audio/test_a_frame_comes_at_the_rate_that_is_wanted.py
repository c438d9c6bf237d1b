"""A stream at another rate: 20 ms for 20 ms, the tone as loud and as pure, nothing folded back, no drift in an hour."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from softswitch.audio.frame import SILENCE, Frame
from softswitch.audio.rate import Rate

RATES = [(8000, 16000), (16000, 8000), (48000, 16000), (16000, 48000), (48000, 8000)]


def tone(hz: float, rate_hz: int, frames: int, peak: float = 8000.0) -> Iterator[Frame]:
    at = np.arange(rate_hz // 50)
    for number in range(frames):
        sound = peak * np.sin(2 * math.pi * hz * (at + number * len(at)) / rate_hz)
        yield Frame(np.rint(sound).astype("<i2").tobytes(), rate_hz)


def heard(rate: Rate, frames: Iterator[Frame]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.frombuffer(b"".join(rate.convert(frame).pcm for frame in frames), dtype="<i2").astype(float)


def level_and_rest(sound: "np.ndarray", hz: float, rate_hz: int) -> tuple[float, float]:  # type: ignore[type-arg]
    """Return the peak of a tone, and how far below it all the rest is, in dB."""
    angle = 2 * math.pi * hz * np.arange(len(sound)) / rate_hz
    basis = np.stack((np.sin(angle), np.cos(angle)), axis=1)
    parts = np.linalg.lstsq(basis, sound, rcond=None)[0]
    rest = sound - basis @ parts
    return float(np.hypot(*parts)), float(10 * np.log10((basis @ parts).var() / rest.var()))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_tone_keeps_its_level_and_its_purity(from_hz: int, to_hz: int) -> None:
    sound = heard(Rate(to_hz), tone(1004, from_hz, 50))
    peak, rest = level_and_rest(sound[to_hz // 10 :], 1004, to_hz)
    assert peak == pytest.approx(8000, rel=0.002) and rest > 60


@pytest.mark.parametrize("hz", [4200, 5000, 7000])
def test_what_the_slower_rate_cannot_carry_is_not_heard(hz: int) -> None:
    sound = heard(Rate(8000), tone(hz, 16000, 50))[800:]
    assert 20 * math.log10(max(1e-9, float(np.abs(sound).max())) / 8000) < -55


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_every_20_ms_are_20_ms_again(from_hz: int, to_hz: int) -> None:
    rate = Rate(to_hz)
    assert all(len(rate.convert(frame).pcm) == to_hz // 50 * 2 for frame in tone(300, from_hz, 200))


def test_an_hour_drifts_by_no_sample() -> None:
    rate, frame = Rate(16000), Frame(bytes(320), 8000)
    before = rate.convert(frame)
    assert len(before.pcm) == 640
    # The filter's place between two samples comes back with every frame: what holds for one holds for all.
    resampler = rate._resampler
    assert resampler is not None
    places = set()
    for _ in range(1000):
        rate.convert(frame)
        places.add(resampler._phase)
    assert len(places) == 1


def test_a_frame_of_the_right_rate_and_silence_cost_nothing() -> None:
    rate = Rate(16000)
    frame = Frame(bytes(640), 16000)
    assert rate.convert(frame) is frame
    first, second = rate.convert(SILENCE), rate.convert(SILENCE)
    assert first is second and first.rate_hz == 16000 and not any(first.pcm)


def test_the_end_of_a_sound_is_heard_before_silence() -> None:
    rate = Rate(16000)
    for frame in tone(1000, 8000, 5):
        rate.convert(frame)
    assert any(rate.convert(SILENCE).pcm), "what was in the filter"
    assert not any(rate.convert(SILENCE).pcm)
