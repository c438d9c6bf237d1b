"""A complete answer is taken at once; digits may come in groups; free speech may pause for thought."""

from typing import Any

import pytest

from softswitch.conversation.ports import Expectation, Transcript
from softswitch.conversation.turns import EndUtterance, StartReply

YES_NO = Expectation("yes_no")
MENU = Expectation("phrases", phrases=("sales", "sales please", "support"))
FOUR = Expectation("digits", min_digits=4, max_digits=4)
UP_TO_TWENTY = Expectation("digits", min_digits=4, max_digits=20)
FREE = Expectation("free")


def wait_after(make: Any, expectation: Expectation, partial: str) -> int:
    """Return how many milliseconds of silence end an utterance whose latest partial transcript is `partial`."""
    caller = make()
    caller.machine.expect(expectation, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    caller.speak(600)
    if partial:
        caller.machine.transcript(Transcript(partial, False, caller.open), now=caller.time)
    caller.quiet(3000)
    return round(caller.when(EndUtterance) - 600)


@pytest.mark.parametrize(
    ("expectation", "partial", "least", "most"),
    [
        (YES_NO, "yes", 200, 240),
        (YES_NO, "", 400, 500),
        (MENU, "sales", 200, 240),
        (MENU, "sal", 400, 500),
        (FOUR, "one two three four", 160, 220),
        (FOUR, "one two", 1000, 1500),
        (UP_TO_TWENTY, "one two three four", 700, 900),
        (UP_TO_TWENTY, "one two", 1000, 1500),
        (FREE, "well i would like", 700, 900),
    ],
)
def test_patience(ears: Any, expectation: Expectation, partial: str, least: int, most: int) -> None:
    assert least <= wait_after(ears, expectation, partial) <= most


def test_a_partial_that_comes_late_ends_the_turn_at_once(ears: Any) -> None:
    caller = ears()
    caller.machine.expect(YES_NO, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    caller.speak(400)
    caller.quiet(300)
    assert not caller.of(EndUtterance)
    caller.machine.transcript(Transcript("no", False, caller.open), now=caller.time)
    caller.collect()
    assert caller.when(EndUtterance) == 700


def test_digits_in_groups_are_one_turn(ears: Any) -> None:
    caller = ears()
    caller.machine.expect(FOUR, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    caller.speak(500)
    caller.machine.transcript(Transcript("one two", False, caller.open), now=caller.time)
    caller.quiet(900)
    caller.speak(500)
    caller.machine.transcript(Transcript("one two three four", False, caller.open), now=caller.time)
    caller.quiet(300)
    caller.machine.transcript(Transcript("one two three four", True, caller.open), now=caller.time)
    caller.collect()
    (reply,) = caller.of(StartReply)
    assert reply.heard.text == "one two three four"
    assert round(reply.speech_end * 1000) == 1900


def test_a_stalled_loop_cuts_nobody_off(ears: Any) -> None:
    caller = ears()
    caller.machine.expect(YES_NO, now=0.0)
    caller.machine.listen(60.0, now=0.0)
    caller.speak(400)
    caller.machine.transcript(Transcript("yes", False, caller.open), now=caller.time)
    caller.time += 5.0
    caller.quiet(100)
    assert not caller.of(EndUtterance)
