"""Whatever order legs, keys, voices and time come in: one record, no timer left, and nothing raises."""

import datetime
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.call.call import Call
from softswitch.call.cause import Cause
from softswitch.call.commands import AnswerLeg, CallFinished, HangUpLeg, PlaceLeg, PrepareAgent
from softswitch.call.dial import Dial
from softswitch.call.dialplan import Dialplan, Query
from softswitch.call.leg import Answered, Digit, DigitsSent, EarlyMedia, Ended, Held, Ringing
from softswitch.call.record import Parties
from softswitch.call.steps import Answer, Wait

WALL = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DIALLING = {
    "dial": (Dial(to=("sip:x@127.0.0.1",), seconds=20),),
    "group": (Dial(to=("1", "2", "3"), seconds=20, then="continue", after="continue"), Wait(seconds=3)),
    "hunt": (Answer(), Dial(to=("1", "2", "3"), strategy="hunt", each=5), Wait(seconds=3)),
}
EVENTS = st.sampled_from(
    [
        Ringing(),
        EarlyMedia(),
        Answered(),
        Digit("1", "inband"),
        Digit("#", "rfc4733"),
        DigitsSent(),
        Held(True),
        Ended(Cause.NORMAL, by_peer=True),
        Ended(Cause.BUSY, by_peer=True),
        "voice",
        "time",
        "hang up",
        "hold",
        "resume",
    ]
)
NUMBERS = ["600", "601", "602", "603", "604", "605", "606", "607", "608", "617", "700"]


def happen(call: Call, event: Any, which: int, leg: str, now: float) -> None:
    match event:
        case "voice":
            call.voice_finished(which, now=now)
        case "time":
            call.handle_timer(now=now)
        case "hang up":
            call.hang_up(Cause.SHUTTING_DOWN, now=now)
        case "hold" | "resume":
            call.hold(leg, event == "hold", now=now)
        case _:
            call.leg_happened(leg, event, now=now)


@settings(max_examples=150, deadline=None)
@given(number=st.sampled_from([*NUMBERS, *DIALLING]), story=st.lists(st.tuples(st.integers(0, 3), EVENTS), max_size=25))
def test_one_record_and_no_timer(demo: Dialplan, number: str, story: list[tuple[int, Any]]) -> None:
    steps = DIALLING.get(number) or demo.match(Query(number, "", trusted=True)).steps  # type: ignore[union-attr]
    now = 10.0
    call = Call("c", "a", steps, Parties("inbound", "1", number), wall=WALL, now=now)
    legs, records = ["a"], []

    def obey() -> None:
        while outputs := call.drain():
            for output in outputs:
                match output:
                    case PrepareAgent(leg=leg) | PlaceLeg(leg=leg):
                        legs.append(leg)
                    case AnswerLeg(leg=leg):
                        call.leg_happened(leg, Answered(), now=now)
                    case HangUpLeg(leg=leg, cause=cause):
                        call.leg_happened(leg, Ended(cause, by_peer=False), now=now)
                    case CallFinished(record=record):
                        records.append(record)
                    case _:
                        pass

    call.offered(now=now)
    obey()
    for which, event in story:
        now += 0.5
        now += 100.0 if event == "time" else 0.0
        happen(call, event, which, legs[which % len(legs)], now)
        obey()
    call.hang_up(Cause.NORMAL, now=now)
    obey()
    assert call.finished and len(records) == 1
    assert call.next_timer() is None
    assert records[0].as_json()["outcome"] in {"answered", "busy", "no_answer", "cancelled", "failed", "rejected"}


def test_a_call_does_not_outlive_its_hard_limit(calling: Callable[[str], Any]) -> None:
    played = calling("600")
    played.pass_time(4 * 3600 + 1)
    assert played.record.ended_by == "switch"
