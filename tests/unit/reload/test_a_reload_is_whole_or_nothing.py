"""Reloads come one after another; a fault refuses the whole and leaves what was in force; reports say what happened."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from softswitch.call.dialplan import Dialplan
from softswitch.catalog import Catalog
from softswitch.config import Settings
from softswitch.errors import ConfigError, Fault
from softswitch.reload import Reloader, Report

EMPTY = Catalog(Dialplan(()), {}, {}, ())


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


class Rig:
    """What is read next, and what was put in force."""

    def __init__(self) -> None:
        self.next: Settings | Exception = settings()
        self.applied: list[Settings] = []
        self.reads = 0
        self.gate: threading.Event | None = None
        self.reading = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.apply_fails = False
        self.reloader = Reloader(settings(), EMPTY, self.load, self.apply)

    def load(self) -> tuple[Settings, Catalog]:
        self.reads += 1
        self.loop.call_soon_threadsafe(self.reading.set)
        assert threading.current_thread() is not threading.main_thread(), "files are read on the loop"
        if self.gate is not None:
            assert self.gate.wait(10)
        if isinstance(self.next, Exception):
            raise self.next
        return self.next, EMPTY

    def apply(self, found: Settings, _catalog: Catalog) -> Iterable[str]:
        if self.apply_fails:
            raise RuntimeError("a bug")
        self.applied.append(found)
        return ()


def play(story: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = Rig()
        await story(rig)
        await rig.reloader.close()

    asyncio.run(main())


def test_what_may_change_is_put_in_force_and_what_may_not_is_named() -> None:
    async def story(rig: Rig) -> None:
        rig.next = settings(limits={"max_calls": 7}, sip={"listen": "127.0.0.1:5070", "trusted": ["10.0.0.0/8"]})
        report = await rig.reloader.ask()
        assert (report.outcome, report.needs_restart) == ("changed", ("sip.listen",))
        assert set(report.changes) == {"limits.max_calls is 7", "sip.trusted is 10.0.0.0/8"}
        (found,) = rig.applied
        assert found.limits.max_calls == 7 and found.sip.trusted == ("10.0.0.0/8",)
        assert found.sip.listen == ("127.0.0.1", 5060), "what needs a restart was put in force"
        again = await rig.reloader.ask()
        assert (again.outcome, again.needs_restart) == ("unchanged", ("sip.listen",))
        rig.next = settings(limits={"max_calls": 7}, sip={"trusted": ["10.0.0.0/8"]})
        assert (await rig.reloader.ask()).needs_restart == ()

    play(story)


def test_a_broken_file_is_refused_with_every_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def story(rig: Rig) -> None:
        faults = (Fault("a.yaml:3", "is wrong", "write it right"), Fault("b.yaml:9", "is missing"))
        rig.next = ConfigError(*faults)
        report = await rig.reloader.ask()
        assert (report.outcome, report.faults, rig.applied) == ("refused", faults, [])
        assert rig.reloader.last is report and rig.reloader.counts["refused"] == 1
        assert report.as_json()["faults"][1] == {"where": "b.yaml:9", "what": "is missing", "hint": ""}
        rig.next = settings(limits={"max_calls": 7})
        assert (await rig.reloader.ask()).outcome == "changed"

    with caplog.at_level(logging.INFO):
        play(story)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said[:2] == ["reload refused: a.yaml:3: is wrong (write it right)", "reload refused: b.yaml:9: is missing"]


def test_who_asks_while_one_waits_shares_it_and_who_asks_later_does_not() -> None:
    async def story(rig: Rig) -> None:
        rig.gate = threading.Event()
        first = rig.reloader.ask()
        await rig.reading.wait()
        second, third = rig.reloader.ask(), rig.reloader.ask()
        assert second is third is not first
        rig.gate.set()
        await asyncio.gather(first, second)
        assert rig.reads == 2

    play(story)


def test_a_fault_of_our_own_is_a_refusal_and_leaves_the_next_one_its_chance(caplog: pytest.LogCaptureFixture) -> None:
    async def story(rig: Rig) -> None:
        rig.next = RuntimeError("a bug")
        assert (await rig.reloader.ask()).outcome == "refused"
        rig.next, rig.apply_fails = settings(limits={"max_calls": 7}), True
        assert (await rig.reloader.ask()).outcome == "refused"
        rig.apply_fails = False
        report = await rig.reloader.ask()
        assert (report.outcome, report.changes) == ("changed", ("limits.max_calls is 7",))

    play(story)
    assert sum(record.exc_info is not None for record in caplog.records) == 2


def test_a_switch_that_stops_reads_nothing_more() -> None:
    async def story(rig: Rig) -> None:
        rig.reloader.refuse("the switch is stopping")
        report = await rig.reloader.ask()
        assert (report.outcome, rig.reads) == ("refused", 0)
        assert "stopping" in report.faults[0].what

    play(story)


def test_whoever_watches_hears_of_the_beginning_and_the_end() -> None:
    async def story(rig: Rig) -> None:
        heard: list[Report | None] = []
        rig.reloader.on_progress = heard.append
        report = await rig.reloader.ask()
        assert heard == [None, report]

    play(story)
