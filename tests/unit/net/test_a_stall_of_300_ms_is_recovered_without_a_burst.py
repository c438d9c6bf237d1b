"""After a long stall each member is served once, for now, and the missed periods are counted."""

from collections.abc import Callable

from softswitch.net.tick_plan import PHASES, TickPlan

Serve = Callable[..., list[tuple[float, int, int]]]


def test_a_stall_of_300_ms_is_recovered_without_a_burst(serve: Serve, serve_late: Serve) -> None:
    plan = TickPlan(start=0.0)
    for _ in range(100):
        plan.add(plan.lightest(), now=0.0)
    serve(plan, 1.0)
    served = serve_late(plan, 1.3)
    assert sorted(phase for _, phase, _ in served) == list(range(PHASES))
    assert all(times == 1 for _, _, times in served)
    # 15 periods of 100 members were due; one of each was served
    assert plan.skipped == 100 * 14
    assert plan.caught_up == 0


def test_the_phases_keep_their_deadlines_after_a_stall(serve: Serve, serve_late: Serve) -> None:
    plan = TickPlan(start=0.0)
    for _ in range(PHASES):
        plan.add(plan.lightest(), now=0.0)
    serve(plan, 1.0)
    serve_late(plan, 1.3)
    again = serve(plan, 1.3 + 0.020 + 1e-9)
    assert len(again) == PHASES
    assert all(round(when * 1000) % PHASES == phase for when, phase, _ in again)
    assert [times for _, _, times in again] == [1] * PHASES
