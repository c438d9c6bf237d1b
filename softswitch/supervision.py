"""What the service manager is told of a running switch: ready, reloading, stopping, how many calls, and that it lives.

It lives when the 20 ms clock ticks: the sign of life is sent from inside a tick, for which a seat on the clock is taken
anew each time. A loop that is blocked does not get there, and neither does one whose clock has stopped.
"""

from collections.abc import Callable
from typing import Protocol

from softswitch import clock
from softswitch.net.notify import Notifier, status_line
from softswitch.net.ticker import Seat
from softswitch.reload import Report

#: Seconds between two looks at the number of calls, where no watchdog asks for more.
STATUS_SECONDS = 5.0
#: Signs of life in the time after which the manager would take us for dead.
BEATS = 3
#: A stopping switch asks for so many looks' time more at each: the last calls may take as long as the limits allow.
EXTENSION = 3


class Clock(Protocol):
    """The 20 ms clock."""

    def join(self, tick: Callable[[float], None]) -> Seat: ...


class Handle(Protocol):
    """A timer that can be taken back."""

    def cancel(self) -> None: ...


class Supervision:
    """Tells a service manager how the switch is."""

    def __init__(
        self,
        notifier: Notifier,
        ticks: Clock,
        calls: Callable[[], int],
        later: Callable[[float, Callable[[], None]], Handle],
    ) -> None:
        """calls: how many are up. later: calls something after so many seconds, as `call_later` of the loop does."""
        self._notifier = notifier
        self._ticks = ticks
        self._calls = calls
        self._every = min(STATUS_SECONDS, (notifier.watchdog or STATUS_SECONDS * BEATS) / BEATS)
        self._later = later
        self._timer: Handle | None = None
        self._seat: Seat | None = None
        self._said = ""
        self._refused = ""
        self._stopping = False

    def ready(self) -> None:
        """Say that calls are taken, and begin to give signs of life."""
        self._notifier.send("READY=1", self._status())
        if self._notifier.active:
            self._beat()

    def reloading(self, report: Report | None) -> None:
        """Say that a reload begins (None), or what came of it."""
        if self._stopping:
            return
        if report is None:
            self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={int(clock.now() * 1e6)}")
            return
        self._refused = ""
        if report.outcome == "refused":
            first = f": {report.faults[0]}" if report.faults else ""
            self._refused = f"reload refused{first}"
        self._notifier.send("READY=1", self._status())

    def stopping(self) -> None:
        """Say that no new call is taken, and ask for time while there are calls."""
        self._stopping = True
        self._notifier.send("STOPPING=1", self._status(), self._more_time())

    def close(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._seat is not None:
            self._seat.leave()
        self._notifier.close()

    def _beat(self) -> None:
        self._timer = self._later(self._every, self._beat)
        if self._seat is None:  # the last one is still waiting for its tick: then there is nothing to tell
            self._seat = self._ticks.join(self._ticked)

    def _ticked(self, _now: float) -> None:
        if self._seat is not None:
            self._seat.leave()
            self._seat = None
        lines = [] if self._notifier.watchdog is None else ["WATCHDOG=1"]
        before = self._said
        if (status := self._status()) != before:
            lines.append(status)
        if self._stopping:
            lines.append(self._more_time())
        if lines:
            self._notifier.send(*lines)

    def _more_time(self) -> str:
        return f"EXTEND_TIMEOUT_USEC={int(self._every * EXTENSION * 1e6)}"

    def _status(self) -> str:
        calls = self._calls()
        text = "1 call" if calls == 1 else f"{calls} calls"
        if self._stopping:
            text = f"stopping, {text} still up"
        self._said = status_line(f"{text}; {self._refused}" if self._refused else text)
        return self._said
