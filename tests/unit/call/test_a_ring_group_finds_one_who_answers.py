"""Ring groups: all at once or one after another, what the caller hears meanwhile, and what becomes of the others."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import (
    AnswerLeg,
    CadenceSource,
    Connect,
    HangUpLeg,
    Hear,
    OpenEarlyMedia,
    PlaceLeg,
    PressKeys,
    RingLeg,
)
from softswitch.call.leg import Answered, Digit, EarlyMedia, Ended, Ringing

Made = Callable[..., Any]
RINGBACK = CadenceSource("ringback")


@pytest.fixture
def all_at_once(with_steps: Made) -> Any:
    return with_steps("[{dial: {to: [101, 102, 103], seconds: 20}}]")


@pytest.fixture
def hunting(with_steps: Made) -> Any:
    return with_steps("[{dial: {to: [101, 102, 103], strategy: hunt, each: 10, seconds: 25}}]")


def called(played: Any) -> list[str]:
    return [output.target for output in played.of(PlaceLeg)]


def legs(played: Any) -> list[str]:
    return [output.leg for output in played.of(PlaceLeg)]


def sources(played: Any) -> list[Any]:
    return [output.source for output in played.of(Hear)]


def ended_with(played: Any, leg: str) -> list[Cause]:
    return [output.cause for output in played.of(HangUpLeg) if output.leg == leg]


def test_all_ring_at_once_and_the_first_answer_wins(all_at_once: Any) -> None:
    assert called(all_at_once) == ["101", "102", "103"]
    one, two, three = legs(all_at_once)
    for leg in (one, two, three):
        all_at_once.tell(leg, Ringing())
    assert all_at_once.of(RingLeg) == [RingLeg("a")], "the caller is told once"
    all_at_once.tell(two, Answered())
    assert all_at_once.of(AnswerLeg) == [AnswerLeg("a")] and all_at_once.of(Connect) == [Connect("a", two)]
    assert ended_with(all_at_once, one) == ended_with(all_at_once, three) == [Cause.ELSEWHERE]
    assert not ended_with(all_at_once, two)


def test_a_second_answer_in_the_same_moment_changes_nothing(all_at_once: Any) -> None:
    one, two, _ = legs(all_at_once)
    all_at_once.call.leg_happened(one, Answered(), now=all_at_once.now)
    all_at_once.call.leg_happened(two, Answered(), now=all_at_once.now)  # before its end was carried out
    all_at_once.call.leg_happened(two, Digit("7", "info"), now=all_at_once.now)
    all_at_once.pump()
    assert all_at_once.of(Connect) == [Connect("a", one)]
    assert ended_with(all_at_once, two) == [Cause.ELSEWHERE]
    assert not all_at_once.of(PressKeys), "a loser's key is not the winner's"
    assert not all_at_once.call.finished


def test_no_early_sound_of_one_is_heard_while_several_ring(all_at_once: Any) -> None:
    one, two, three = legs(all_at_once)
    all_at_once.tell(one, EarlyMedia())
    assert all_at_once.of(RingLeg) and not all_at_once.of(OpenEarlyMedia) and not all_at_once.of(Connect)
    all_at_once.tell(two, Ended(Cause.BUSY, by_peer=True))
    assert not all_at_once.of(Connect)
    all_at_once.tell(three, Ended(Cause.BUSY, by_peer=True))
    assert all_at_once.of(OpenEarlyMedia) and all_at_once.of(Connect) == [Connect("a", one)], "it is alone now"


def test_those_that_fail_are_dropped_and_the_last_may_still_answer(all_at_once: Any) -> None:
    one, two, three = legs(all_at_once)
    all_at_once.tell(one, Ended(from_status(503), by_peer=True))
    all_at_once.tell(three, Ended(from_status(603), by_peer=True))
    assert not all_at_once.call.finished
    all_at_once.tell(two, Answered())
    assert all_at_once.of(Connect) == [Connect("a", two)]


def test_nobody_comes_in_time(all_at_once: Any) -> None:
    all_at_once.tell(legs(all_at_once)[0], Ringing())
    all_at_once.pass_time(20.1)
    assert all(ended_with(all_at_once, leg)[0] == Cause.CANCELLED for leg in legs(all_at_once))
    assert (all_at_once.record.outcome, all_at_once.record.sip_code) == ("no_answer", 480)


def test_the_caller_who_hangs_up_ends_all(all_at_once: Any) -> None:
    all_at_once.tell("a", Ended(Cause.CANCELLED, by_peer=True))
    assert all(ended_with(all_at_once, leg) for leg in legs(all_at_once))
    assert (all_at_once.record.outcome, all_at_once.record.ended_by) == ("cancelled", "caller")


def test_an_answered_caller_hears_a_ringback_tone(with_steps: Made) -> None:
    played = with_steps("[answer, {dial: {to: [101, 102]}}]")
    one, two = legs(played)
    assert not sources(played)
    played.tell(one, Ringing())
    played.tell(two, Ringing())
    assert sources(played) == [RINGBACK] and not played.of(RingLeg)
    played.tell(one, Ended(Cause.BUSY, by_peer=True))
    played.tell(two, EarlyMedia())
    assert played.of(Connect) == [Connect("a", two)] and not played.of(OpenEarlyMedia)


def test_one_after_another(hunting: Any) -> None:
    assert called(hunting) == ["101"]
    hunting.pass_time(9.9)
    assert called(hunting) == ["101"]
    hunting.pass_time(0.2)
    assert called(hunting) == ["101", "102"]
    one, two = legs(hunting)
    assert ended_with(hunting, one) == [Cause.CANCELLED]
    hunting.tell(two, Ended(Cause.BUSY, by_peer=True))
    assert called(hunting) == ["101", "102", "103"], "who is busy need not ring out"
    hunting.tell(legs(hunting)[2], Answered())
    assert hunting.of(Connect) == [Connect("a", legs(hunting)[2])]


def test_the_whole_hunt_has_its_limit(hunting: Any) -> None:
    hunting.pass_time(24.9)
    assert not hunting.call.finished and called(hunting) == ["101", "102", "103"]
    hunting.pass_time(0.2)
    assert hunting.record.outcome == "no_answer"


def test_the_next_one_is_not_called_when_time_is_up(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: [101, 102], strategy: hunt, each: 30, seconds: 30}}]")
    played.pass_time(31)
    assert called(played) == ["101"]


def test_a_caller_with_early_sound_hears_that_the_hunt_goes_on(hunting: Any) -> None:
    (one,) = legs(hunting)
    hunting.tell(one, EarlyMedia())
    assert hunting.of(OpenEarlyMedia) and hunting.of(Connect) == [Connect("a", one)]
    hunting.tell("a", Digit("1", "inband"))
    assert hunting.of(PressKeys) == [PressKeys(one, "1", in_sound=True)]
    hunting.tell(one, Ended(Cause.UNAVAILABLE, by_peer=True))
    two = legs(hunting)[1]
    assert sources(hunting) == [RINGBACK]
    hunting.tell(two, Ringing())
    assert sources(hunting) == [RINGBACK] and not hunting.of(RingLeg), "a 180 would not be heard over open sound"
    hunting.tell(two, Answered())
    assert hunting.of(Connect)[-1] == Connect("a", two)
