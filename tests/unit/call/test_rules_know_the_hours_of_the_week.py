"""Times are written as on a shop door, mean the clock on the wall of their zone, and may go over midnight."""

import datetime
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from softswitch.call.dialplan import Query
from softswitch.call.hours import Hours
from softswitch.errors import ConfigError

#: A call of somebody who may use every rule: who he is, is not asked here.
trusted = partial(Query, trusted=True)

Plan = Callable[[str], Any]
#: 2026-06-01 is a Monday.
MONDAY = datetime.date(2026, 6, 1)


def at(text: str) -> datetime.datetime:
    """`Mo 08:00` of that week."""
    day, clock = text.split()
    date = MONDAY + datetime.timedelta(days=["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"].index(day))
    return datetime.datetime.combine(date, datetime.time.fromisoformat(clock))


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("Mo-Fr 08:00-18:00", ["Mo 08:00", "Fr 17:59"], ["Mo 07:59", "Mo 18:00", "Sa 12:00"]),
        ("Mo-Fr 08:00-12:00,13:00-17:00", ["Tu 11:59", "Tu 13:00"], ["Tu 12:30", "Tu 17:00"]),
        ("Mo-Th 08:00-17:00; Fr 08:00-14:00", ["Th 16:00", "Fr 13:59"], ["Fr 14:00"]),
        ("Mo,We 9:00-10:00", ["We 09:30"], ["Tu 09:30"]),
        ("Sa-Su", ["Sa 00:00", "Su 23:59"], ["Mo 00:00", "Fr 23:59"]),
        ("Fr-Mo 10:00-11:00", ["Fr 10:00", "Su 10:00", "Mo 10:00"], ["We 10:00"]),
        ("22:00-06:00", ["Mo 22:00", "Mo 05:59", "Su 23:00"], ["Mo 06:00", "Mo 21:59"]),
        ("Fr 22:00-02:00", ["Fr 23:00", "Sa 01:59"], ["Fr 01:00", "Sa 02:00", "Sa 22:00"]),
        ("Su 22:00-02:00", ["Mo 01:00"], ["Tu 01:00", "Su 01:00"]),
        ("Monday-friday 00:00-24:00", ["Mo 00:00", "Fr 23:59"], ["Sa 00:00"]),
    ],
)
def test_what_is_covered(hours: str, inside: list[str], outside: list[str]) -> None:
    parsed = Hours.parse(hours)
    assert [moment for moment in [*inside, *outside] if parsed.covers(at(moment))] == inside


@pytest.mark.parametrize(
    "hours",
    [
        "",
        ";",
        "Mo-Fr 8-18",
        "Mo 08:60-09:00",
        "Mo 24:00-25:00",
        "Mo 08:00-08:00",
        "Xy 08:00-09:00",
        "M 8:00-9:00",
        "mox",
    ],
)
def test_what_is_no_time_is_a_sentence(hours: str) -> None:
    with pytest.raises(ValueError, match="Mo-Fr|whole day"):
        Hours.parse(hours)


def test_a_rule_has_its_hours_and_its_zone(plan: Plan) -> None:
    dialplan = plan(
        "rules: [{number: 1, time: 'Mo-Fr 08:00-18:00', timezone: Europe/Berlin, steps: [echo]},"
        " {number: 1, steps: [{reject: 480}]}]"
    )
    day, night = dialplan.rules
    utc = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)  # Berlin is two hours ahead in June, one in January

    def served(hour: int, month: int = 6) -> Any:
        return dialplan.match(trusted("1", wall=utc.replace(hour=hour, month=month, day=5)))

    assert served(5) is night and served(6) is day and served(15) is day and served(16) is night
    assert served(6, month=1) is night and served(7, month=1) is day
    assert dialplan.match(trusted("1")) is night, "no time, no hours"


def test_without_a_zone_it_is_the_clock_of_the_machine(plan: Plan) -> None:
    dialplan = plan("rules: [{number: 1, time: '12:00-13:00', steps: [echo]}]")
    noon = datetime.datetime(2026, 6, 1, 12, 30).astimezone()
    assert dialplan.match(trusted("1", wall=noon.astimezone(datetime.UTC)))
    assert not dialplan.match(trusted("1", wall=noon + datetime.timedelta(hours=1)))


def test_a_zone_that_nobody_knows_is_a_fault(plan: Plan) -> None:
    with pytest.raises(ConfigError, match="'Mars/Olympus' is not a time zone") as caught:
        plan("rules:\n- number: 1\n  time: 'Mo'\n  timezone: Mars/Olympus\n  steps: [echo]\n")
    assert caught.value.faults[0].where == "plan.yaml:4"
