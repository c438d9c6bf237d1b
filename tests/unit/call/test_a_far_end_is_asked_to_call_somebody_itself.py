"""The transfer by REFER: refused, it is bridged; failed, the caller comes back; done, we are out of it."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.attempt import RELEASE_SECONDS
from softswitch.call.cause import Cause
from softswitch.call.commands import Connect, HangUpLeg, PlaceLeg, ReferLeg, Resume
from softswitch.call.leg import Answered, Briefed, Ended, ReferProgress
from softswitch.call.transfer import ANSWER_SECONDS, NEWS_SECONDS, SETTLE_SECONDS

Made = Callable[..., Any]
BY_PEER = Ended(Cause.NORMAL, by_peer=True)
REFUSED = ReferProgress(405, final=True, accepted=False)


@pytest.fixture
def asked(with_steps: Made) -> Any:
    """The AI of a caller has the caller's telephone asked to call 101."""
    played = with_steps("[answer, {agent: x}]")
    played.transfer("[{transfer: {to: 101, mode: refer, seconds: 10}}]", by=played.agent)
    assert not played.of(ReferLeg), "an answer is known here before the far end has connected its own caller"
    played.pass_time(SETTLE_SECONDS)
    assert played.of(ReferLeg) == [ReferLeg("a", "101")] and not played.of(PlaceLeg)
    return played


def test_a_far_end_that_has_reached_him_leaves_us(asked: Any) -> None:
    for progress in (ReferProgress(100, False), ReferProgress(180, False)):
        asked.tell("a", progress)
    assert not asked.of(HangUpLeg)
    asked.tell("a", ReferProgress(200, True))
    assert asked.of(HangUpLeg) == [HangUpLeg(asked.agent, Cause.NORMAL)]
    asked.tell("a", BY_PEER)
    record = asked.record
    assert (record.cause, record.ended_by, record.verdict) == ("16 transferred", "caller", "")
    assert record.variables == {"transferred_to": "101", "transfer_status": "answered"}


def test_a_far_end_that_does_not_hang_up_is_let_go(asked: Any) -> None:
    asked.tell("a", ReferProgress(200, True))
    asked.pass_time(RELEASE_SECONDS - 0.1)
    assert HangUpLeg("a", Cause.TRANSFERRED) not in asked.done
    asked.pass_time(0.2)
    assert (asked.record.cause, asked.record.ended_by) == ("16 transferred", "switch")


def test_a_far_end_that_hangs_up_before_it_says_what_came_of_it_has_gone_there(asked: Any) -> None:
    asked.tell("a", ReferProgress(100, False))
    asked.tell("a", BY_PEER)
    assert (asked.record.cause, asked.record.variables["transferred_to"]) == ("16 transferred", "101")


def test_a_caller_who_hangs_up_before_the_answer_has_gone_nowhere(asked: Any) -> None:
    asked.tell("a", BY_PEER)
    assert (asked.record.cause, asked.record.variables["transfer_status"]) == ("16 normal clearing", "cancelled")


@pytest.mark.parametrize("progress", [(100, 486), (503,)])
def test_what_fails_there_brings_the_caller_back(asked: Any, progress: tuple[int, ...]) -> None:
    for status in progress:
        asked.tell("a", ReferProgress(status, final=status >= 200))
    assert asked.of(Resume) == [Resume("a")] and not asked.of(PlaceLeg)
    asked.tell("a", BY_PEER)
    assert asked.record.cause == "16 normal clearing", "it has not been handed off any more"


def test_a_refusal_is_bridged(asked: Any) -> None:
    asked.tell("a", REFUSED)
    [placed] = asked.of(PlaceLeg)
    asked.tell(placed.leg, Answered())
    assert asked.of(Connect)[-1] == Connect("a", placed.leg)


def test_a_refusal_is_the_end_of_it_where_no_bridge_is_wanted(with_steps: Made) -> None:
    played = with_steps("[answer, {transfer: {to: 101, mode: refer, or_bridge: false, then: continue}}, {dial: '5'}]")
    played.pass_time(SETTLE_SECONDS)
    played.tell("a", REFUSED)
    assert [placed.target for placed in played.of(PlaceLeg)] == ["5"]
    assert played.call.variables["transfer_cause"] == "method not allowed"


