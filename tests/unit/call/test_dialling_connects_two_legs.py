"""The dial step: ringing, early sound, answer, keys both ways, and what the caller is told when it fails."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import AnswerLeg, Connect, HangUpLeg, OpenEarlyMedia, PlaceLeg, PressKeys, RingLeg
from softswitch.call.leg import Answered, Digit, EarlyMedia, Ended, Ringing

Made = Callable[..., Any]


@pytest.fixture
def dialling(with_steps: Made) -> Any:
    return with_steps("[{dial: {to: 'sip:2@127.0.0.1', seconds: 20}}]")


def other(played: Any) -> str:
    leg: str = played.of(PlaceLeg)[0].leg
    return leg


def test_the_caller_hears_it_ring_and_is_answered_with_the_other_side(dialling: Any) -> None:
    leg = other(dialling)
    dialling.tell(leg, Ringing())
    assert dialling.of(RingLeg) and not dialling.of(AnswerLeg)
    dialling.tell(leg, Answered())
    assert dialling.of(AnswerLeg) == [AnswerLeg("a")] and dialling.of(Connect) == [Connect("a", leg)]
    dialling.tell("a", Digit("5", "rfc4733"))
    dialling.tell(leg, Digit("6", "rfc4733"))
    assert dialling.of(PressKeys) == [PressKeys(leg, "5"), PressKeys("a", "6")]
    dialling.tell("a", Ended(Cause.NORMAL, by_peer=True))
    assert HangUpLeg(leg, Cause.NORMAL) in dialling.done
    assert dialling.record.outcome == "answered"


def test_early_sound_is_passed_on_before_the_answer(dialling: Any) -> None:
    dialling.tell(other(dialling), EarlyMedia())
    assert dialling.of(OpenEarlyMedia) and dialling.of(Connect) and not dialling.of(AnswerLeg)


@pytest.mark.parametrize(("status", "outcome"), [(486, "busy"), (603, "rejected"), (503, "failed"), (408, "no_answer")])
def test_the_caller_gets_the_cause_of_the_other_side(dialling: Any, status: int, outcome: str) -> None:
    dialling.tell(other(dialling), Ended(from_status(status), by_peer=True))
    assert (dialling.record.sip_code, dialling.record.outcome) == (status, outcome)


def test_nobody_answers_in_time(dialling: Any) -> None:
    leg = other(dialling)
    dialling.tell(leg, Ringing())
    dialling.pass_time(19)
    assert not dialling.of(HangUpLeg)
    dialling.pass_time(2)
    assert HangUpLeg(leg, Cause.CANCELLED) in dialling.done
    assert dialling.record.outcome == "no_answer"


def test_the_caller_gives_up_first(dialling: Any) -> None:
    leg = other(dialling)
    dialling.tell("a", Ended(Cause.CANCELLED, by_peer=True))
    assert any(output.leg == leg for output in dialling.of(HangUpLeg))
    assert (dialling.record.outcome, dialling.record.ended_by) == ("cancelled", "caller")
