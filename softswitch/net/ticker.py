"""The 20 ms clock: calls every seat once in each period, spread over 20 phases of 1 ms.

Theory of operation
-------------------
`TickPlan` decides which phase is due when; `Wake` wakes the loop; this module calls. Each wake serves what is due, at
most `MAX_PHASES_A_WAKE` phases, then arms itself again, so that after a stall the loop reads its sockets in between.

A seat is anything with a callable that takes `now`: a bridge, a leg with its playout. The clock is read once for each
phase. A seat that raises is taken out and reported; its neighbours never notice. Members of a phase stand in a tuple
that is made anew on join and leave, so that both may happen inside a tick; a seat that has left is not called again,
not even in the round that is under way.
"""

import asyncio
import bisect
import logging
from collections.abc import Callable
from typing import Final

from softswitch import clock
from softswitch.net.tick_plan import PHASES, TickPlan
from softswitch.net.wake import Wake, wake

#: Phases served before the loop gets its turn: a fifth of a period's work.
MAX_PHASES_A_WAKE: Final = 4

Tick = Callable[[float], None]

_log = logging.getLogger("softswitch.net")


def _gone(now: float) -> None:
    """Stand in for the callable of a seat that has left."""


class Lateness:
    """A bounded histogram of how late phases were served, in milliseconds.

    `counts[i]` is the number of phases later than `BOUNDS_MS[i-1]` and not later than `BOUNDS_MS[i]`; the last count
    is for those beyond every bound.
    """

    BOUNDS_MS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)

    __slots__ = ("count", "counts", "max_ms", "sum_ms")

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS_MS) + 1)
        self.count = 0
        self.sum_ms = 0.0
        self.max_ms = 0.0

    def observe(self, late_ms: float) -> None:
        """Count one phase."""
        self.counts[bisect.bisect_left(self.BOUNDS_MS, late_ms)] += 1
        self.count += 1
        self.sum_ms += late_ms
        if late_ms > self.max_ms:
            self.max_ms = late_ms

    def percentile(self, share: float) -> float:
        """Return the bound in ms that `share` (0..1) of the phases did not exceed; 0.0 before the first."""
        wanted = share * self.count
        seen = 0
        for bound, count in zip(self.BOUNDS_MS, self.counts, strict=False):
            seen += count
            if seen >= wanted:
                return bound if self.count else 0.0
        return self.max_ms


class Seat:
    """A place on the clock. `phase` is its millisecond within the period, 0..19."""

    __slots__ = ("_ticker", "phase", "tick")

    def __init__(self, ticker: "Ticker", tick: Tick, phase: int) -> None:
        self._ticker: Ticker | None = ticker
        self.tick = tick
        self.phase = phase

    def leave(self) -> None:
        """Be called no more, from now on; twice is as good as once."""
        ticker, self._ticker = self._ticker, None
        self.tick = _gone  # also drops what the callable holds
        if ticker is not None:
            ticker._left(self)


class Ticker:
    """The clock of every leg in the process.

    on_fault: told of each seat whose callable raised, after it was taken out. It ticks from `start()` to `close()`.
    """

    def __init__(self, *, on_fault: Callable[[Seat, Exception], None] | None = None) -> None:
        self._on_fault = on_fault
        self._plan = TickPlan(start=clock.now())
        self._seats: list[tuple[Seat, ...]] = [()] * PHASES
        self._wake: Wake | None = None
        self._armed: float | None = None
        self._serving = False
        self.late_ms = Lateness()
        self.faults = 0

    @property
    def seats(self) -> int:
        """Return how many seats are taken."""
        return sum(self._plan.members)

    @property
    def skipped(self) -> int:
        """Return how many ticks of seats were given up after stalls."""
        return self._plan.skipped

    @property
    def caught_up(self) -> int:
        """Return how many ticks of seats were made good late."""
        return self._plan.caught_up

    def start(self) -> None:
        """Begin to tick on the running loop."""
        self._wake = wake(asyncio.get_running_loop(), self._woken)
        self._arm()

    def close(self) -> None:
        """Stop ticking. Seats stay taken, and are not called."""
        if self._wake is not None:
            self._wake.close()
            self._wake = None

    def join(self, tick: Tick, *, phase: int | None = None) -> Seat:
        """Call `tick(now)` every 20 ms from the next deadline of its phase on.

        phase: that of a seat to keep step with (the two legs of a bridge); None takes the least used. After a short
        stall `tick` is called up to `MAX_CATCH_UP` times more, with the same `now`.
        """
        seat = Seat(self, tick, self._plan.lightest() if phase is None else phase)
        self._plan.add(seat.phase, now=clock.now())
        self._seats[seat.phase] = (*self._seats[seat.phase], seat)
        self._arm()
        return seat

    def _left(self, seat: Seat) -> None:
        self._plan.remove(seat.phase)
        self._seats[seat.phase] = tuple(other for other in self._seats[seat.phase] if other is not seat)
        self._arm()

    def _arm(self) -> None:
        if self._wake is None or self._serving:
            return
        when = self._plan.next_timer()
        if when != self._armed:
            self._armed = when
            self._wake.arm(when, now=clock.now())

    def _woken(self) -> None:
        self._serving = True
        try:
            for _ in range(MAX_PHASES_A_WAKE):
                now = clock.now()
                turn = self._plan.take(now=now)
                if turn is None:
                    break
                self.late_ms.observe(turn.late * 1000.0)
                for _ in range(turn.times):
                    self._serve(self._seats[turn.phase], now)
        finally:
            self._serving = False
            self._armed = -1.0  # it has expired: arm in any case
            self._arm()

    def _serve(self, seats: tuple[Seat, ...], now: float) -> None:
        members = iter(seats)
        seat = None
        while True:
            try:
                for seat in members:  # noqa: B007 - the handler below needs it
                    seat.tick(now)
                return
            except Exception as error:  # a seat is other people's code: whatever it raises ends that seat alone
                if seat is not None:
                    self._fault(seat, error)

    def _fault(self, seat: Seat, error: Exception) -> None:
        self.faults += 1
        tick = seat.tick
        seat.leave()
        _log.error("a seat of the clock failed and was removed", exc_info=error, extra={"seat": repr(tick)})
        if self._on_fault is None:
            return
        try:
            self._on_fault(seat, error)
        except Exception:
            _log.exception("the callback for a failed seat failed")
