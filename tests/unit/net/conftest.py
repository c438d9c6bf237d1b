"""A clock of 20 phases whose seats are counted, in virtual time."""

from collections.abc import Callable

import pytest

from softswitch.net.tick_plan import TickPlan

Served = list[tuple[float, int, int]]


@pytest.fixture
def serve() -> Callable[[TickPlan, float], Served]:
    """Return what serves all that is due up to a time, as a loop with no load would: (time, phase, times)."""

    def run(plan: TickPlan, until: float) -> Served:
        served: Served = []
        while (when := plan.next_timer()) is not None and when <= until:
            turn = plan.take(now=when)
            assert turn is not None
            served.append((when, turn.phase, turn.times))
        return served

    return run


@pytest.fixture
def serve_late() -> Callable[[TickPlan, float], Served]:
    """Return what serves all that is overdue at one moment, as after a stall: (time, phase, times)."""

    def run(plan: TickPlan, now: float) -> Served:
        served: Served = []
        while (turn := plan.take(now=now)) is not None:
            served.append((now, turn.phase, turn.times))
        return served

    return run
