"""Deadlines are computed from the start, never from the deadline before, so that nothing adds up."""

from collections.abc import Callable

from softswitch.net.tick_plan import TickPlan


def test_the_clock_does_not_drift_in_an_hour(serve: Callable[..., list[tuple[float, int, int]]]) -> None:
    plan = TickPlan(start=1000.0)
    plan.add(3, now=1000.0)
    served = serve(plan, 4600.0)
    assert len(served) == 3600 * 50
    for index, (when, phase, times) in enumerate(served):
        assert abs(when - (1000.003 + index * 0.020)) < 1e-6
        assert (phase, times) == (3, 1)
    assert plan.skipped == plan.caught_up == 0
