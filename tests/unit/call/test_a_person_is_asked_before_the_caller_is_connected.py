"""The warm transfer: who answers is told of the call and takes it or not; the caller hears music until then."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause
from softswitch.call.commands import Brief, Connect, HangUpLeg, Hear, HoldSource, PressKeys, Resume, TransferFinished
from softswitch.call.leg import Answered, Briefed, Digit, EarlyMedia, Ended, Ringing
from softswitch.call.transfer import BRIEFING_SECONDS

Made = Callable[..., Any]
WARM = "[{transfer: {to: 101, mode: warm, brief: '{from} wants a pizza.'}}]"
BY_PEER = Ended(Cause.NORMAL, by_peer=True)


@pytest.fixture
def asked(with_steps: Made) -> Any:
    """A caller of an AI waits while 101 is told of the call."""
    played = with_steps("[answer, {agent: x}]")
    played.transfer(WARM)
    for event in (Ringing(), EarlyMedia(), Answered()):
        played.tell(played.last_placed, event)
    return played


def briefing(played: Any) -> str:
    return str(played.of(Brief)[-1].agent)


def test_the_person_is_told_who_calls_and_why_and_the_caller_hears_music(asked: Any) -> None:
    assert asked.of(Brief) == [Brief(briefing(asked), asked.last_placed, "1001", "1001 wants a pizza.")]
    assert asked.of(Hear)[-1].source == HoldSource()
    assert [output.b for output in asked.of(Connect)] == [asked.agent], "nobody is connected yet"


def test_who_takes_the_call_has_it(asked: Any) -> None:
    asked.tell(asked.last_placed, Digit("1", "rfc4733"))
    assert asked.of(PressKeys) == [PressKeys(briefing(asked), "1")], "its keys answer the question"
    asked.tell(briefing(asked), Briefed(accepted=True))
    assert asked.of(Connect)[-1] == Connect("a", asked.last_placed)
    assert {output.leg for output in asked.of(HangUpLeg)} == {asked.agent, briefing(asked)}
    asked.tell(asked.last_placed, BY_PEER)
    assert asked.record.variables["transferred_to"] == "101"


@pytest.mark.parametrize(
    ("event", "status", "why"),
    [
        (Briefed(accepted=False), "rejected", "who answered declined the call"),
        (BY_PEER, "no_answer", "who answered said neither yes nor no"),
    ],
)
def test_who_does_not_take_it_is_let_go_and_the_caller_comes_back(
    asked: Any, event: Any, status: str, why: str
) -> None:
    asked.tell(briefing(asked), event)
    assert asked.of(Resume) and HangUpLeg(asked.last_placed, Cause.NORMAL) in asked.done
    assert asked.call.variables["transfer_status"] == status
    asked.tell(asked.agent, BY_PEER)
    assert asked.record.verdict == f"the transfer to 101 failed: {why}; the caller came back to the AI"


def test_who_hangs_up_while_it_is_told_has_not_taken_it(asked: Any) -> None:
    asked.tell(asked.last_placed, BY_PEER)
    assert asked.of(Resume) and HangUpLeg(briefing(asked), Cause.NORMAL) in asked.done
    assert asked.of(TransferFinished)[-1].cause == "call rejected"


def test_nobody_listens_to_a_briefing_for_ever(asked: Any) -> None:
    asked.pass_time(BRIEFING_SECONDS - 1)
    asked.tell(asked.last_placed, Digit("5", "rfc4733"))
    assert not asked.of(Resume)
    asked.pass_time(2)
    assert asked.of(Resume) and HangUpLeg(briefing(asked), Cause.NORMAL) in asked.done


def test_a_caller_who_hangs_up_meanwhile_ends_the_briefing(asked: Any) -> None:
    asked.tell("a", BY_PEER)
    assert {asked.last_placed, briefing(asked), asked.agent} <= asked.ended
    assert asked.record.ended_by == "caller"


def test_a_voice_that_fails_does_not_keep_the_caller_from_who_answered(asked: Any) -> None:
    asked.tell(briefing(asked), Ended(Cause.ENGINE_FAILED, by_peer=True))
    assert asked.of(Connect)[-1] == Connect("a", asked.last_placed)


def test_a_busy_person_is_not_told(with_steps: Made) -> None:
    played = with_steps("[answer, {transfer: {to: 101, mode: warm, then: continue}}, {say: sorry}]")
    played.tell(played.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert not played.of(Brief) and played.call.variables["transfer_status"] == "busy"


def test_a_caller_who_is_not_answered_hears_it_ring_until_the_call_is_taken(with_steps: Made) -> None:
    played = with_steps("[{transfer: {to: 101, mode: warm}}]")
    played.tell(played.last_placed, Ringing())
    played.tell(played.last_placed, Answered())
    assert not played.of(Hear) and played.call.answered_at is None
    played.tell(briefing(played), Briefed(accepted=True))
    assert played.call.answered_at is not None
