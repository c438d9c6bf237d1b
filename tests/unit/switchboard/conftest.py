"""A switchboard whose legs, clock and records are the test's own: every leg notes what it is told."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from softswitch.audio.frame import Frame
from softswitch.call.call import Call
from softswitch.call.cause import Cause
from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.call.leg import Answered, Ended, FarEnd, Leg, LegEvent, LegId, LegSink, LegState
from softswitch.call.offer import Offer
from softswitch.call.record import CallRecord
from softswitch.call.who import Who
from softswitch.document import parse
from softswitch.errors import ResourceError
from softswitch.switchboard import Limits, Switchboard


class FakeLeg:
    """Obeys at once; says one frame of its own in every tick."""

    def __init__(self, id: LegId, sink: LegSink) -> None:
        self.id = id
        self.state = LegState.NEW
        self.host = "10.0.0.9"
        self.refers = True
        self.told: list[Any] = []
        self.heard: list[Frame] = []
        self.voice = Frame(id.encode().ljust(320, b"\0")[:320])
        self._sink = sink

    def says(self, event: LegEvent) -> None:
        self._sink(self, event)

    @property
    def far_end(self) -> FarEnd:
        return FarEnd(
            self.host,
            "<sip:switch@10.0.0.1:5060>",
            f"sip:{self.id}@{self.host}",
            f"{self.id};to-tag=a;from-tag=b",
            self.refers,
        )

    def take(self) -> Frame | None:
        return self.voice

    def give(self, frame: Frame) -> None:
        self.heard.append(frame)

    def ring(self) -> None:
        self.told.append("ring")

    def progress(self, reliable: bool = False) -> None:
        self.told.append(("progress", reliable))

    def answer(self) -> None:
        self.told.append("answer")
        self.says(Answered())

    def hold(self, held: bool) -> None:
        self.told.append(("hold", held))

    def send_dtmf(self, digits: str, *, in_sound: bool = False) -> None:
        self.told.append((digits, in_sound))

    def refer(self, target: str, *, replaces: str = "", referred_by: str = "") -> None:
        self.told.append(("refer", target, replaces) if replaces else ("refer", target))

    def refer_progress(self, status: int) -> None:
        self.told.append(("progress of the transfer", status))

    def hang_up(self, cause: Cause = Cause.NORMAL) -> None:
        self.told.append(cause)
        if self.state is not LegState.ENDED:
            self.state = LegState.ENDED
            self.says(Ended(cause, by_peer=False))


class _Turn:
    def __await__(self) -> Generator[None, None, None]:
        yield


class FakeSeat:
    def __init__(self, seats: list[Any], tick: Callable[[float], None]) -> None:
        self._seats, self.tick = seats, tick
        seats.append(self)

    def leave(self) -> None:
        self._seats.remove(self)


class Board:
    """The switchboard under test, and everything around it."""

    def __init__(self, rules: str) -> None:
        self.legs: dict[str, FakeLeg] = {}
        self.moves: list[tuple[str, str]] = []
        self.headers: dict[str, tuple[tuple[str, str], ...]] = {}
        self.behalf: dict[str, Who] = {}
        #: What the legs of a target are to have besides.
        self.made_with: dict[str, dict[str, Any]] = {}
        self.briefings: list[tuple[str, str]] = []
        self.placed: list[tuple[str, str, str]] = []
        self.records: list[CallRecord] = []
        self.seats: list[FakeSeat] = []
        self.now = 100.0
        self._ids = itertools.count()
        self.board = Switchboard(
            dialplan=Dialplan(load_rules(parse(Path("plan.yaml"), rules))),
            phones=self,
            agents=self,
            sounds=self._sound,
            ticks=self,
            on_record=self.records.append,
            limits=Limits(),
            token=lambda: f"t{next(self._ids)}",
            now=lambda: self.now,
        )

    def place(
        self,
        leg: LegId,
        target: str,
        *,
        caller_id: str,
        carrier: str,
        sink: LegSink,
        hops: int,
        who: Who,
        headers: Any,
        onward: Any,
    ) -> Leg:
        if target == "nowhere":
            raise ResourceError("there is no way to nowhere")
        self.placed.append((target, caller_id, carrier))
        self.headers[target], self.behalf[target] = headers, who
        self.legs[target] = FakeLeg(leg, sink)
        for name, value in self.made_with.get(target, {}).items():
            setattr(self.legs[target], name, value)
        return self.legs[target]

    def open(self, leg: LegId, call: Call, *, flow: str, text: str, sink: LegSink) -> Leg:
        self.legs["agent"] = FakeLeg(leg, sink)
        return self.legs["agent"]

    def brief(self, leg: LegId, call: Call, *, caller: str, text: str, sink: LegSink) -> Leg:
        if text == "fail":
            raise ResourceError("no voice is there")
        self.briefings.append((caller, text))
        self.legs["briefing"] = FakeLeg(leg, sink)
        return self.legs["briefing"]

    def moved(self, leg: Leg, call: Call) -> None:
        self.moves.append((leg.id, call.id))

    def trusts(self, host: str) -> bool:
        return host == "127.0.0.1"

    def ours(self, host: str) -> bool:
        return host == "our.example"

    def written_for(self, carrier: str, number: str) -> str:
        """Carriers here want 9 before a number, and call no 666."""
        return "" if number == "666" else f"9{number}"

    def join(self, tick: Callable[[float], None]) -> FakeSeat:
        return FakeSeat(self.seats, tick)

    def _sound(self, name: str) -> Sequence[Frame]:
        raise ResourceError(f"there is no {name}")

    def call(self, number: str, **more: Any) -> FakeLeg:
        def make(sink: LegSink) -> Leg:
            self.legs["caller"] = FakeLeg("in-0", sink)
            return self.legs["caller"]

        self.board.offered(Offer("in-0", number, "1001", **({"trusted": True} | more)), make)
        return self.legs["caller"]

    async def turn(self) -> None:
        """Let the event loop go round once."""
        await _Turn()

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            for seat in list(self.seats):
                seat.tick(self.now)


@pytest.fixture
def at_work() -> Callable[..., None]:
    """Run a story on a switchboard with these rules; nothing may be left on its clock."""

    def run(rules: str, story: Callable[[Board], Coroutine[None, None, None]]) -> None:
        async def main() -> None:
            board = Board(rules)
            await story(board)
            assert board.board.active == 0 and board.seats == []

        asyncio.run(main())

    return run
