"""Keys stop our voice, spell numbers, may be typed ahead, and win over whatever is being said."""

from typing import Any

from softswitch.conversation.ports import Expectation, Transcript
from softswitch.conversation.turns import EndUtterance, StartReply, StartUtterance, StopVoice

MENU = Expectation("phrases", phrases=("sales",), keys=("1",))
PIN = Expectation("digits", min_digits=4, max_digits=6)


def asked(make: Any, expectation: Expectation, *, speaking: bool = False, interruptible: bool = True) -> Any:
    caller = make()
    caller.machine.expect(expectation, now=0.0)
    if speaking:
        caller.machine.voice_started(interruptible=interruptible, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    return caller


def press(caller: Any, keys: str, gap_ms: int = 100) -> None:
    for key in keys:
        caller.machine.key(key, now=caller.time)
        caller.collect()
        caller.quiet(gap_ms)


def answers(caller: Any) -> list[str]:
    return [f"{reply.heard.reason} {reply.heard.text}".strip() for reply in caller.of(StartReply)]


def test_a_key_stops_our_voice_and_answers_in_the_same_moment(ears: Any) -> None:
    caller = asked(ears, MENU, speaking=True)
    press(caller, "1")
    assert [stop.by for stop in caller.of(StopVoice)] == ["key"]
    assert answers(caller) == ["keys 1"]
    assert caller.when(StopVoice) == caller.when(StartReply) == 0


def test_digits_gather_until_the_number_is_full(ears: Any) -> None:
    caller = asked(ears, PIN, speaking=True)
    press(caller, "123456")
    assert answers(caller) == ["keys 123456"]
    assert len(caller.of(StopVoice)) == 1


def test_the_hash_key_ends_a_number(ears: Any) -> None:
    caller = asked(ears, PIN)
    press(caller, "1234#")
    assert answers(caller) == ["keys 1234"]
    assert caller.when(StartReply) == 400


def test_a_pause_ends_a_number(ears: Any) -> None:
    caller = asked(ears, PIN)
    press(caller, "1234")
    caller.quiet(5000)
    assert answers(caller) == ["keys 1234"]
    assert 3200 <= caller.when(StartReply) <= 3400


def test_the_star_key_begins_the_number_again(ears: Any) -> None:
    caller = asked(ears, PIN)
    press(caller, "99*1234#")
    assert answers(caller) == ["keys 1234"]


def test_a_hash_after_a_full_number_is_not_the_next_answer(ears: Any) -> None:
    caller = asked(ears, PIN)
    press(caller, "123456")
    caller.machine.expect(MENU, now=caller.time)
    press(caller, "#")
    assert answers(caller) == ["keys 123456"]
    caller.machine.listen(6.0, now=caller.time)
    press(caller, "1")
    assert answers(caller) == ["keys 123456", "keys 1"]


def test_only_the_very_next_hash_is_surplus(ears: Any) -> None:
    caller = asked(ears, PIN)
    press(caller, "123456")
    caller.machine.expect(PIN, now=caller.time)
    press(caller, "5678#")
    assert answers(caller) == ["keys 123456", "keys 5678"]


def test_keys_typed_ahead_wait_for_their_questions(ears: Any) -> None:
    caller = asked(ears, MENU)
    press(caller, "1777")
    assert answers(caller) == ["keys 1"]
    caller.machine.expect(PIN, now=caller.time)
    caller.collect()
    press(caller, "7#")
    assert answers(caller) == ["keys 1", "keys 7777"]


def test_a_stuck_key_is_bounded(ears: Any) -> None:
    caller = asked(ears, MENU)
    press(caller, "1" + "5" * 1000, gap_ms=20)
    caller.machine.expect(Expectation("digits", min_digits=1, max_digits=500), now=caller.time)
    press(caller, "#")
    assert len(caller.of(StartReply)[1].heard.text) == 32


def test_keys_wait_while_we_may_not_be_interrupted(ears: Any) -> None:
    caller = asked(ears, MENU, speaking=True, interruptible=False)
    press(caller, "1")
    assert not caller.outputs
    caller.machine.voice_stopped(now=caller.time)
    caller.collect()
    assert answers(caller) == ["keys 1"]


def test_keys_win_over_words(ears: Any) -> None:
    caller = asked(ears, MENU)
    caller.speak(400)
    utterance = caller.open
    press(caller, "1")
    caller.machine.transcript(Transcript("sales", True, utterance), now=caller.time)
    caller.collect()
    assert answers(caller) == ["keys 1"]
    assert [end.wanted for end in caller.of(EndUtterance)] == [False]


def test_the_hash_key_says_that_a_spoken_number_is_complete(ears: Any) -> None:
    caller = asked(ears, PIN)
    caller.speak(800)
    caller.machine.key("#", now=caller.time)
    caller.collect()
    assert caller.of(EndUtterance)[0].wanted
    caller.machine.transcript(Transcript("one two three four", True, caller.open), now=caller.time)
    caller.collect()
    assert answers(caller) == ["speech one two three four"]


def test_the_tone_of_a_key_is_not_taken_for_speech(ears: Any) -> None:
    caller = asked(ears, PIN)
    for key in "1234":
        caller.machine.key(key, now=caller.time)
        caller.speak(120)
        caller.quiet(100)
    press(caller, "#")
    assert answers(caller) == ["keys 1234"]
    assert not caller.of(EndUtterance)


def test_the_end_of_a_keys_tone_does_not_interrupt_the_reply(ears: Any) -> None:
    caller = asked(ears, MENU)
    caller.machine.key("1", now=caller.time)
    caller.machine.expect(PIN, now=caller.time)
    caller.machine.voice_started(interruptible=True, now=caller.time)
    caller.machine.listen(6.0, now=caller.time)
    caller.speak(160)
    caller.quiet(500)
    assert not caller.of(StartUtterance)
