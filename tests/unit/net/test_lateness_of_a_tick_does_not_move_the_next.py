"""A phase served 7 ms late is due again 13 ms later, not 20."""

import pytest

from softswitch.net.tick_plan import TickPlan


def test_lateness_of_a_tick_does_not_move_the_next() -> None:
    plan = TickPlan(start=0.0)
    plan.add(0, now=0.0)
    assert plan.next_timer() == pytest.approx(0.020)
    turn = plan.take(now=0.027)
    assert turn is not None
    assert turn.times == 1
    assert turn.late == pytest.approx(0.007)
    assert plan.next_timer() == pytest.approx(0.040)
