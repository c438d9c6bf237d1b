"""Barge-in that may be taken back: silent within the next frame, and every sample is heard after `resume`."""

import numpy as np

from softswitch.audio.frame import Frame
from softswitch.audio.playout import FADE_MS, Playout

FADE = FADE_MS * 8


def level(value: int) -> Frame:
    return Frame(np.full(160, value, dtype="<i2").tobytes())


def samples(frame: Frame | None) -> np.ndarray:
    assert frame is not None
    return np.frombuffer(frame.pcm, dtype="<i2").astype(int)


def speaking(*values: int) -> Playout:
    """A playout with these frames, and the first of them taken."""
    playout = Playout()
    for value in values:
        assert playout.put(level(value))
    assert (samples(playout.take()) == values[0]).all()
    return playout


def test_the_very_next_frame_fades_out_without_a_click() -> None:
    playout = speaking(8000, 8000, 8000)
    playout.pause()
    faded = samples(playout.take())
    assert (faded[FADE:] == 0).all()
    assert np.abs(np.diff([8000, *faded])).max() <= 8000 * np.pi / 2 / FADE + 1
    assert [playout.take() for _ in range(50)] == [None] * 50


def test_resume_fades_in_and_nothing_is_lost() -> None:
    playout = speaking(1000, 2000, 3000)
    playout.pause()
    playout.take()
    assert (playout.queued_ms, playout.played_ms, playout.paused) == (40, 20, True)
    playout.resume()
    opening = samples(playout.take())
    assert opening[0] == 0
    assert np.abs(np.diff(opening)).max() <= 2000 * np.pi / 2 / FADE + 1
    assert (opening[FADE:] == 2000).all()
    assert (samples(playout.take()) == 3000).all()
    assert (playout.take(), playout.queued_ms, playout.played_ms) == (None, 0, 60)


def test_a_pause_taken_back_within_the_tick_is_not_heard() -> None:
    playout = speaking(1000, 2000)
    playout.pause()
    playout.pause()
    playout.resume()
    playout.resume()
    assert (samples(playout.take()) == 2000).all()


def test_a_resume_taken_back_within_the_tick_is_not_heard() -> None:
    playout = speaking(1000, 2000)
    playout.pause()
    playout.take()
    playout.resume()
    playout.pause()
    assert playout.take() is None
    assert playout.queued_ms == 20


def test_what_is_put_during_a_pause_waits() -> None:
    playout = Playout()
    playout.pause()
    assert playout.put(level(500))
    assert playout.take() is None
    playout.resume()
    assert (samples(playout.take())[FADE:] == 500).all()


def test_a_wider_frame_fades_for_as_long() -> None:
    playout = Playout()
    wide = Frame(np.full(320, 8000, dtype="<i2").tobytes(), 16_000)
    playout.put(wide)
    playout.put(wide)
    playout.take()
    playout.pause()
    faded = samples(playout.take())
    assert len(faded) == 320
    assert faded[150] > 0
    assert (faded[160:] == 0).all()
