"""Totals by direction, outcome and carrier, and the time to the answer: bounded whatever names are given."""

import datetime

from softswitch.call.record import CallRecord
from softswitch.call.tally import MAX_TOTALS, OTHER_CARRIERS, SetupTimes, Tally

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def record(carrier: str, answered_after: float | None = None) -> CallRecord:
    at = None if answered_after is None else START + datetime.timedelta(seconds=answered_after)
    outcome = "busy" if at is None else "answered"
    return CallRecord("c", "inbound", "1", "2", START, carrier=carrier, answered_at=at, outcome=outcome)  # type: ignore[arg-type]


def test_each_carrier_has_its_own_count() -> None:
    tally = Tally()
    for one in (record("a", 0.2), record("a"), record("a", 3.0), record("", 0.2)):
        tally.add(one)
    assert tally.totals == {
        ("inbound", "answered", "a"): 2,
        ("inbound", "busy", "a"): 1,
        ("inbound", "answered", ""): 1,
    }
    assert sum(tally.setup.counts) == 3 and abs(tally.setup.sum_seconds - 3.4) < 1e-9


def test_names_that_somebody_makes_up_do_not_grow_it_for_ever() -> None:
    tally = Tally()
    for number in range(MAX_TOTALS + 500):
        tally.add(record(f"made-up-{number}"))
    assert len(tally.totals) == MAX_TOTALS + 1
    assert tally.totals["inbound", "busy", OTHER_CARRIERS] == 500
    assert sum(tally.totals.values()) == MAX_TOTALS + 500


def test_a_time_stands_in_the_bin_that_ends_with_it() -> None:
    times = SetupTimes()
    for seconds in (0.0, 0.05, 0.051, 120.0, 121.0):
        times.observe(seconds)
    assert times.counts == [2, 1, *[0] * 9, 1, 1]
