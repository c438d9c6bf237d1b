"""After a dial the call ends, or the rule goes on and knows what came of it."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import (
    AnswerLeg,
    FileSource,
    HangUpLeg,
    Hear,
    PlaceLeg,
    PrepareAgent,
    PressKeys,
    SilenceSource,
)
from softswitch.call.dial import best_cause
from softswitch.call.leg import Answered, Digit, EarlyMedia, Ended, Ringing

Made = Callable[..., Any]


def legs(played: Any) -> list[str]:
    return [output.leg for output in played.of(PlaceLeg)]


def test_nobody_answers_and_the_receptionist_takes_it(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: [101, 102], seconds: 20, then: continue}}, {play: sorry.wav}, {agent: x}]")
    assert not played.of(PrepareAgent), "most calls never reach the AI: it must not wait through all of them"
    played.tell(legs(played)[0], Ringing())
    played.pass_time(20.1)
    assert played.of(AnswerLeg) == [AnswerLeg("a")], "a prompt is for an answered caller"
    assert played.of(Hear)[-1].source == FileSource("sorry.wav")
    played.finish_voice()
    assert [output.flow for output in played.of(PrepareAgent)] == ["x"]
    assert played.call.variables["dial_status"] == "no_answer"
    assert played.call.variables["dial_cause"] == "no answer"


def test_early_sound_does_not_linger_into_the_next_step(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: 101, then: continue}}, {ring: 5}, {reject: 486}]")
    played.tell(legs(played)[0], EarlyMedia())
    played.tell(legs(played)[0], Ended(from_status(404), by_peer=True))
    assert played.of(Hear)[-1].source == SilenceSource()
    played.pass_time(6)
    assert played.record.variables == {"dial_status": "failed", "dial_cause": "no such number"}


@pytest.mark.parametrize(("after", "goes_on"), [("continue", True), ("hangup", False)])
def test_the_other_side_hangs_up(with_steps: Made, after: str, goes_on: bool) -> None:
    played = with_steps(f"[{{dial: {{to: 101, after: {after}}}}}, {{play: thanks.wav}}]")
    leg = legs(played)[0]
    played.tell(leg, Answered())
    played.tell(leg, Ended(Cause.NORMAL, by_peer=True))
    assert (FileSource("thanks.wav") in [output.source for output in played.of(Hear)]) is goes_on
    if goes_on:
        assert played.call.variables["dial_status"] == "answered"
    else:
        assert (played.record.outcome, played.record.ended_by) == ("answered", "callee")
        assert "dial_status" not in played.record.variables


def test_keys_that_came_as_tones_are_marked_as_in_the_sound(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: 101}}]")
    leg = legs(played)[0]
    played.tell(leg, Answered())
    for method in ("inband", "info", "rfc4733"):
        played.tell("a", Digit("5", method))
        played.tell(leg, Digit("6", method))
    assert [(output.leg, output.in_sound) for output in played.of(PressKeys)] == [
        (leg, True),
        ("a", True),
        (leg, False),
        ("a", False),
        (leg, False),
        ("a", False),
    ]


def test_an_agent_before_the_dial_is_still_made_ready_ahead(with_steps: Made) -> None:
    played = with_steps("[{ring: 5}, {agent: x}, {dial: 101}]")
    assert played.of(PrepareAgent)


def test_a_caller_who_is_let_go_while_it_rings_ends_with_that_cause(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: [101, 102]}}]")
    played.call.hang_up(Cause.SHUTTING_DOWN, now=played.now)
    played.pump()
    assert {output.cause for output in played.of(HangUpLeg)} == {Cause.SHUTTING_DOWN}
    assert played.record.sip_code == 503


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ([486, 486], 486),
        ([486, 603], 603),
        ([503, 486, 404], 486),
        ([480, 486], 486),
        ([404, 480], 480),
        ([503, 404], 404),
        ([503, 408], 408),
        ([500, 503], 500),
        ([600, 604], 600),
    ],
)
def test_one_cause_stands_for_all(statuses: list[int], best: int) -> None:
    assert best_cause([from_status(status) for status in statuses]).sip == best


def test_that_it_rang_says_more_than_that_another_was_busy() -> None:
    assert best_cause([Cause.BUSY, Cause.NO_ANSWER]) == Cause.NO_ANSWER
    assert best_cause([Cause.NO_ANSWER, from_status(603)]) == Cause.REJECTED
    assert best_cause([]) == Cause.NO_ANSWER
