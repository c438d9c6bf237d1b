"""500 members are 25 for each phase, and stay even when they come and go."""

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.net.tick_plan import PHASES, TickPlan


def test_five_hundred_members_are_twenty_five_a_phase() -> None:
    plan = TickPlan(start=0.0)
    for _ in range(500):
        plan.add(plan.lightest(), now=0.0)
    assert plan.members == (25,) * PHASES


def test_the_first_members_are_far_apart() -> None:
    plan = TickPlan(start=0.0)
    phases = []
    for _ in range(3):
        phases.append(plan.lightest())
        plan.add(phases[-1], now=0.0)
    gaps = [abs(a - b) for a in phases for b in phases if a != b]
    assert min(min(gap, PHASES - gap) for gap in gaps) >= 6


@settings(max_examples=50)
@given(st.lists(st.integers(min_value=0, max_value=199), max_size=100))
def test_a_new_member_never_goes_to_a_phase_that_has_more_than_another(leaving: list[int]) -> None:
    plan = TickPlan(start=0.0)
    taken = []
    for _ in range(200):
        taken.append(plan.lightest())
        plan.add(taken[-1], now=0.0)
    for index in leaving:
        if index < len(taken):
            plan.remove(taken.pop(index))
    assert plan.members[plan.lightest()] == min(plan.members)
