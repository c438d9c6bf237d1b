"""Numbers match as Asterisk's users write them: X, N, Z, [..] and a dot at the end; anything else is literal."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.dialplan import Query


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("600", ["600"], ["60", "6000", "_600", ""]),
        ("_8X.", ["812", "8491"], ["8", "81", "9", "8a1"]),
        ("_NXX", ["200", "999"], ["100", "099", "20"]),
        ("_Z[13-5]", ["11", "94"], ["01", "12", "16"]),
        ("_+49.", ["+4930"], ["+49", "4930"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_a_pattern(plan: Callable[[str], Any], pattern: str, matches: list[str], others: list[str]) -> None:
    dialplan = plan(f"rules: [{{number: '{pattern}', steps: [echo]}}]")
    assert [number for number in [*matches, *others] if dialplan.match(Query(number, "", trusted=True))] == matches


def test_the_first_rule_that_matches_serves(plan: Callable[[str], Any]) -> None:
    dialplan = plan(
        "rules: [{number: '1', caller: '_7.', steps: [echo]}, {number: '1', steps: [{reject: 403}]},"
        " {number: '_X', steps: [answer]}]"
    )
    assert dialplan.match(Query("1", "77", trusted=True)) is dialplan.rules[0]
    assert dialplan.match(Query("1", "5", trusted=True)) is dialplan.rules[1]
    assert dialplan.match(Query("2", "5", trusted=True)) is dialplan.rules[2]


def test_a_rule_that_is_closed_to_strangers_does_not_exist_for_them(plan: Callable[[str], Any]) -> None:
    dialplan = plan(
        "rules: [{number: '_8.', strangers: false, steps: [echo]}, {number: '_8.', caller: '1', steps: [answer]}]"
    )
    assert dialplan.match(Query("81", "1", trusted=True)) is dialplan.rules[0]
    assert dialplan.match(Query("81", "1", trusted=False)) is None, "it must not fall through to a laxer rule"
