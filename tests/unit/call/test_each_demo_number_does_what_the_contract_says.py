"""The numbers of the demo dialplan, one by one: what the caller's leg is told, and when."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause
from softswitch.call.commands import (
    AnswerLeg,
    EchoSource,
    FileSource,
    HangUpLeg,
    Hear,
    OpenEarlyMedia,
    PlaceLeg,
    PlaybackSource,
    PrepareAgent,
    PressKeys,
    RecorderSource,
    RingLeg,
    ToneSource,
)
from softswitch.call.dialplan import Query
from softswitch.call.leg import DigitsSent, Ended

Calling = Callable[[str], Any]


def heard(played: Any) -> list[Any]:
    return [output.source for output in played.of(Hear)]


def test_600_answers_and_echoes_until_the_caller_hangs_up(calling: Calling) -> None:
    played = calling("600")
    assert played.of(AnswerLeg) and heard(played) == [EchoSource()]
    played.pass_time(3600)
    assert not played.of(HangUpLeg)
    played.tell("a", Ended(Cause.NORMAL, by_peer=True))
    assert (played.record.outcome, played.record.ended_by, played.record.duration_ms) == (
        "answered",
        "caller",
        3_600_000,
    )


def test_601_plays_the_prompt_and_hangs_up_after_its_last_word(calling: Calling) -> None:
    played = calling("601")
    assert heard(played) == [FileSource("welcome.wav")]
    played.finish_voice()
    assert not played.of(HangUpLeg), "the far end's jitter buffer still holds the last word"
    played.pass_time(0.5)
    assert played.record.ended_by == "switch" and played.record.outcome == "answered"


def test_602_is_1004_hz_at_minus_16_dbm0(calling: Calling) -> None:
    assert heard(calling("602")) == [ToneSource(1004, -16.0)]


def test_603_sends_its_digits_after_a_second_and_hangs_up(calling: Calling) -> None:
    played = calling("603")
    played.pass_time(0.99)
    assert not played.of(PressKeys)
    played.pass_time(0.02)
    assert played.of(PressKeys) == [PressKeys("a", "1234567890*#")]
    played.tell("a", DigitsSent())
    played.pass_time(1)
    assert played.record.ended_by == "switch"


def test_604_is_heard_two_seconds_before_it_answers(calling: Calling) -> None:
    played = calling("604")
    assert played.of(OpenEarlyMedia) and not played.of(AnswerLeg)
    assert isinstance(heard(played)[0], ToneSource)
    played.pass_time(2.1)
    assert played.of(AnswerLeg) and heard(played)[-1] == EchoSource()


@pytest.mark.parametrize(("number", "status", "outcome"), [("605", 486, "busy"), ("606", 480, "no_answer")])
def test_605_is_busy_and_606_never_answers(calling: Calling, number: str, status: int, outcome: str) -> None:
    played = calling(number)
    played.pass_time(59)
    if number == "606":
        assert played.of(RingLeg) and not played.of(HangUpLeg)
    played.pass_time(2)
    assert not played.of(AnswerLeg)
    assert (played.record.sip_code, played.record.outcome) == (status, outcome)


def test_607_speaks_back_what_was_keyed_and_the_record_keeps_it(calling: Calling) -> None:
    played = calling("607")
    played.press("40#")
    assert played.of(PrepareAgent)[-1].text == "You entered: 4, 0."
    played.tell(played.agent, Ended(Cause.NORMAL, by_peer=True))
    played.pass_time(1)
    assert (played.record.dtmf, played.record.variables) == ("40#", {"digits": "40"})


def test_608_records_until_the_hash_and_plays_back(calling: Calling) -> None:
    played = calling("608")
    played.finish_voice()
    assert heard(played)[-1] == RecorderSource(10.0)
    played.press("#")
    assert heard(played)[-1] == PlaybackSource()
    played.finish_voice()
    played.pass_time(1)
    assert played.record.ended_by == "switch"


def test_617_rings_two_seconds_then_answers(calling: Calling) -> None:
    played = calling("617")
    played.pass_time(1.9)
    assert played.of(RingLeg) and not played.of(AnswerLeg)
    played.pass_time(0.2)
    assert played.of(AnswerLeg) and heard(played)[-1] == EchoSource()


def test_700_gets_its_greeting_ready_before_it_answers(calling: Calling) -> None:
    played = calling("700")
    kinds = [type(output) for output in played.done]
    assert kinds.index(PrepareAgent) < kinds.index(AnswerLeg)
    assert [output.flow for output in played.of(PrepareAgent)] == ["receptionist"], "prepared once, not twice"
    assert AnswerLeg(played.agent) in played.done
    played.press("2")
    assert PressKeys(played.agent, "2") in played.done
    played.tell(played.agent, Ended(Cause.NORMAL, by_peer=True))
    assert (played.record.ended_by, played.record.outcome) == ("switch", "answered")


def test_618_is_604_with_a_reliable_183(calling: Calling) -> None:
    played = calling("618")
    assert played.of(OpenEarlyMedia) == [OpenEarlyMedia("a", reliable=True)]
    assert calling("604").of(OpenEarlyMedia) == [OpenEarlyMedia("a", reliable=False)]
    played.pass_time(2.1)
    assert played.of(AnswerLeg) and heard(played)[-1] == EchoSource()


@pytest.mark.parametrize("number", ["8493012345", "8+493012345", "80049301234", "8117"])
def test_8_and_a_number_calls_it_but_not_for_strangers(demo: Any, calling: Calling, number: str) -> None:
    assert demo.match(Query(number, "1001")) is None
    (placed,) = calling(number).of(PlaceLeg)
    assert (placed.target, placed.caller_id, placed.carrier) == (number[1:], "1001", "")


def test_no_rule_knows_699(demo: Any) -> None:
    assert demo.match(Query("699", "", trusted=True)) is None
