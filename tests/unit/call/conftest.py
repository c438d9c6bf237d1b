"""A call with nobody behind its legs: the test plays every leg, and sees every command."""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from softswitch.call.attempt import Ask
from softswitch.call.call import Call
from softswitch.call.commands import AnswerLeg, CallFinished, HangUpLeg, Hear, PlaceLeg, PrepareAgent
from softswitch.call.dialplan import Dialplan, Query, load_rules
from softswitch.call.leg import Answered, Digit, Ended, LegEvent
from softswitch.call.record import CallRecord, Parties
from softswitch.document import load, parse

ROOT = Path(__file__).resolve().parents[3]
WALL = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


class Played:
    """One call and the test's hands on it. Legs obey at once: what is answered is up, what is hung up has ended."""

    def __init__(self, steps: Sequence[Any], parties: Parties) -> None:
        self.now = 1000.0
        self.call = Call("c", "a", steps, parties, wall=WALL, now=self.now)
        self.done: list[Any] = []
        #: Legs whose end the call was told.
        self.ended: set[str] = set()

    def pump(self) -> None:
        while outputs := self.call.drain():
            for output in outputs:
                self.done.append(output)
                match output:
                    case AnswerLeg(leg=leg):
                        self.call.leg_happened(leg, Answered(), now=self.now)
                    case HangUpLeg(leg=leg, cause=cause):
                        self.ended.add(leg)
                        self.call.leg_happened(leg, Ended(cause, by_peer=False), now=self.now)
                    case _:
                        pass

    def offer(self) -> None:
        self.call.offered(now=self.now)
        self.pump()

    def tell(self, leg: str, event: LegEvent) -> None:
        if leg in self.ended:
            return
        if isinstance(event, Ended):
            self.ended.add(leg)
        self.call.leg_happened(leg, event, now=self.now)
        self.pump()

    def press(self, digits: str) -> None:
        for digit in digits:
            self.tell("a", Digit(digit, "rfc4733"))

    def transfer(self, steps: str | Sequence[Any], *, to: str = "101", by: str = "", told: bool = False) -> Any:
        """Try steps, written in YAML's flow style, over what is going on; return why it was refused, None where not."""
        if isinstance(steps, str):
            steps = load_rules(parse(Path("plan.yaml"), f"rules: [{{number: 1, steps: {steps}}}]"))[0].steps
        refusal = self.call.transfer(steps, Ask(to, "bridge", by, told), now=self.now)
        self.pump()
        return refusal

    def finish_voice(self) -> None:
        """End what the subject hears now."""
        number = max(output.number for output in self.done if isinstance(output, Hear))
        self.call.voice_finished(number, now=self.now)
        self.pump()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.call.next_timer()) is not None and at <= end:
            self.now = at
            self.call.handle_timer(now=self.now)
            self.pump()
        self.now = end

    def of(self, kind: type[Any]) -> list[Any]:
        return [output for output in self.done if isinstance(output, kind)]

    @property
    def last_placed(self) -> str:
        """The id of the leg that was placed last."""
        found: str = self.of(PlaceLeg)[-1].leg
        return found

    @property
    def agent(self) -> str:
        """The id of the AI leg made last."""
        found: str = self.of(PrepareAgent)[-1].leg
        return found

    @property
    def record(self) -> CallRecord:
        records = self.of(CallFinished)
        assert len(records) == 1, f"{len(records)} records of one call"
        found: CallRecord = records[0].record
        return found


@pytest.fixture(scope="session")
def demo() -> Dialplan:
    """The demo dialplan."""
    return Dialplan(load_rules(load(ROOT / "dialplans" / "demo.yaml")))


@pytest.fixture
def calling(demo: Dialplan) -> Callable[[str], Played]:
    """Call a number of the demo dialplan."""

    def call(number: str) -> Played:
        rule = demo.match(Query(number, "1001", trusted=True))
        assert rule is not None, f"no rule for {number}"
        played = Played(rule.steps, Parties("inbound", "1001", number))
        played.call.variables["to"] = number[rule.strip :]
        played.offer()
        return played

    return call


@pytest.fixture
def plan() -> Callable[[str], Dialplan]:
    """Read a dialplan from text."""
    return lambda text: Dialplan(load_rules(parse(Path("plan.yaml"), text)))


@pytest.fixture
def with_steps(plan: Callable[[str], Dialplan]) -> Callable[..., Played]:
    """A call with these steps, written in YAML's flow style, offered already."""

    def make(steps: str, direction: str = "inbound") -> Played:
        rule = plan(f"rules: [{{number: 1, steps: {steps}}}]").rules[0]
        played = Played(rule.steps, Parties(direction, "1001", "1"))
        if direction == "inbound":
            played.offer()
        return played

    return make
