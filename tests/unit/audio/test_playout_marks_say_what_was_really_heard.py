"""A goodbye is over when its mark is reached, and a mark that `clear` threw away says so."""

from softswitch.audio.frame import SILENCE, Frame
from softswitch.audio.playout import MAX_MARKS, Playout


class Heard:
    def __init__(self) -> None:
        self.marks: list[tuple[str, bool]] = []
        self.playout = Playout(lambda name, played: self.marks.append((name, played)))

    def put(self, count: int) -> None:
        for _ in range(count):
            assert self.playout.put(SILENCE)

    def take(self, count: int = 1) -> Frame | None:
        frame = None
        for _ in range(count):
            frame = self.playout.take()
        return frame


def test_a_mark_is_reached_when_the_sound_before_it_had_its_time() -> None:
    heard = Heard()
    heard.put(2)
    assert heard.playout.mark("goodbye")
    heard.take(2)
    assert heard.marks == []
    heard.take()
    assert heard.marks == [("goodbye", True)]
    heard.take(5)
    assert heard.marks == [("goodbye", True)]


def test_a_mark_takes_no_time_and_marks_come_in_order() -> None:
    heard = Heard()
    heard.put(1)
    heard.playout.mark("a")
    heard.playout.mark("b")
    heard.put(1)
    heard.playout.mark("c")
    assert heard.playout.queued_ms == 40
    assert heard.take(2) is SILENCE
    assert heard.marks == [("a", True), ("b", True)]
    assert (heard.take(), heard.playout.idle) == (None, True)
    assert heard.marks[2:] == [("c", True)]


def test_a_mark_on_an_empty_playout_is_reached_on_the_next_tick() -> None:
    heard = Heard()
    heard.playout.mark("now")
    assert (heard.marks, heard.playout.idle) == ([], False)
    heard.take()
    assert heard.marks == [("now", True)]


def test_cleared_marks_were_not_played() -> None:
    heard = Heard()
    heard.put(1)
    heard.playout.mark("played")
    heard.put(2)
    heard.playout.mark("half")
    heard.put(2)
    heard.playout.mark("not at all")
    heard.take()
    heard.playout.clear()
    assert heard.marks == [("played", True), ("half", False), ("not at all", False)]
    heard.take(5)
    assert len(heard.marks) == 3


def test_a_pause_holds_marks_back_until_their_sound_was_heard() -> None:
    heard = Heard()
    heard.put(3)
    heard.playout.mark("end")
    heard.take()
    heard.playout.pause()
    heard.take(100)
    assert heard.marks == []
    heard.playout.resume()
    heard.take(3)
    assert heard.marks == [("end", True)]


def test_a_pause_between_two_sentences_still_ends_the_first() -> None:
    heard = Heard()
    heard.put(1)
    heard.playout.mark("first")
    heard.put(1)
    heard.take()
    heard.playout.pause()
    heard.take()
    assert heard.marks == [("first", True)]


def test_whoever_hears_of_a_mark_may_use_the_playout() -> None:
    events: list[str] = []

    def on_mark(name: str, played: bool) -> None:
        events.append(f"{name} {played}")
        if name == "more":
            playout.put(SILENCE)
            playout.mark("last")
        if name == "stop":
            playout.clear()

    playout = Playout(on_mark)
    playout.mark("more")
    assert playout.take() is None
    assert playout.take() is SILENCE
    playout.mark("stop")
    playout.put(SILENCE)
    playout.put(SILENCE)
    playout.mark("dropped")
    assert playout.take() is SILENCE
    assert events == ["more True", "last True", "stop True", "dropped False"]
    assert playout.queued_ms == 0


def test_marks_are_bounded() -> None:
    playout = Playout()
    assert all(playout.mark("x") for _ in range(MAX_MARKS))
    assert not playout.mark("x")
    playout.take()
    assert playout.mark("x")
