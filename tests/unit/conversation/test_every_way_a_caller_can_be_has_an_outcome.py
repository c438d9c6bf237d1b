"""Silence, monologues, dead recognisers and arbitrary noise: a turn always comes to something."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.conversation.ports import Expectation, Transcript
from softswitch.conversation.turns import EndUtterance, PauseVoice, StartReply, StartUtterance, StopVoice

MENU = Expectation("phrases", phrases=("sales",), keys=("1",))


def listening(make: Any, expectation: Expectation = MENU) -> Any:
    caller = make()
    caller.machine.expect(expectation, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    return caller


def reasons(caller: Any) -> list[str]:
    return [reply.heard.reason for reply in caller.of(StartReply)]


def test_silence_is_an_answer_after_its_time(ears: Any) -> None:
    caller = listening(ears)
    caller.quiet(7000)
    assert reasons(caller) == ["silence"]
    assert 6000 <= caller.when(StartReply) <= 6020


def test_the_time_for_an_answer_begins_when_we_have_spoken(ears: Any) -> None:
    caller = ears()
    caller.machine.expect(MENU, now=0.0)
    caller.machine.voice_started(interruptible=True, now=0.0)
    caller.machine.listen(6.0, now=0.0)
    caller.quiet(20_000)
    assert not reasons(caller)
    caller.machine.voice_stopped(now=caller.time)
    caller.quiet(7000)
    assert reasons(caller) == ["silence"]


def test_a_click_does_not_put_off_the_silence_for_ever(ears: Any) -> None:
    caller = listening(ears)
    for _ in range(20):
        caller.speak(60)
        caller.quiet(600)
        if caller.of(StartUtterance):
            caller.machine.transcript(Transcript("", True, caller.open), now=caller.time)
    caller.quiet(1000)
    assert reasons(caller) == ["silence"]


def test_hold_does_not_count_as_silence(ears: Any) -> None:
    caller = listening(ears)
    caller.quiet(5000)
    caller.time += 60.0
    caller.machine.postpone(60.0)
    caller.quiet(500)
    assert not reasons(caller)


def test_a_monologue_is_cut_and_answered(ears: Any) -> None:
    caller = listening(ears)
    caller.speak(8200)
    assert 7900 <= caller.when(EndUtterance) <= 8100
    caller.machine.transcript(Transcript("", True, caller.open), now=caller.time)
    caller.collect()
    assert reasons(caller) == ["no_match"]


def test_who_was_cut_in_a_monologue_cannot_talk_down_our_answer_without_a_breath(ears: Any) -> None:
    caller = listening(ears)
    caller.speak(8200)
    caller.machine.transcript(Transcript("", True, caller.open), now=caller.time)
    caller.machine.expect(MENU, now=caller.time)
    caller.machine.voice_started(interruptible=True, now=caller.time)
    caller.speak(3000)
    assert not caller.of(PauseVoice)
    caller.quiet(300)
    caller.speak(300)
    assert caller.of(PauseVoice)


def test_a_recogniser_that_never_answers_is_given_up(ears: Any) -> None:
    caller = listening(ears)
    caller.speak(500)
    caller.quiet(5000)
    assert reasons(caller) == ["engine_failed"]


def test_a_recogniser_that_dies_in_the_middle_ends_the_turn(ears: Any) -> None:
    caller = listening(ears)
    caller.speak(500)
    caller.machine.engine_failed(caller.open, now=caller.time)
    caller.collect()
    assert reasons(caller) == ["engine_failed"]


def test_words_that_come_too_late_are_not_the_next_answer(ears: Any) -> None:
    caller = listening(ears)
    caller.speak(500)
    late = caller.open
    caller.quiet(5000)
    caller.machine.expect(MENU, now=caller.time)
    caller.machine.listen(6.0, now=caller.time)
    caller.machine.transcript(Transcript("sales", True, late), now=caller.time)
    caller.collect()
    assert reasons(caller) == ["engine_failed"]


EXPECTATIONS = (
    MENU,
    Expectation("yes_no", keys=("1", "2")),
    Expectation("digits", min_digits=2, max_digits=4),
    Expectation("free"),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("speak"), st.integers(1, 60)),
        st.tuples(st.just("quiet"), st.integers(1, 60)),
        st.tuples(st.just("key"), st.sampled_from("0129*#")),
        st.tuples(st.just("partial"), st.sampled_from(["", "sales", "one two", "yes"])),
        st.tuples(st.just("final"), st.sampled_from(["", "sales", "one two three four", "no"])),
        st.tuples(st.just("failed"), st.just("")),
        st.tuples(st.just("voice"), st.booleans()),
        st.tuples(st.just("voice over"), st.just("")),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(expectation=st.sampled_from(EXPECTATIONS), steps=STEPS)
def test_every_stop_of_our_voice_is_followed_by_a_reply(ears: Any, expectation: Expectation, steps: list[Any]) -> None:
    caller = listening(ears, expectation)
    machine = caller.machine
    for step, value in steps:
        utterance = caller.open if caller.of(StartUtterance) else 0
        match step:
            case "speak" | "quiet":
                caller.tick(step == "speak", value)
            case "key":
                machine.key(value, now=caller.time)
            case "partial" | "final":
                machine.transcript(Transcript(value, step == "final", utterance), now=caller.time)
            case "failed":
                machine.engine_failed(utterance, now=caller.time)
            case "voice":
                machine.voice_started(interruptible=value, now=caller.time)
            case "voice over":
                machine.voice_stopped(now=caller.time)
        caller.collect()
        if caller.outputs and isinstance(caller.outputs[-1][1], StartReply):
            machine.expect(expectation, now=caller.time)  # the next question follows at once
            machine.listen(6.0, now=caller.time)
            caller.collect()
    machine.voice_stopped(now=caller.time)
    caller.quiet(20_000)
    stops = [index for index, (_, output) in enumerate(caller.outputs) if isinstance(output, StopVoice)]
    replies = [index for index, (_, output) in enumerate(caller.outputs) if isinstance(output, StartReply)]
    assert replies, "a listening agent comes to an answer, if only to silence"
    assert not stops or stops[-1] < replies[-1]
    numbers = [output.utterance for output in caller.of(StartUtterance)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [output.utterance for output in caller.of(EndUtterance)] == numbers[: len(caller.of(EndUtterance))]
