"""A transfer that reaches nobody leaves everything as it was; one that does is what the call goes on with."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.attempt import MAX_TRANSFERS, RELEASE_SECONDS
from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import (
    CadenceSource,
    Connect,
    HangUpLeg,
    Hear,
    HoldLeg,
    HoldSource,
    PlaceLeg,
    PressKeys,
    Resume,
    Suspend,
    TellProgress,
    TransferFinished,
    TransferStarted,
)
from softswitch.call.leg import Answered, Digit, EarlyMedia, Ended, Held, Ringing

Made = Callable[..., Any]
TO_101 = "[{transfer: 101}]"
BY_PEER = Ended(Cause.NORMAL, by_peer=True)


@pytest.fixture
def with_ai(with_steps: Made) -> Any:
    return with_steps("[answer, {agent: x}]")


@pytest.fixture
def talking(with_steps: Made) -> Any:
    """`a` has called 2, who has answered."""
    played = with_steps("[{dial: '2'}]")
    played.tell(played.last_placed, Answered())
    return played


def test_a_busy_target_brings_the_caller_back_to_the_ai(with_ai: Any) -> None:
    ai = with_ai.agent
    assert with_ai.transfer(TO_101) is None
    assert with_ai.of(TransferStarted) == [TransferStarted("101", "bridge")]
    assert with_ai.of(Suspend) == [Suspend("a")] and HoldLeg(ai, True) in with_ai.done
    assert with_ai.of(Hear)[-1].source == CadenceSource("ringback")
    [placed] = with_ai.of(PlaceLeg)
    assert (placed.target, placed.caller_id) == ("101", "1001")
    with_ai.tell(placed.leg, Ended(Cause.BUSY, by_peer=True))
    assert with_ai.of(TransferFinished) == [TransferFinished("101", "bridge", False, "user busy")]
    back = [output for output in with_ai.done if isinstance(output, Resume | HoldLeg)][-2:]
    assert back == [Resume("a"), HoldLeg(ai, False)]
    with_ai.press("5")
    assert with_ai.of(PressKeys) == [PressKeys(ai, "5")], "its keys are for the AI again"
    with_ai.tell(ai, Ended(Cause.NORMAL, by_peer=True))
    record = with_ai.record
    assert (record.outcome, record.ended_by, record.cause) == ("answered", "switch", "16 normal clearing")
    assert record.variables == {"transfer_status": "busy", "transfer_cause": "user busy"}
    assert record.verdict == "the transfer to 101 failed: user busy; the caller came back to the AI"


def test_who_answers_takes_the_place_of_the_ai(with_ai: Any) -> None:
    ai = with_ai.agent
    with_ai.transfer(TO_101)
    leg = with_ai.last_placed
    with_ai.tell(leg, Ringing())
    with_ai.press("1")
    assert not with_ai.of(PressKeys), "what stands still hears no keys"
    with_ai.tell(leg, Answered())
    assert with_ai.of(Connect)[-1] == Connect("a", leg)
    assert HangUpLeg(ai, Cause.NORMAL) in with_ai.done and not with_ai.of(TellProgress)
    with_ai.press("2")
    with_ai.tell(leg, Digit("3", "rfc4733"))
    assert with_ai.of(PressKeys) == [PressKeys(leg, "2"), PressKeys("a", "3")]
    with_ai.tell(leg, BY_PEER)
    record = with_ai.record
    assert (record.outcome, record.ended_by, record.verdict) == ("answered", "callee", "")
    assert record.variables == {"transferred_to": "101", "transfer_status": "answered"}


def test_a_caller_who_hangs_up_meanwhile_ends_all(with_ai: Any) -> None:
    with_ai.transfer(TO_101)
    with_ai.tell("a", BY_PEER)
    assert {output.leg for output in with_ai.of(HangUpLeg)} == {with_ai.agent, with_ai.last_placed}
    assert with_ai.of(TransferFinished) == [TransferFinished("101", "bridge", False, "cancelled by the caller")]
    assert (with_ai.record.ended_by, with_ai.record.variables["transfer_status"]) == ("caller", "cancelled")


def test_nobody_answers_in_time(with_ai: Any) -> None:
    with_ai.transfer("[{transfer: {to: 101, seconds: 20}}]")
    with_ai.tell(with_ai.last_placed, Ringing())
    with_ai.pass_time(19)
    assert not with_ai.of(Resume)
    with_ai.pass_time(2)
    assert HangUpLeg(with_ai.last_placed, Cause.CANCELLED) in with_ai.done and with_ai.of(Resume)


def test_an_ai_that_dies_meanwhile_is_missed_when_its_caller_comes_back(with_ai: Any) -> None:
    with_ai.transfer(TO_101)
    with_ai.tell(with_ai.agent, Ended(Cause.ENGINE_FAILED, by_peer=True))
    assert not with_ai.of(HangUpLeg), "the caller does not need it yet"
    with_ai.tell(with_ai.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert with_ai.record.cause == "41 a speech engine failed"


def test_a_caller_on_hold_stays_with_an_ai_that_waits(with_ai: Any) -> None:
    with_ai.transfer(TO_101)
    with_ai.tell("a", Held(True))
    with_ai.tell(with_ai.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert with_ai.of(HoldLeg)[-1] == HoldLeg(with_ai.agent, True)
    with_ai.tell("a", Held(False))
    assert with_ai.of(HoldLeg)[-1] == HoldLeg(with_ai.agent, False)


def test_whoever_holds_the_caller_takes_it_back_when_it_has_reached_somebody(talking: Any) -> None:
    talking.call.hold("a", True, now=talking.now)
    talking.transfer(TO_101)
    talking.tell(talking.last_placed, Answered())
    assert talking.of(HoldLeg) == [HoldLeg("a", True), HoldLeg("a", False)]


# Asked for by REFER -------------------------------------------------------------------------------------------------


def test_the_called_party_gives_its_caller_away(talking: Any) -> None:
    bob = talking.last_placed
    talking.transfer(TO_101, by=bob, told=True)
    assert talking.of(Suspend) == [Suspend("a")]
    carol = talking.last_placed
    for event in (Ringing(), Ringing(), EarlyMedia(), Ringing(), Answered()):
        talking.tell(carol, event)
    assert talking.of(TellProgress) == [TellProgress(bob, 180), TellProgress(bob, 183), TellProgress(bob, 200)]
    assert not talking.of(HangUpLeg), "it has been told that all is well, and hangs up itself"
    talking.pass_time(RELEASE_SECONDS - 0.1)
    assert not talking.of(HangUpLeg)
    talking.pass_time(0.2)
    assert talking.of(HangUpLeg) == [HangUpLeg(bob, Cause.NORMAL)], "or it is let go"
    talking.tell(carol, BY_PEER)
    assert (talking.record.ended_by, talking.record.variables["transferred_to"]) == ("callee", "101")


def test_the_caller_gives_the_called_party_away_and_is_the_subject_no_more(talking: Any) -> None:
    bob = talking.last_placed
    talking.transfer(TO_101, by="a", told=True)
    assert talking.of(Suspend) == [Suspend(bob)] and talking.of(Hear)[-1].leg == bob
    assert talking.of(PlaceLeg)[-1].caller_id == "2", "who is called sees who is transferred"
    carol = talking.last_placed
    talking.tell(carol, Answered())
    assert talking.of(Connect)[-1] == Connect(bob, carol) and talking.of(TellProgress) == [TellProgress("a", 200)]
    talking.tell("a", BY_PEER)
    talking.tell(bob, Digit("7", "rfc4733"))
    assert talking.of(PressKeys) == [PressKeys(carol, "7")]
    assert talking.call.variables["from"] == "2" and talking.call.variables["to"] == "101"
    talking.tell(bob, BY_PEER)
    assert {output.leg for output in talking.of(HangUpLeg)} == {carol}
    assert (talking.record.ended_by, talking.record.dtmf, talking.record.from_) == ("callee", "", "1001")


def test_a_refused_transfer_leaves_both_where_they_were(talking: Any) -> None:
    bob = talking.last_placed
    talking.tell("a", Held(True))  # as telephones do before they ask
    talking.transfer(TO_101, by="a", told=True)
    talking.tell(talking.last_placed, Ended(from_status(603), by_peer=True))
    assert talking.of(TellProgress) == [TellProgress("a", 603)] and talking.of(Resume) == [Resume("a")]
    talking.tell("a", Held(False))
    talking.tell("a", Digit("1", "rfc4733"))
    assert talking.of(PressKeys) == [PressKeys(bob, "1")]
    assert talking.call.variables["from"] == "1001" and talking.call.variables["to"] == "1"
    talking.tell(bob, BY_PEER)
    assert talking.record.verdict == "the transfer to 101 failed: call rejected; the call went on"


def test_a_transferor_that_hangs_up_at_once_leaves_the_others_to_themselves(talking: Any) -> None:
    bob = talking.last_placed
    talking.transfer(TO_101, by="a", told=True)
    talking.tell("a", BY_PEER)
    carol = talking.last_placed
    talking.tell(carol, Ringing())
    talking.tell(carol, Answered())
    assert not talking.of(TellProgress), "nobody is there to be told"
    assert talking.of(Connect)[-1] == Connect(bob, carol)
    talking.tell(bob, BY_PEER)
    assert talking.record.outcome == "answered"


def test_nobody_comes_back_to_a_transferor_that_has_left(talking: Any) -> None:
    bob = talking.last_placed
    talking.transfer(TO_101, by="a", told=True)
    talking.tell("a", BY_PEER)
    talking.tell(talking.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert HangUpLeg(bob, Cause.BUSY) in talking.done
    record = talking.record
    assert (record.cause, record.ended_by, record.outcome) == ("17 user busy", "switch", "answered")
    assert record.verdict == "the transfer to 101 failed: user busy; nobody was left to come back to"


def test_a_called_party_that_gave_its_caller_away_and_left_is_missed_in_the_rule(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: '2', after: continue}}, {dial: '3'}]")
    bob = played.last_placed
    played.tell(bob, Answered())
    played.transfer(TO_101, by=bob, told=True)
    played.tell(bob, BY_PEER)
    played.tell(played.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert played.of(PlaceLeg)[-1].target == "3", "as if it had hung up just now"
    assert played.call.variables["dial_status"] == "answered"


def test_who_is_given_away_leaves_and_the_transferor_is_told(talking: Any) -> None:
    bob = talking.last_placed
    talking.transfer(TO_101, by="a", told=True)
    carol = talking.last_placed
    talking.tell(bob, BY_PEER)
    assert talking.of(TellProgress) == [TellProgress("a", 487)]
    assert {output.leg for output in talking.of(HangUpLeg)} == {carol, "a"}
    assert talking.record.ended_by == "callee"


def test_the_target_answers_as_the_caller_leaves(talking: Any) -> None:
    talking.transfer(TO_101, by=talking.last_placed, told=True)
    talking.call.leg_happened("a", BY_PEER, now=talking.now)
    talking.call.leg_happened(talking.last_placed, Answered(), now=talking.now)
    talking.pump()
    assert talking.record.ended_by == "caller" and not talking.of(Connect)[1:]


# More than one ------------------------------------------------------------------------------------------------------


def test_one_transfer_at_a_time(talking: Any) -> None:
    talking.transfer(TO_101, by="a", told=True)
    refusal = talking.transfer(TO_101, by=talking.of(PlaceLeg)[0].leg, told=True)
    assert refusal.sip == 491
    assert len(talking.of(PlaceLeg)) == 2


def test_a_chain_of_ten(talking: Any) -> None:
    before = talking.last_placed
    for number in range(10):
        by = "a" if number == 0 else before
        talking.transfer(f"[{{transfer: '{300 + number}'}}]", to=str(300 + number), by=by, told=True)
        target = talking.last_placed
        talking.tell(target, Answered())
        talking.tell(by, BY_PEER)
        before = target
    assert len([output for output in talking.of(TellProgress) if output.status == 200]) == 10
    assert not talking.of(HangUpLeg), "each has hung up by itself"
    talking.tell(before, BY_PEER)
    assert talking.record.variables["transferred_to"] == "309"


def test_a_call_that_is_sent_round_is_stopped(talking: Any) -> None:
    for number in range(MAX_TRANSFERS):
        assert talking.transfer(TO_101) is None, number
        talking.tell(talking.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert talking.transfer(TO_101).sip == 482


@pytest.mark.parametrize("by", ["nobody", "c-9"])
def test_who_does_not_talk_has_nobody_to_give_away(talking: Any, by: str) -> None:
    assert talking.transfer(TO_101, by=by, told=True).sip == 481


def test_a_caller_who_talks_with_nobody_has_nobody_to_give_away(with_steps: Made) -> None:
    played = with_steps("[echo]")
    assert played.transfer(TO_101, by="a", told=True).sip == 603
    assert with_steps("[{ring: 5}]").transfer(TO_101).sip == 481, "nor is a call transferred before it is answered"


# Whatever is going on, and whatever is tried --------------------------------------------------------------------------


def test_a_sound_that_is_over_meanwhile_is_over_afterwards(with_steps: Made) -> None:
    played = with_steps("[{play: x.wav}, {dial: '2'}]")
    number = played.of(Hear)[-1].number
    played.transfer(TO_101)
    played.call.voice_finished(number, now=played.now)  # said in the tick in which the transfer began
    assert played.of(PlaceLeg)[-1].target == "101"
    played.tell(played.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert played.of(PlaceLeg)[-1].target == "2"


def test_time_stands_still_for_what_is_interrupted(with_steps: Made) -> None:
    played = with_steps("[answer, {wait: 10}, {dial: '2'}]")
    played.pass_time(4)
    played.transfer("[{transfer: {to: 101, seconds: 25}}]")
    played.pass_time(25)
    assert played.of(Resume)
    played.tell("a", Digit("1", "rfc4733"))  # it is asked how long it still wants to wait
    played.pass_time(5.9)
    assert played.of(PlaceLeg)[-1].target == "101"
    played.pass_time(0.2)
    assert played.of(PlaceLeg)[-1].target == "2"


@pytest.mark.parametrize(
    "steps", ["[answer, echo]", "[{play: x.wav}]", "[{say: hello}]", "[{agent: y}]", "[{ring: 1}, answer, {wait: 9}]"]
)
def test_whatever_takes_the_call_has_been_reached(talking: Any, steps: str) -> None:
    bob = talking.last_placed
    talking.transfer(steps, by=bob, told=True)
    talking.pass_time(1.5)
    assert talking.of(TellProgress)[-1] == TellProgress(bob, 200)
    assert not talking.of(Resume)


def test_a_rule_that_refuses_is_a_transfer_that_fails(talking: Any) -> None:
    bob = talking.last_placed
    talking.transfer("[{ring: 2}, {reject: 404}]", by=bob, told=True)
    assert talking.of(TellProgress) == [TellProgress(bob, 180)]
    assert [output.source for output in talking.of(Hear)][-2:] == [HoldSource(), CadenceSource("ringback")]
    talking.pass_time(3)
    assert talking.of(TellProgress)[-1] == TellProgress(bob, 404) and talking.of(Resume)


def test_a_group_that_nobody_answers_leads_to_the_next_step_of_the_rule(talking: Any) -> None:
    talking.transfer("[{dial: {to: [5, 6], then: continue}}, {agent: y}]")
    for placed in talking.of(PlaceLeg)[1:]:
        talking.tell(placed.leg, Ended(Cause.BUSY, by_peer=True))
    assert talking.of(Connect)[-1] == Connect("a", talking.agent)
    assert talking.of(TransferFinished)[-1].reached


# As a step of a rule --------------------------------------------------------------------------------------------------


def test_a_step_that_reaches_nobody_ends_the_call_or_goes_on(with_steps: Made) -> None:
    played = with_steps("[answer, {transfer: {to: 101, then: continue}}, {transfer: 102}]")
    played.tell(played.last_placed, Ended(Cause.BUSY, by_peer=True))
    assert played.call.variables["transfer_status"] == "busy"
    assert played.of(PlaceLeg)[-1].target == "102"
    played.tell(played.last_placed, Ended(from_status(404), by_peer=True))
    record = played.record
    assert (record.cause, record.variables["transfer_cause"]) == ("1 no such number", "no such number")
    assert record.verdict == "the transfer to 102 failed: no such number"
    assert [(done.to, done.reached) for done in played.of(TransferFinished)] == [("101", False), ("102", False)]


def test_a_step_may_let_the_caller_hear_music(with_steps: Made) -> None:
    played = with_steps("[answer, {transfer: {to: 101, music: hold}}]")
    played.tell(played.last_placed, Ringing())
    played.tell(played.last_placed, EarlyMedia())
    assert [output.source for output in played.of(Hear)] == [HoldSource()] and not played.of(Connect)
    played.tell(played.last_placed, Answered())
    assert played.of(Connect)


def test_a_caller_who_is_not_answered_yet_hears_it_ring(with_steps: Made) -> None:
    played = with_steps("[{transfer: 101}]")
    played.tell(played.last_placed, Ringing())
    assert not played.of(Hear)
    played.tell(played.last_placed, Answered())
    played.tell("a", BY_PEER)
    assert (played.record.outcome, played.record.variables["transferred_to"]) == ("answered", "101")
