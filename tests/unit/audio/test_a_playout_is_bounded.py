"""A synthesiser is paced by the room there is; nothing is dropped in silence."""

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.audio.frame import FRAME_MS, SILENCE
from softswitch.audio.playout import MAX_QUEUED_MS, Playout


def test_a_full_playout_refuses_until_there_is_room() -> None:
    playout = Playout()
    assert sum(playout.put(SILENCE) for _ in range(2000)) == MAX_QUEUED_MS // FRAME_MS
    assert (playout.room_ms, playout.queued_ms) == (0, MAX_QUEUED_MS)
    playout.take()
    assert playout.room_ms == FRAME_MS
    assert playout.put(SILENCE)
    assert not playout.put(SILENCE)


def test_marks_take_no_room() -> None:
    playout = Playout(limit_ms=40)
    assert playout.put(SILENCE) and playout.mark("a") and playout.put(SILENCE) and playout.mark("b")
    assert not playout.put(SILENCE)
    playout.clear()
    assert playout.room_ms == 40


STEPS = st.lists(st.sampled_from(["put", "put", "put", "mark", "take", "take", "take", "pause", "resume", "clear"]))


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nothing_is_lost_or_told_twice_whatever_happens(steps: list[str]) -> None:
    reported: list[str] = []
    playout = Playout(lambda name, _played: reported.append(name), limit_ms=100)
    marks = 0
    for step in steps:
        before, played = playout.queued_ms, playout.played_ms
        if step == "put":
            assert playout.put(SILENCE) == (before < 100)
        elif step == "mark":
            playout.mark(str(marks))
            marks += 1
        elif step == "take":
            frame = playout.take()
            # What left the queue was played, and what was played left the queue.
            assert before - playout.queued_ms == playout.played_ms - played in (0, FRAME_MS)
            assert frame is not None or playout.played_ms == played
        else:
            getattr(playout, step)()
            assert playout.queued_ms == (0 if step == "clear" else before)
    playout.clear()
    assert reported == [str(number) for number in range(marks)]
