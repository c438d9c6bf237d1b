"""When a round of all phases takes longer than 20 ms, every phase gets its share and the rest is given up."""

from collections import Counter

from softswitch.net.tick_plan import PHASES, TickPlan


def test_an_overloaded_clock_serves_its_phases_in_turn() -> None:
    plan = TickPlan(start=0.0)
    for phase in range(PHASES):
        plan.add(phase, now=0.0)
    served: Counter[int] = Counter()
    now = 0.0
    while now < 10.0:
        turn = plan.take(now=now)
        if turn is None:
            now = plan.next_timer() or now
            continue
        served[turn.phase] += turn.times
        now += 0.0016 * turn.times  # 32 ms a round
    assert sum(served.values()) >= 0.95 * 10.0 / 0.0016
    assert max(served.values()) <= 1.05 * min(served.values())
    assert plan.skipped > 0
