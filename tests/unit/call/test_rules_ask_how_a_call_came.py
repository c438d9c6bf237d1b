"""A rule may ask for the carrier, the caller and the address that was called; all of them must fit."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from softswitch.call.dialplan import Query
from softswitch.errors import ConfigError

#: A call of somebody who may use every rule: who he is, is not asked here.
trusted = partial(Query, trusted=True)

Plan = Callable[[str], Any]


def test_the_same_number_by_another_carrier(plan: Plan) -> None:
    dialplan = plan(
        "rules: [{number: '_+49.', carrier: telnyx, steps: [echo]}, {number: '_+49.', steps: [{reject: 403}]}]"
    )
    first, second = dialplan.rules
    assert dialplan.match(trusted("+4930", carrier="telnyx")) is first
    assert dialplan.match(trusted("+4930", carrier="other")) is second
    assert dialplan.match(trusted("+4930")) is second


def test_one_rule_serves_a_number_in_every_spelling(plan: Plan) -> None:
    dialplan = plan(
        "rules: [{number: ['_+4930123XX', '_004930123XX', '_030123XX', 100], caller: [7, '_+1.'], steps: [echo]}]"
    )
    for number in ("+493012345", "00493012345", "03012345", "100"):
        assert dialplan.match(trusted(number, "7")) and dialplan.match(trusted(number, "+1202"))
        assert not dialplan.match(trusted(number, "8"))
    assert not dialplan.match(trusted("3012345", "7")) and not dialplan.match(trusted("10", "7"))


@pytest.mark.parametrize(
    ("address", "matches", "others"),
    [
        ("sales@example.com", ["sales@example.com", "sales@EXAMPLE.com"], ["Sales@example.com", "sales@example.org"]),
        ("sip:sales@example.com", ["sales@example.com"], ["xsales@example.com"]),
        ("*@example.com", ["any@example.com", "example.com"], ["any@a.example.com", "a@b@example.org"]),
        ("sales@*", ["sales@10.0.0.1", "sales@[::1]"], ["sale@10.0.0.1"]),
        ("_1XX@*.example.com", ["123@pbx.example.com"], ["123@example.com", "223@pbx.example.com"]),
        ("a.b@h", ["a.b@h"], ["axb@h"]),
        ("x@[::1]", ["x@[::1]"], ["x@[::2]"]),
    ],
)
def test_an_address(plan: Plan, address: str, matches: list[str], others: list[str]) -> None:
    dialplan = plan(f"rules: [{{sip: '{address}', steps: [echo]}}]")
    assert [
        uri for uri in [*matches, *others] if dialplan.match(trusted("", uri=f"sip:{uri}:5066;transport=tcp"))
    ] == matches


def test_a_number_of_a_rule_with_an_address_is_not_asked(plan: Plan) -> None:
    dialplan = plan("rules: [{sip: [sales@h, 'info@*'], steps: [echo]}]")
    assert dialplan.match(trusted("sales", uri="sip:sales@h")) and dialplan.match(trusted("info", uri="sips:info@x"))
    assert not dialplan.match(trusted("sales@h"))
    for other in ("tel:+49", "http://sales@h", "sip:", "", "sip:sales@[h"):
        assert not dialplan.match(trusted("sales", uri=other))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("sip: sales", "is not an address"),
        ("sip: 'a b@c d'", "is not an address"),
        ("sip: '_[9-1]@h'", "is broken"),
        ("caller: 1", "number is missing"),
        ("number: 1, sip: a@b", "stand in one rule"),
        ("number: [1, '_5.5']", "not at its end"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_a_fault(plan: Plan, rule: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        plan(f"rules:\n- {{{rule}, steps: [echo]}}\n")
    assert caught.value.faults[0].where == "plan.yaml:2"
