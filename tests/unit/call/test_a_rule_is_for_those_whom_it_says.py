"""Who may use a rule: trusted callers and users any, carriers what does not lead out again, strangers little."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.dialplan import Query
from softswitch.call.targets import may_leave
from softswitch.call.user import User, UserBook

Plan = Callable[[str], Any]
ALICE = User(name="alice", password="x", number="101")  # type: ignore[arg-type]
BOOK = UserBook([ALICE])


@pytest.mark.parametrize(
    ("rule", "carrier", "stranger"),
    [
        ("{number: 1, steps: [echo]}", True, False),
        ("{number: 1, strangers: true, steps: [echo]}", True, True),
        ("{number: 1, strangers: true, carrier: other, steps: [echo]}", False, False),
        ("{number: 1, carrier: office, steps: [echo]}", True, False),
        ("{number: 1, steps: [dial: '+4930']}", False, False),
        ("{number: 1, carrier: office, steps: [dial: '+4930']}", True, False),
        ("{number: 1, steps: [answer, transfer: '{to}']}", False, False),
        ("{number: 1, steps: [dial: 'user:{to}']}", True, False),
        ("{number: 1, steps: [dial: [101, alice, 'sip:desk@10.0.0.7']]}", True, False),
        ("{number: 1, steps: [dial: {to: 101, carrier: office}]}", False, False),
        ("{number: 1, steps: [dial: [101, 102]]}", False, False),
    ],
)
def test_a_rule_and_its_callers(plan: Plan, rule: str, carrier: bool, stranger: bool) -> None:
    dialplan = plan(f"rules: [{rule}]")
    dialplan.users = BOOK
    assert bool(dialplan.match(Query("1", carrier="office"))) is carrier
    assert bool(dialplan.match(Query("1"))) is stranger
    if "other" not in rule and "office, steps" not in rule:
        assert dialplan.match(Query("1", trusted=True))


@pytest.mark.parametrize(
    ("target", "carrier", "leaves"),
    [
        ("+4930123", "", True),
        ("{to}", "", True),
        ("101", "", False),
        ("alice", "", False),
        ("101", "office", True),
        ("102", "", True),
        ("user:nobody", "", False),
        ("user:{to}", "office", False),
        ("sip:{to}@10.0.0.7", "", False),
        ("sip:x@{to}", "", True),
        ("sip:{to}", "", True),
        ("sips:x@example.com;transport=tls", "", False),
        ("SIP:x@example.com", "", False),
    ],
)
def test_what_may_leave_over_a_carrier(target: str, carrier: str, leaves: bool) -> None:
    assert may_leave(target, carrier, BOOK) is leaves


@pytest.mark.parametrize("dialled", ["101", "alice"])
def test_who_dials_a_user_reaches_it_without_a_rule(plan: Plan, dialled: str) -> None:
    dialplan = plan("rules: [{number: '_2X', steps: [echo]}]")
    dialplan.users = BOOK
    rule = dialplan.match(Query(dialled, trusted=True))
    assert rule and [list(step.calls()) for step in rule.steps] == [[("user:alice", "")]]
    assert dialplan.match(Query(dialled)) is None, "a stranger does not"
    assert dialplan.match(Query(dialled, carrier="office")) is None, "a carrier needs a rule"
    assert dialplan.match(Query("102", trusted=True)) is None


def test_a_rule_for_the_number_of_a_user_comes_first(plan: Plan) -> None:
    dialplan = plan("rules: [{number: '101', steps: [{reject: 486}]}]")
    dialplan.users = BOOK
    assert dialplan.match(Query("101", trusted=True)) is dialplan.rules[0]
