"""READY, RELOADING, STOPPING, the number of calls, and signs of life that come from a clock which really ticks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from softswitch.errors import Fault
from softswitch.net.notify import MAX_STATUS, Notifier, from_environment, status_line
from softswitch.reload import Report
from softswitch.supervision import Supervision

WATCHDOG = 3.0


class Told(Notifier):
    """A manager that listens."""

    def __init__(self, watchdog: float | None = WATCHDOG) -> None:
        super().__init__(watchdog=watchdog)
        self.heard: list[str] = []

    @property
    def active(self) -> bool:
        return True

    def send(self, *lines: str) -> None:
        self.heard += lines


class FakeSeat:
    def __init__(self, clock: "FakeClock", tick: Callable[[float], None]) -> None:
        self.clock, self.tick = clock, tick

    def leave(self) -> None:
        self.clock.seats.remove(self)


class FakeClock:
    """A 20 ms clock that ticks when the test says so."""

    def __init__(self) -> None:
        self.seats: list[Any] = []

    def join(self, tick: Callable[[float], None]) -> Any:
        self.seats.append(FakeSeat(self, tick))
        return self.seats[-1]

    def tick(self) -> None:
        for seat in list(self.seats):
            seat.tick(0.0)


class Timers:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, what: Callable[[], None]) -> "Timers":
        self.due = [(self.now + seconds, what)]  # one timer is all there is
        return self

    def cancel(self) -> None:
        self.due = []


class Switch:
    """A supervised switch: its manager, its clock and its time."""

    def __init__(self, watchdog: float | None = WATCHDOG) -> None:
        self.manager, self.clock, self.timers, self.calls = Told(watchdog), FakeClock(), Timers(), 0
        self.made = Supervision(self.manager, self.clock, lambda: self.calls, self.timers.later)
        self.made.ready()

    @property
    def heard(self) -> list[str]:
        return self.manager.heard

    def passes(self, seconds: float, *, ticking: bool = True) -> None:
        """Let time pass, with a clock that ticks or has stopped."""
        end = self.timers.now + seconds
        while self.timers.due and self.timers.due[0][0] <= end:
            self.timers.now, what = self.timers.due.pop()
            what()
            if ticking:
                self.clock.tick()
        self.timers.now = end


@pytest.fixture
def switch() -> Iterator[Switch]:
    made = Switch()
    yield made
    made.made.close()
    assert made.clock.seats == [] and made.timers.due == []


def test_a_clock_that_ticks_is_a_sign_of_life_three_times_before_it_is_due(switch: Switch) -> None:
    assert switch.heard == ["READY=1", "STATUS=0 calls"]
    switch.clock.tick()
    switch.passes(WATCHDOG * 10 - 0.1)
    assert switch.heard.count("WATCHDOG=1") == 30
    assert switch.heard.count("STATUS=0 calls") == 1, "a status that has not changed is said again"
    assert switch.clock.seats == [], "a seat is kept between two signs of life"


def test_a_loop_that_runs_with_a_clock_that_has_stopped_is_none(switch: Switch) -> None:
    switch.passes(WATCHDOG * 10, ticking=False)
    assert "WATCHDOG=1" not in switch.heard and len(switch.clock.seats) == 1
    switch.clock.tick()  # it goes on
    assert switch.heard.count("WATCHDOG=1") == 1


def test_a_loop_that_is_blocked_is_none(switch: Switch) -> None:
    switch.clock.tick()
    switch.timers.now += WATCHDOG * 10  # nothing that is due is called
    switch.clock.tick()
    assert switch.heard.count("WATCHDOG=1") == 1


def test_nobody_is_told_of_life_who_does_not_watch() -> None:
    switch = Switch(watchdog=None)
    switch.passes(60)
    assert switch.heard == ["READY=1", "STATUS=0 calls"]
    switch.made.close()


def test_the_status_is_how_many_calls_there_are(switch: Switch) -> None:
    for switch.calls in (1, 12):
        switch.passes(WATCHDOG)
    said = [line for line in switch.heard if line.startswith("STATUS")]
    assert said == ["STATUS=0 calls", "STATUS=1 call", "STATUS=12 calls"]


def test_a_reload_is_told_and_a_refused_one_stays_in_the_status(switch: Switch) -> None:
    switch.made.reloading(None)
    assert switch.heard[-2] == "RELOADING=1" and switch.heard[-1].removeprefix("MONOTONIC_USEC=").isdecimal()
    switch.made.reloading(Report("refused", "now", faults=(Fault("a.yaml:3", "is\nwrong"),)))
    assert switch.heard[-2:] == ["READY=1", "STATUS=0 calls; reload refused: a.yaml:3: is wrong"]
    switch.made.reloading(Report("changed", "now"))
    assert switch.heard[-2:] == ["READY=1", "STATUS=0 calls"]


def test_a_stopping_switch_asks_for_time_until_its_calls_are_over(switch: Switch) -> None:
    switch.calls = 2
    switch.made.stopping()
    assert switch.heard[-3:-1] == ["STOPPING=1", "STATUS=stopping, 2 calls still up"]
    switch.passes(WATCHDOG)
    more = [int(line.partition("=")[2]) for line in switch.heard if line.startswith("EXTEND_TIMEOUT_USEC=")]
    assert len(more) == 4
    assert min(more) >= 2 * WATCHDOG / 3 * 1e6, "one look that comes late would be the end"
    switch.made.reloading(Report("refused", "now"))
    assert "READY=1" not in switch.heard[3:], "a switch that stops says that it is ready"


def test_the_environment_says_who_listens() -> None:
    assert not from_environment({}).active
    assert not from_environment({"NOTIFY_SOCKET": "vsock:2:1"}).active
    ours = from_environment({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "20000000"})
    somebody = from_environment({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"})
    nonsense = from_environment({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"})
    assert [one.watchdog for one in (ours, somebody, nonsense)] == [20.0, None, None]
    for one in (ours, somebody, nonsense):
        assert one.active
        one.close()
        one.close()
        one.send("READY=1")


def test_a_status_is_one_line_of_bounded_length() -> None:
    assert status_line("a\nREADY=1\n b") == "STATUS=a READY=1 b"
    assert len(status_line("x" * 10_000)) == len("STATUS=") + MAX_STATUS
