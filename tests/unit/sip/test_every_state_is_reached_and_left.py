import pytest

from softswitch.sip.transaction import TABLES, State, Table, TimerSettings


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.figure)
def test_every_state_is_reached_from_the_first(table: Table) -> None:
    reached, new = {table.first}, [table.first]
    while new:
        here = new.pop()
        for (state, _), (after, _) in table.rows.items():
            if state is here and after not in reached:
                reached.add(after)
                new.append(after)
    assert reached == {*table.timers, State.TERMINATED}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.figure)
def test_every_state_ends_by_itself(table: Table) -> None:
    durations = TimerSettings().durations
    for state, timers in table.timers.items():
        assert table.rows[state, timers.end][0] is State.TERMINATED
        assert durations[timers.end].unreliable < float("inf")
        assert durations[timers.end].reliable < float("inf")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.figure)
def test_nothing_leaves_the_end(table: Table) -> None:
    assert not [state for state, _ in table.rows if state is State.TERMINATED]
