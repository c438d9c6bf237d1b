"""Whatever the parties do during transfers, in whatever order: one record, no leg, and no transfer without its end."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.call.cause import Cause
from softswitch.call.commands import (
    Brief,
    CallFinished,
    PlaceLeg,
    PrepareAgent,
    TellProgress,
    TransferFinished,
    TransferStarted,
)
from softswitch.call.dialplan import load_rules
from softswitch.call.leg import Answered, Briefed, Digit, EarlyMedia, Ended, Held, LegEvent, ReferProgress, Ringing
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
    "[{transfer: {to: 4, mode: warm}}]",
    "[{transfer: {to: 4, mode: refer}}]",
    "[{transfer: {to: 4, mode: attended, brief: hi}}]",
]
EVENTS: list[LegEvent] = [
    Ringing(),
    EarlyMedia(),
    Answered(),
    Answered(),
    Digit("1", "rfc4733"),
    Held(True),
    Held(False),
    Briefed(accepted=True),
    Briefed(accepted=False),
    ReferProgress(100, final=False),
    ReferProgress(200, final=True),
    ReferProgress(405, final=True, accepted=False),
    ReferProgress(503, final=True),
    Ended(Cause.BUSY, by_peer=True),
    Ended(Cause.NORMAL, by_peer=True),
]
ACTS = st.one_of(
    st.tuples(st.just("leg"), st.integers(0, 5), st.sampled_from(EVENTS)),
    st.tuples(st.just("transfer"), st.integers(-1, 5), st.sampled_from(TRIES)),
    st.tuples(st.just("time"), st.floats(0.1, 40.0), st.none()),
    st.tuples(st.just("hold"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("replace"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("give away"), st.integers(0, 5), st.none()),
)


def steps(text: str) -> Any:
    return load_rules(parse(Path("plan.yaml"), f"rules: [{{number: 1, steps: {text}}}]"))[0].steps


class Story:
    """A call, and what is done to it. asked: by whom a transfer was asked for that has begun."""

    def __init__(self, base: str, direction: str) -> None:
        self.played = played = Played(steps(base), Parties(direction, "1001", "1"))
        self.more: list[str] = []
        self.asked: list[str] = []
        if direction == "inbound":
            played.offer()
        else:
            played.call.placed("1", "1001", now=played.now)
            played.pump()
            played.tell("a", Answered())

    @property
    def legs(self) -> list[str]:
        made = [output.leg for output in self.played.done if isinstance(output, PlaceLeg | PrepareAgent)]
        return ["a", *made, *self.more, *(output.agent for output in self.played.of(Brief))]

    def act(self, what: str, which: Any, detail: Any) -> None:
        played, legs = self.played, self.legs
        leg = legs[int(which) % len(legs)]
        match what:
            case "leg":
                played.tell(leg, detail)
            case "transfer":
                by, told = ("" if which < 0 else leg), which % 2 == 0
                if played.transfer(steps(detail), by=by, told=told) is None and told:
                    self.asked.append(by)
            case "time":
                played.pass_time(which)
            case "hold":
                played.call.hold(leg, detail, now=played.now)
            case "replace" if played.call.no_replacement(leg) is None:
                self.more.append(f"x{len(self.more)}")
                played.call.take_over(self.more[-1], leg, "9", now=played.now)
            case "give away" if played.call.partner(leg) and played.call.no_replacement(leg) is None:
                gone = played.call.partner(leg)
                played.call.hand_over(gone, leg, "9", told=True, now=played.now)
                played.ended.add(gone)
                self.asked.append(leg)
        played.pump()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(BASES), st.sampled_from(["inbound", "outbound"]), st.lists(ACTS, max_size=25))
def test_any_order(base: str, direction: str, acts: list[tuple[str, Any, Any]]) -> None:
    story = Story(base, direction)
    played = story.played
    for act in acts:
        story.act(*act)
        assert not played.call.finished or set(story.legs) <= played.ended, "a leg outlives its call"
    played.call.hang_up(Cause.NORMAL, now=played.now)
    played.pump()
    assert played.record.outcome in ("answered", "cancelled", "failed", "busy", "no_answer", "rejected")
    assert played.call.next_timer() is None and not played.call.drain()
    assert len(played.of(TransferStarted)) == len(played.of(TransferFinished))
    finals = [output.leg for output in played.of(TellProgress) if output.status >= 200]
    assert all(finals.count(leg) <= story.asked.count(leg) for leg in finals), "nobody is told the end twice"
    assert isinstance(played.done[-1], CallFinished), "nothing comes after the record"
