"""Whatever the parties do during transfers, in whatever order: one record, no leg, and no transfer without its end."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.call.cause import Cause
from softswitch.call.commands import CallFinished, PlaceLeg, PrepareAgent, TransferFinished, TransferStarted
from softswitch.call.dialplan import load_rules
from softswitch.call.leg import Answered, Digit, EarlyMedia, Ended, Held, LegEvent, Ringing
from softswitch.call.record import Parties
from softswitch.document import parse
from tests.unit.call.conftest import Played

BASES = [
    "[{dial: '2'}]",
    "[answer, {agent: x}, {dial: '2'}]",
    "[{dial: {to: ['2', '3'], after: continue}}, {say: bye}]",
]
TRIES = [
    "[{transfer: 4}]",
    "[{dial: [4, 5]}]",
    "[{say: hi}]",
    "[{reject: 404}]",
    "[{agent: y}]",
    "[{ring: 3}, {play: x}]",
]
EVENTS: list[LegEvent] = [
    Ringing(),
    EarlyMedia(),
    Answered(),
    Answered(),
    Digit("1", "rfc4733"),
    Held(True),
    Held(False),
    Ended(Cause.BUSY, by_peer=True),
    Ended(Cause.NORMAL, by_peer=True),
]
ACTS = st.one_of(
    st.tuples(st.just("leg"), st.integers(0, 5), st.sampled_from(EVENTS)),
    st.tuples(st.just("transfer"), st.integers(-1, 5), st.sampled_from(TRIES)),
    st.tuples(st.just("time"), st.floats(0.1, 40.0), st.none()),
    st.tuples(st.just("hold"), st.integers(0, 5), st.booleans()),
)


def steps(text: str) -> Any:
    return load_rules(parse(Path("plan.yaml"), f"rules: [{{number: 1, steps: {text}}}]"))[0].steps


@settings(max_examples=400, deadline=None)
@given(
    base=st.sampled_from(BASES), direction=st.sampled_from(["inbound", "outbound"]), acts=st.lists(ACTS, max_size=25)
)
def test_any_order(base: str, direction: str, acts: list[tuple[str, Any, Any]]) -> None:
    played = Played(steps(base), Parties(direction, "1001", "1"))
    if direction == "inbound":
        played.offer()
    else:
        played.call.placed("1", "1001", now=played.now)
        played.pump()
        played.tell("a", Answered())
    for what, which, detail in acts:
        legs = ["a", *(output.leg for output in played.done if isinstance(output, PlaceLeg | PrepareAgent))]
        match what:
            case "leg":
                played.tell(legs[which % len(legs)], detail)
            case "transfer":
                played.transfer(steps(detail), by="" if which < 0 else legs[which % len(legs)], told=which % 2 == 0)
            case "time":
                played.pass_time(which)
            case "hold":
                played.call.hold(legs[which % len(legs)], detail, now=played.now)
                played.pump()
        assert not played.call.finished or set(legs) <= played.ended, "a leg outlives its call"
    played.call.hang_up(Cause.NORMAL, now=played.now)
    played.pump()
    assert played.record.outcome in ("answered", "cancelled", "failed", "busy", "no_answer", "rejected")
    assert played.call.next_timer() is None and not played.call.drain()
    assert len(played.of(TransferStarted)) == len(played.of(TransferFinished))
    assert isinstance(played.done[-1], CallFinished), "nothing comes after the record"
