"""Up to two missed periods are made good, for the far end's jitter buffer hides them."""

from collections.abc import Callable

import pytest

from softswitch.net.tick_plan import MAX_CATCH_UP, TickPlan

Serve = Callable[..., list[tuple[float, int, int]]]


@pytest.mark.parametrize("missed", range(MAX_CATCH_UP + 1))
def test_a_short_hiccup_loses_no_tick(serve: Serve, serve_late: Serve, missed: int) -> None:
    plan = TickPlan(start=0.0)
    plan.add(0, now=0.0)
    before = len(serve(plan, 1.0 + 1e-9))
    ((_, _, times),) = serve_late(plan, 1.020 + missed * 0.020 + 0.001)
    after = len(serve(plan, 2.0 + 1e-9))
    assert before + times + after == 100
    assert times == 1 + missed
    assert plan.caught_up == missed
    assert plan.skipped == 0


def test_one_period_more_is_given_up(serve: Serve, serve_late: Serve) -> None:
    plan = TickPlan(start=0.0)
    plan.add(0, now=0.0)
    serve(plan, 1.0 + 1e-9)
    ((_, _, times),) = serve_late(plan, 1.020 + (MAX_CATCH_UP + 1) * 0.020 + 0.001)
    assert times == 1
    assert plan.skipped == MAX_CATCH_UP + 1