@pytest.mark.parametrize("accepted", [False, True])
def test_a_far_end_that_says_nothing_is_not_awaited_for_ever(asked: Any, accepted: bool) -> None:
    if accepted:
        asked.tell("a", ReferProgress(100, False))
    asked.pass_time((NEWS_SECONDS if accepted else ANSWER_SECONDS) + 1)
    assert bool(asked.of(Resume)) is accepted and bool(asked.of(PlaceLeg)) is not accepted


def test_who_is_not_answered_yet_is_answered_first(with_steps: Made) -> None:
    played = with_steps("[{transfer: {to: 101, mode: auto}}]")
    assert played.call.answered_at is not None
    played.pass_time(SETTLE_SECONDS)
    assert played.of(ReferLeg) == [ReferLeg("a", "101", known_only=True)]


def test_the_one_given_away_may_be_the_called_one(with_steps: Made) -> None:
    played = with_steps("[{dial: '2'}]")
    bob = played.last_placed
    played.tell(bob, Answered())
    played.transfer("[{transfer: {to: 101, mode: refer}}]", by="a")
    played.pass_time(SETTLE_SECONDS)
    assert played.of(ReferLeg)[-1].leg == bob
    played.tell(bob, ReferProgress(100, False))
    played.tell(bob, BY_PEER)
    assert HangUpLeg("a", Cause.NORMAL) in played.done
    assert (played.record.cause, played.record.ended_by) == ("16 transferred", "callee")


# Attended: connected first, then left to themselves -------------------------------------------------------------------


@pytest.fixture
def connected(with_steps: Made) -> Any:
    played = with_steps("[answer, {transfer: {to: 101, mode: attended}}]")
    played.tell(played.last_placed, Answered())
    assert played.of(Connect)[-1] == Connect("a", played.last_placed)
    assert not played.of(ReferLeg)
    played.pass_time(SETTLE_SECONDS)
    assert played.of(ReferLeg) == [ReferLeg("a", "", instead_of=played.last_placed, known_only=True)]
    return played


def test_two_that_talk_past_us_are_left_alone(connected: Any) -> None:
    connected.tell("a", ReferProgress(100, False))
    connected.tell("a", ReferProgress(200, True))
    connected.pass_time(RELEASE_SECONDS - 0.1)
    assert not connected.of(HangUpLeg), "who is replaced hangs up first: a BYE of ours might end the new call"
    connected.pass_time(0.2)
    assert {output.leg for output in connected.of(HangUpLeg)} == {"a", connected.last_placed}
    assert (connected.record.cause, connected.record.ended_by) == ("16 transferred", "switch")


@pytest.mark.parametrize("told", [(100,), (100, 200)])
def test_a_target_that_was_replaced_there_hangs_up_first(connected: Any, told: tuple[int, ...]) -> None:
    for status in told:
        connected.tell("a", ReferProgress(status, final=status >= 200))
    connected.tell(connected.last_placed, BY_PEER)
    assert connected.record.cause == "16 transferred"


@pytest.mark.parametrize("progress", [REFUSED, ReferProgress(488, final=True)])
def test_two_that_cannot_talk_past_us_stay_bridged(connected: Any, progress: ReferProgress) -> None:
    connected.tell("a", progress)
    assert not connected.of(HangUpLeg)
    connected.tell(connected.last_placed, BY_PEER)
    assert (connected.record.cause, connected.record.ended_by) == ("16 normal clearing", "callee")


def test_with_a_briefing_it_is_asked_before(with_steps: Made) -> None:
    played = with_steps("[answer, {transfer: {to: 101, mode: attended, brief: hello}}]")
    played.tell(played.last_placed, Answered())
    assert not played.of(ReferLeg)
    played.tell("c-2", Briefed(accepted=True))
    played.pass_time(SETTLE_SECONDS)
    assert played.of(ReferLeg)
