"""How many calls, and how long, on whose account; over midnight and over a restart."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.call.numbers import read
from softswitch.call.toll import Refusal, Ticket
from softswitch.call.who import Who
from tests.unit.toll.conftest import Counter

Make = Callable[..., Counter]


def test_a_stranger_calls_nobody_over_a_carrier_not_even_for_help(toll: Make) -> None:
    here = toll()
    for number in ("+4930123456", "112"):
        refused = here.toll.begin(read(number, "DE"), "DE", Who(), "sky", wall=here.wall, now=here.now)
        assert isinstance(refused, Refusal) and refused.scope == "stranger"
    assert here.toll.refused["stranger", "stranger"] == 2


def test_so_many_calls_at_once_and_no_more(toll: Make) -> None:
    here = toll(each_user={"max_calls": 2})
    first, second, third = here.call(), here.up(), here.call()
    assert isinstance(third, Refusal)
    assert third.words == "user ada has 2 calls already, and max_calls is 2 (toll)"
    assert isinstance(here.call(user="bob"), Ticket)
    here.over(first)
    here.over(first)
    assert isinstance(here.call(), Ticket)
    assert isinstance(here.call(), Refusal)
    here.over(second)
    assert isinstance(here.call(), Ticket)


def test_help_can_be_called_whatever_was_used_up(toll: Make) -> None:
    here = toll(each_user={"max_calls": 0, "max_calls_day": 0, "max_minutes_day": 0, "deny": ["1"]})
    assert isinstance(here.call(), Refusal)
    assert isinstance(here.call("112"), Ticket)


def test_calls_of_the_last_hour_count(toll: Make) -> None:
    here = toll(each_user={"max_calls_hour": 3})
    for _ in range(3):
        here.over(here.call())
        here.later(600)
    assert isinstance(here.call(), Refusal)
    here.later(1800 - 1)
    assert isinstance(here.call(), Refusal)
    here.later(2)
    assert isinstance(here.call(), Ticket)
    assert isinstance(here.call(), Refusal)


def test_a_day_ends_at_midnight_of_its_zone(toll: Make) -> None:
    here = toll("2024-03-01T22:30:00+00:00", timezone="Europe/Berlin", each_user={"max_calls_day": 1})
    here.over(here.call())
    here.later(1799)
    assert isinstance(here.call(), Refusal)
    here.later(2)
    assert isinstance(here.call(), Ticket)


def test_a_call_ends_when_the_minutes_of_the_day_are_used_up(toll: Make) -> None:
    here = toll(each_user={"max_minutes_day": 10})
    here.over(here.call())  # never answered: no minutes
    first = here.up()
    assert not here.run(300)
    here.over(first)
    second = here.up()
    ((seconds, ticket, refusal),) = here.run(400)
    assert (seconds, ticket) == (300, second)
    assert refusal.words == "user ada may talk no more than 10 minutes a day (toll)"
    assert isinstance(here.call(), Refusal)
    assert here.toll.ended == {"user": 1}
    assert here.toll.next_timer() is None


def test_calls_at_once_use_the_same_minutes_up(toll: Make) -> None:
    here = toll(each_user={"max_minutes_day": 10})
    calls = [here.up() for _ in range(3)]
    ends = here.run(300)
    assert [(seconds, ticket in calls) for seconds, ticket, _ in ends] == [(200, True)] * 3


def test_who_talks_over_midnight_has_the_minutes_of_the_new_day(toll: Make) -> None:
    here = toll("2024-03-01T23:55:00+00:00", each_user={"max_minutes_day": 10})
    here.up()
    ((seconds, _, _),) = here.run(1000)
    assert seconds == pytest.approx(300 + 600, abs=1)


def test_a_carrier_and_everybody_have_limits_as_well(toll: Make) -> None:
    here = toll(carriers={"sky": {"max_calls": 1}}, everybody={"max_calls": 2, "deny_countries": ["SO"]}, each_user={})
    assert isinstance(here.call(user=""), Ticket)
    refused = here.call(user="bob")
    assert isinstance(refused, Refusal) and refused.words.startswith("carrier sky has 1 calls")
    assert isinstance(here.call(carrier="sea"), Ticket)
    refused = here.call(carrier="sea", user="")
    assert isinstance(refused, Refusal) and refused.words.startswith("everybody together has 2 calls")
    refused = here.call("+252612345678", carrier="sea", user="")
    assert isinstance(refused, Refusal) and "numbers of SO are denied" in refused.words
    assert here.toll.refused == {("carrier", "max_calls"): 1, ("everybody", "max_calls"): 1, ("everybody", "number"): 1}


def test_a_refused_call_counts_on_no_account(toll: Make) -> None:
    here = toll(each_user={"max_calls_day": 1}, carriers={"sky": {"max_calls_day": 2}})
    here.call(user="ada")
    for _ in range(10):
        assert isinstance(here.call(user="ada"), Refusal)
    assert isinstance(here.call(user="bob"), Ticket)


def test_what_was_used_is_known_after_a_restart(toll: Make) -> None:
    rules = {"max_calls_day": 3, "max_calls_hour": 3, "max_minutes_day": 10}
    here = toll(each_user=rules)
    here.up()
    here.later(540)
    kept = json.loads(json.dumps(here.toll.usage(wall=here.wall, now=here.now)))
    again = toll("2024-03-01T12:10:00+00:00", each_user=rules)
    again.toll.restore(kept, wall=again.wall, now=again.now)
    ticket = again.up()
    assert [round(seconds) for seconds, _, _ in again.run(100)] == [60]
    again.over(ticket)
    tomorrow = toll("2024-03-02T12:10:00+00:00", each_user=rules)
    tomorrow.toll.restore(kept, wall=tomorrow.wall, now=tomorrow.now)
    for _ in range(3):
        tomorrow.over(tomorrow.up())
    refused = tomorrow.call()
    assert isinstance(refused, Refusal) and refused.reason == "max_calls_hour"


def test_other_rules_take_over_while_calls_are_up(toll: Make) -> None:
    here = toll()
    here.up()
    here.run(120)
    here.toll.adopt(toll(each_user={"max_minutes_day": 1}).toll._rules)
    assert [seconds for seconds, _, _ in here.run(5)] == [1]


@settings(deadline=None)  # a machine that others keep busy is no fault
@given(st.lists(st.tuples(st.sampled_from("ceo"), st.integers(0, 4), st.integers(0, 900)), max_size=40))
def test_accounts_return_to_nothing_whatever_calls_do(steps: list[tuple[str, int, int]]) -> None:
    here = Counter({"each_user": {"max_minutes_day": 30}}, "2024-03-01T22:00:00+00:00")
    calls: list[Ticket] = []
    for what, which, seconds in steps:
        if what == "c":
            made = here.call(user=f"user{which}")
            calls.extend([made] if isinstance(made, Ticket) else [])
        elif calls and what == "e":
            here.toll.answered(calls[which % len(calls)], wall=here.wall, now=here.now)
        elif calls:
            here.over(calls[which % len(calls)])
        here.run(seconds)
    for ticket in calls:
        here.over(ticket)
    here.run(2)
    for account in here.toll._accounts.values():
        assert account.up == 0 and not account.begun and account.seconds >= 0
    assert not here.toll._up and here.toll.next_timer() is None
