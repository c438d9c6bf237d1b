"""`signed` in a rule: what came of the caller's signature, and nothing for calls that nobody verified."""

from functools import partial
from pathlib import Path

import pytest

from softswitch.call.dialplan import Dialplan, Query, load_rules
from softswitch.document import parse
from softswitch.errors import ConfigError

#: A call of somebody who may use every rule: who he is, is not asked here.
trusted = partial(Query, trusted=True)

RULES = """
rules:
  - {number: 600, signed: failed, steps: [{reject: 603}]}
  - {number: 600, signed: passed, steps: [answer, echo]}
  - {number: 600, steps: [{reject: 480}]}
"""


@pytest.mark.parametrize(("signed", "rule"), [("failed", 0), ("passed", 1), ("unknown", 2), ("", 2)])
def test_each_verdict_has_its_rule(signed: str, rule: int) -> None:
    plan = Dialplan(load_rules(parse(Path("plan.yaml"), RULES)))
    assert plan.match(trusted("600", signed=signed)) is plan.rules[rule]


def test_a_verdict_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"plan\.yaml:3.*signed"):
        load_rules(parse(Path("plan.yaml"), RULES.replace("failed", "perhaps")))
