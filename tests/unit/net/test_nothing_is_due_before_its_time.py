"""A wake that comes early serves nobody and loses nothing; a plan without members is never due."""

from softswitch.net.tick_plan import TickPlan


def test_a_wake_that_comes_early_serves_nobody() -> None:
    plan = TickPlan(start=0.0)
    plan.add(5, now=0.0)
    assert plan.take(now=0.0049) is None
    assert plan.next_timer() == 0.005
    assert plan.take(now=0.005) is not None


def test_a_plan_without_members_is_never_due() -> None:
    plan = TickPlan(start=0.0)
    assert plan.next_timer() is None
    assert plan.take(now=99.0) is None
    plan.add(5, now=0.0)
    plan.remove(5)
    assert plan.next_timer() is None
    assert plan.take(now=99.0) is None


def test_a_member_is_due_at_the_first_deadline_after_it_joined() -> None:
    plan = TickPlan(start=0.0)
    for phase in range(20):
        plan.add(phase, now=10.0075)
        when = plan.next_timer()
        assert when is not None
        assert 10.0075 < when <= 10.0275
        plan.remove(phase)
