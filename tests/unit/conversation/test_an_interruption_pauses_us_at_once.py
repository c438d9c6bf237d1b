"""Barge-in: fast, not fooled by a click, and taken back when nothing was said."""

from typing import Any

import pytest

from softswitch.conversation.ports import Expectation, Transcript
from softswitch.conversation.turns import (
    EndUtterance,
    PauseVoice,
    ResumeVoice,
    StartReply,
    StartUtterance,
    StopVoice,
    TurnSettings,
)

MENU = Expectation("phrases", phrases=("sales", "support"))


def speaking(make: Any, *, interruptible: bool = True, **settings: Any) -> Any:
    """Return a caller who hears us speak, and has heard the question."""
    caller = make(TurnSettings(**settings))
    caller.machine.expect(MENU, now=0.0)
    caller.machine.voice_started(interruptible=interruptible, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    return caller


def final(caller: Any, text: str) -> None:
    caller.machine.transcript(Transcript(text, True, caller.open), now=caller.time)
    caller.collect()


def test_the_decision_takes_at_most_160_ms_of_voice(ears: Any) -> None:
    caller = speaking(ears)
    caller.speak(400)
    assert caller.when(PauseVoice) <= 160
    assert caller.of(PauseVoice)[0].began == pytest.approx(0.02)


@pytest.mark.parametrize("milliseconds", [20, 60, 100, 120])
def test_a_click_or_a_cough_does_not_stop_us(ears: Any, milliseconds: int) -> None:
    caller = speaking(ears)
    caller.speak(milliseconds)
    caller.quiet(1500)
    if caller.of(StartUtterance):
        final(caller, "sales")  # a grammar makes a word of anything
    caller.quiet(1000)
    assert not caller.of(PauseVoice) and not caller.of(StopVoice) and not caller.of(StartReply)


def test_two_clicks_far_apart_are_not_added_up(ears: Any) -> None:
    caller = speaking(ears)
    for _ in range(10):
        caller.speak(80)
        caller.quiet(220)
    assert not caller.of(PauseVoice)


def test_words_drop_what_we_were_saying_and_are_the_answer(ears: Any) -> None:
    caller = speaking(ears)
    caller.speak(400)
    caller.machine.transcript(Transcript("sales", False, caller.open), now=caller.time)
    caller.collect()
    assert [stop.paused for stop in caller.of(StopVoice)] == [True]
    caller.quiet(300)
    final(caller, "sales")
    assert [reply.heard.text for reply in caller.of(StartReply)] == ["sales"]


def test_without_words_we_go_on_where_we_were(ears: Any) -> None:
    caller = speaking(ears)
    caller.speak(300)
    caller.quiet(600)
    final(caller, "")
    assert caller.of(ResumeVoice) and not caller.of(StopVoice) and not caller.of(StartReply)
    caller.quiet(500)
    caller.speak(300)  # and can be interrupted again
    assert len(caller.of(PauseVoice)) == 2


def test_who_talks_on_over_us_has_the_floor_even_before_we_know_what_he_says(ears: Any) -> None:
    caller = speaking(ears)
    caller.speak(2600)
    assert 2000 <= caller.when(StopVoice) <= 2300


def test_what_may_not_be_interrupted_is_not(ears: Any) -> None:
    caller = speaking(ears, interruptible=False)
    caller.speak(1000)
    caller.quiet(600)
    final(caller, "sales")
    assert not caller.of(PauseVoice) and not caller.of(StopVoice) and not caller.of(StartReply)


def test_who_is_still_speaking_when_we_end_is_heard_from_his_first_word(ears: Any) -> None:
    caller = speaking(ears, interruptible=False)
    caller.speak(400)
    caller.machine.voice_stopped(now=caller.time)
    caller.speak(200)
    caller.quiet(500)
    final(caller, "support")
    assert caller.of(StartUtterance)[0].began == pytest.approx(0.02)
    assert [reply.heard.text for reply in caller.of(StartReply)] == ["support"]


def test_barge_in_can_be_off_or_final(ears: Any) -> None:
    deaf = speaking(ears, barge_in="off")
    deaf.speak(1000)
    assert not deaf.of(PauseVoice) and not deaf.of(StopVoice)
    strict = speaking(ears, barge_in="stop")
    strict.speak(1000)
    assert strict.when(StopVoice) <= 160 and not strict.of(PauseVoice)
    strict.quiet(600)
    final(strict, "")
    assert [reply.heard.reason for reply in strict.of(StartReply)] == ["no_match"]


def test_who_goes_on_into_the_next_question_is_heard_with_its_grammar(ears: Any) -> None:
    caller = ears()
    caller.machine.expect(MENU, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    caller.speak(400)
    caller.quiet(600)
    final(caller, "sales")
    caller.speak(200)
    first = caller.open
    caller.machine.expect(Expectation("yes_no"), now=caller.time)
    caller.collect()
    assert caller.open == first + 1
    assert [end.wanted for end in caller.of(EndUtterance)] == [True, False]
