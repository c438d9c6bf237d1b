"""Barge-in for good: what waits is gone, the voice stops within a frame, and the next reply starts clean."""

import numpy as np

from softswitch.audio.frame import Frame
from softswitch.audio.playout import FADE_MS, Playout


def level(value: int) -> Frame:
    return Frame(np.full(160, value, dtype="<i2").tobytes())


def heard(playout: Playout) -> list[int] | None:
    frame = playout.take()
    return None if frame is None else np.frombuffer(frame.pcm, dtype="<i2").tolist()


def speaking(count: int) -> Playout:
    playout = Playout()
    for _ in range(count):
        playout.put(level(4000))
    playout.take()
    return playout


def test_the_next_frame_fades_out_and_then_there_is_nothing() -> None:
    playout = speaking(10)
    playout.clear()
    assert (playout.queued_ms, playout.idle) == (0, False)
    faded = heard(playout)
    assert faded is not None
    assert faded[0] == 4000
    assert set(faded[FADE_MS * 8 :]) == {0}
    assert (heard(playout), playout.idle, playout.played_ms) == (None, True, 20)


def test_the_next_reply_follows_the_fade_whole() -> None:
    playout = speaking(3)
    playout.clear()
    playout.put(level(700))
    assert heard(playout) != [700] * 160
    assert heard(playout) == [700] * 160


def test_what_never_sounded_is_cleared_without_a_sound() -> None:
    playout = Playout()
    playout.put(level(4000))
    playout.clear()
    assert heard(playout) is None
    paused = speaking(3)
    paused.pause()
    paused.take()
    paused.clear()
    assert (heard(paused), paused.paused) == (None, False)
    silent = speaking(1)
    silent.take()
    silent.put(level(4000))
    silent.clear()
    assert heard(silent) is None


def test_a_pause_and_then_a_clear_within_one_tick_fade_once() -> None:
    playout = speaking(3)
    playout.pause()
    playout.clear()
    playout.clear()
    faded = heard(playout)
    assert faded is not None
    assert faded[0] == 4000
    assert heard(playout) is None


def test_what_began_right_after_a_mark_fades_out_too() -> None:
    playout = Playout()
    playout.mark("start")
    playout.put(level(4000))
    playout.put(level(4000))
    assert heard(playout) == [4000] * 160
    playout.clear()
    assert heard(playout) is not None


def test_silence_after_a_mark_needs_no_fade() -> None:
    playout = speaking(1)
    playout.mark("end")
    assert heard(playout) is None
    playout.put(level(4000))
    playout.clear()
    assert heard(playout) is None
