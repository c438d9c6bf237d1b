"""What is lost goes on by its pitch (ITU-T G.711 appendix I), fades, and joins what comes again without a click."""

import math
import random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.audio.frame import Frame
from softswitch.audio.mend import Mender
from softswitch.audio.plc import pcm_of

Samples = npt.NDArray[np.float64]
PEAK = 8000.0


def tone(hz: float, seconds: float, rate_hz: int) -> Samples:
    return np.rint(PEAK * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz))


def through(sound: Samples, lost: set[int], rate_hz: int, *, mends: bool = True) -> Samples:
    """Return what is heard of a sound whose frames `lost` did not arrive."""
    mender, size, heard = Mender(rate_hz), rate_hz // 50, list[Samples]()
    for index in range(len(sound) // size):
        frame: Frame | None = Frame(pcm_of(sound[index * size : (index + 1) * size].astype(np.float32)), rate_hz)
        if index in lost:
            frame = mender.gap(None) if mends else None
        elif frame is not None and mender.broken:
            frame = mender.mended(frame, (), None, joint=True)
        elif frame is not None:
            mender.remember(frame)
        pcm = bytes(2 * size) if frame is None else frame.pcm
        heard.append(np.frombuffer(pcm, "<i2").astype(np.float64))
    return np.concatenate(heard)


def sinad_db(heard: Samples, hz: float, rate_hz: int) -> float:
    """Return how much stronger the tone is than all else that is heard."""
    angle = 2 * np.pi * hz * np.arange(len(heard)) / rate_hz
    basis = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    fit = basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    rest = heard - fit
    return 10 * math.log10((fit @ fit) / (rest @ rest))


def click(heard: Samples, hz: float, rate_hz: int) -> float:
    """Return the strongest step that no tone of this frequency makes, as a part of its peak: a cut makes 1 or so."""
    turn = 2 * math.cos(2 * math.pi * hz / rate_hz)
    return float(np.max(np.abs(heard[2:] - turn * heard[1:-1] + heard[:-2]))) / PEAK


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize(("loss", "least_db"), [(0.01, 24.0), (0.05, 16.0), (0.10, 13.0), (0.20, 10.5)])
@pytest.mark.parametrize("hz", [440, 1004, 2100])
def test_a_tone_stays_pure_and_as_loud(hz: int, loss: float, least_db: float, rate_hz: int) -> None:
    chance, sound = random.Random(3), tone(hz, 8.0, rate_hz)
    lost = {index for index in range(5, 400) if chance.random() < loss}
    heard, holed = through(sound, lost, rate_hz), through(sound, lost, rate_hz, mends=False)
    assert sinad_db(heard, hz, rate_hz) >= least_db
    assert sinad_db(heard, hz, rate_hz) >= sinad_db(holed, hz, rate_hz) + 5.5
    assert 10 * math.log10((heard @ heard) / (sound @ sound)) >= -0.5


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("hz", [220, 330, 440])
@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_neither_the_beginning_nor_the_end_clicks(hz: int, frames: int, rate_hz: int) -> None:
    sound = tone(hz, 1.0, rate_hz)
    for first in range(10, 18):
        lost = set(range(first, first + frames))
        assert click(through(sound, lost, rate_hz), hz, rate_hz) < 0.16
    assert click(through(sound, lost, rate_hz, mends=False), hz, rate_hz) > 0.16


def test_it_is_whole_for_ten_milliseconds_and_gone_after_sixty() -> None:
    heard = through(tone(400, 1.0, 8000), set(range(20, 30)), 8000)[20 * 160 :]
    tops = [float(np.max(np.abs(heard[at : at + 80]))) / PEAK for at in range(0, 800, 80)]
    assert tops[0] == pytest.approx(1.0, abs=0.02)
    assert tops[1:6] == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2], abs=0.05)
    assert not any(tops[6:])


def test_what_is_not_lost_is_not_touched() -> None:
    """Sound is as it was from 10 ms after a loss on: no delay, nothing shifted."""
    sound = np.rint(np.random.default_rng(5).normal(0, 2000, 8000))
    heard = through(sound, {7, 20, 21}, 8000)
    changed = np.flatnonzero(heard != sound)
    assert {index // 80 for index in changed} <= {14, 15, 16, 40, 41, 42, 43, 44}


def test_silence_stays_silent_and_the_beginning_is_no_loss() -> None:
    assert not through(np.zeros(3200), {5, 6}, 8000).any()
    mender = Mender(8000)
    assert mender.gap(None) is None
    assert mender.lost == 0


def test_a_frame_may_have_holes_anywhere() -> None:
    sound = tone(400, 0.4, 8000)
    for holes in ([(0, 80)], [(80, 160)], [(40, 60), (100, 130)]):
        mender = Mender(8000)
        frames = [Frame(pcm_of(sound[at : at + 160].astype(np.float32))) for at in range(0, 1600, 160)]
        for frame in frames:
            mender.remember(frame)
        holed = sound[1600:1760].copy()
        for start, end in holes:
            holed[start:end] = 0
        mended = mender.mended(Frame(pcm_of(holed.astype(np.float32))), holes, None, joint=False)
        rest = np.frombuffer(mended.pcm, "<i2") - sound[1600:1760]
        assert np.max(np.abs(rest)) < 0.16 * PEAK
        assert mender.broken is (holes[-1][1] == 160)


def test_a_frame_that_was_left_out_is_not_heard_as_a_step() -> None:
    """The delay shrinks by a frame: what follows is joined to what would have followed."""
    mender, sound = Mender(8000), tone(431, 0.6, 8000)
    heard = []
    for index in range(25):
        at = index * 160 + (160 if index >= 12 else 0)
        frame = Frame(pcm_of(sound[at : at + 160].astype(np.float32)))
        if index == 12:
            frame = mender.mended(frame, (), None, joint=True)
        else:
            mender.remember(frame)
        heard.append(np.frombuffer(frame.pcm, "<i2").astype(np.float64))
    assert click(np.concatenate(heard), 431, 8000) < 0.1


def test_a_voice_goes_on_as_voice_and_a_pause_as_none() -> None:
    mender = Mender(8000)
    loud = Frame(pcm_of(tone(400, 0.02, 8000).astype(np.float32)), voiced=True)
    mender.remember(loud)
    lost = mender.gap(None, key=True)
    assert lost is not None and lost.voiced is True and lost.key is True
    assert mender.lost == 1
    mender = Mender(8000)
    mender.remember(loud)
    paused = mender.gap(b"")
    assert paused is not None and paused.voiced is False
    assert np.abs(np.frombuffer(paused.pcm, "<i2")[80:]).max() == 0, "ten milliseconds to fade, and not concealed"
    assert mender.gap(b"") is None
    assert mender.lost == 0


@given(
    pcm=st.binary(min_size=320, max_size=320),
    events=st.lists(st.sampled_from(["sound", "lost", "pause", "noise", "hole"]), max_size=12),
)
def test_any_sound_with_any_holes_gives_whole_frames(pcm: bytes, events: list[str]) -> None:
    mender = Mender(8000)
    for event in events:
        frame: Frame | None = Frame(pcm)
        match event:
            case "lost":
                frame = mender.gap(None)
            case "pause":
                frame = mender.gap(b"")
            case "noise":
                frame = mender.gap(pcm[:14])
            case "hole":
                frame = mender.mended(Frame(pcm), [(pcm[0] // 2, 130), (140, 160)], None, joint=bool(pcm[1] & 1))
            case _:
                frame = mender.mended(Frame(pcm), (), None, joint=True) if mender.broken else frame
        assert frame is None or len(frame.pcm) == 320
