"""A whole call with the receptionist of 700, spoken, keyed, and interrupted, 20 ms at a time."""

from typing import Any

import pytest

from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, LegState
from softswitch.conversation.events import (
    AgentState,
    BargedIn,
    BargeInResolved,
    Heard,
    SessionEnded,
    SessionStarted,
    StateChanged,
)
from softswitch.conversation.ports import Expectation
from softswitch.providers import scripted


def test_a_call_by_voice(talk: Any) -> None:
    call = talk(["sales", "one two three four", "yes"])
    call.answer()
    call.until_said("one, two, or three.")
    call.quiet(400)
    call.speak(600)
    call.until_said("customer number.")
    call.quiet(500)
    call.speak(1200)
    call.until_said("I heard one two three four. Is that right?")
    call.quiet(300)
    call.speak(400)
    ended = call.until_ended()
    assert (ended.cause, ended.by_peer) == (Cause.NORMAL, True)
    assert call.said.endswith("Thank you. Our sales team will call you back today. Goodbye.")
    assert call.dialogue.variables["customer"] == "1234"
    assert [turn.heard.text for turn in call.turns] == ["", "sales", "one two three four", "yes"]
    assert not any(turn.interrupted for turn in call.turns)


def test_a_call_by_keys_and_interruptions(talk: Any) -> None:
    call = talk()
    call.answer()
    call.quiet(500)
    call.key("2")
    call.quiet(300)
    call.key("4711")
    call.quiet(300)
    call.key("1")
    call.until_ended()
    assert "Our support team" in call.said
    assert [turn.heard.text for turn in call.turns] == ["", "2", "4711", "1"]
    assert [turn.interrupted for turn in call.turns] == [True, True, True, False]


def test_keys_typed_ahead_skip_what_they_answer(talk: Any) -> None:
    call = talk()
    call.answer()
    call.quiet(100)
    call.key("247111")
    call.until_ended()
    assert call.dialogue.variables["customer"] == "4711"
    assert call.said.endswith("Our support team will call you back today. Goodbye.")


def test_keys_typed_all_at_once_are_never_talked_over(talk: Any) -> None:
    call = talk()
    call.answer()
    call.quiet(100)
    call.do(lambda: call.agent.send_dtmf("247111"))
    call.until_ended()
    assert [turn.heard.text for turn in call.turns] == ["", "2", "4711", "1"]
    assert [bool(turn.said) for turn in call.turns] == [False, False, False, True]


def test_an_interruption_silences_us_within_200_ms_and_loses_no_word(talk: Any) -> None:
    heard: list[scripted.Heard] = []

    def script(utterance: scripted.Heard) -> str:
        heard.append(utterance)
        return "support"

    call = talk(script)
    call.answer()
    call.quiet(1500)
    began = call.time
    call.speak(600)
    last_sound = max(at for at, sound in call.line if sound)
    assert last_sound - began <= 0.200
    call.until_said("of course")
    # The recogniser heard him from before his first voiced frame, with the grammar of the question we were asking.
    assert heard[0].frames >= (600 + 200) // 20
    assert isinstance(heard[0].expectation, Expectation) and "support" in heard[0].expectation.phrases
    assert [event.resolution for event in call.of(BargeInResolved)] == ["dropped"]
    assert call.of(BargedIn)[0].began == pytest.approx(began + 0.02)


def test_memory_keeps_what_was_heard_and_not_what_was_meant(talk: Any) -> None:
    call = talk(["support"])
    call.answer()
    call.until_said("Welcome to Softswitch.")
    call.quiet(1000)
    call.speak(600)
    call.until_said("of course")
    said = [(line.who, line.text, line.interrupted) for line in call.dialogue.history[:3]]
    assert said[0] == ("agent", "Welcome to Softswitch.", False)
    assert said[1][2] and said[1][1].startswith("Please say sales") and "three" not in said[1][1]
    assert said[2] == ("caller", "support", False)


def test_after_a_cough_we_go_on_where_we_were(talk: Any) -> None:
    call = talk([""])
    call.answer()
    call.until_said("Welcome")
    before = len([1 for _, sound in call.line if sound])
    call.quiet(400)
    call.speak(240)
    call.quiet(200)
    assert not call.sounding(0.1)
    call.until_said("three.")
    assert [event.resolution for event in call.of(BargeInResolved)] == ["resumed"]
    assert call.turns[0].resumed == 1 and not call.turns[0].interrupted
    assert "Please say sales, support, or opening hours. Or press one, two, or three." in call.said
    # 13 words of 180 ms and a gap of 20 ms each: every one of them was heard.
    frames = len([1 for _, sound in call.line if sound]) - before
    assert frames >= 13 * 9


def test_the_first_sound_comes_with_the_answer(talk: Any) -> None:
    call = talk()
    call.do(call.agent.ring)
    assert call.agent.state is LegState.RINGING
    call.tick(count=100)
    assert not call.sounding(10) and not call.events
    call.answer()
    call.tick()
    assert call.sounding(0.02)
    assert call.reports == [Answered()]
    call.until_said("Welcome")
    call.until(lambda: len(call.turns) == 1)
    assert call.turns[0].ledger.breakdown_ms()["total"] == 20.0


def test_the_ledger_adds_up(talk: Any) -> None:
    call = talk(["sales"])
    call.answer()
    call.until_said("three.")
    call.quiet(200)
    call.speak(500)
    spoken = call.time
    call.until_said("customer number.")
    stages = call.turns[1].ledger.breakdown_ms()
    assert list(stages) == ["end_of_turn", "recognition", "policy", "synthesis", "first_packet", "total"]
    assert stages["end_of_turn"] == 220.0
    assert stages["total"] == pytest.approx(sum(list(stages.values())[:-1]), abs=0.5)
    assert stages["total"] <= 260.0
    assert call.turns[1].ledger.speech_end == pytest.approx(spoken)


def test_the_states_are_told_in_order(talk: Any) -> None:
    call = talk(["goodbye"])
    call.answer()
    call.until_said("three.")
    call.quiet(300)
    call.speak(500)
    call.until_ended()
    states = [event.state for event in call.of(StateChanged)]
    assert states == [
        AgentState.THINKING,
        AgentState.SPEAKING,
        AgentState.LISTENING,
        AgentState.THINKING,
        AgentState.ENDING,
        AgentState.ENDED,
    ]
    assert isinstance(call.events[0], SessionStarted) and isinstance(call.events[-1], SessionEnded)
    assert [event.text for event in call.of(Heard) if event.final] == ["goodbye"]
