"""Every fault of a dialplan is a sentence with file and line, and all faults are found in one pass."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.errors import ConfigError

CASES = {
    "unknown step": ("rules:\n- number: 1\n  steps:\n  - answer\n  - anwser\n", 5, "'anwser' is not a step"),
    "unknown key": ("rules:\n- number: 1\n  steps:\n  - tone:\n      hz: 440\n      loud: 3\n", 6, "loud"),
    "missing value": ("rules:\n- number: 1\n  steps:\n  - answer\n  - wait\n", 5, "seconds is missing"),
    "wrong type": ("rules:\n- number: 1\n  steps:\n  - tone: {hz: high}\n", 4, "hz"),
    "no steps": ("rules:\n- number: 1\n  steps: []\n", 3, "steps"),
    "no number": ("rules:\n- steps: [answer]\n", 2, "number is missing"),
    "bad pattern": ("rules:\n- number: _6[x]\n  steps: [answer]\n", 2, "broken [...] group"),
    "bad range": ("rules:\n- number: _[9-1]\n  steps: [answer]\n", 2, "is broken"),
    "dot inside": ("rules:\n- number: _6.1\n  steps: [answer]\n", 2, "not at its end"),
    "unset variable": ("rules:\n- number: 1\n  steps:\n  - say: 'You have {points}.'\n", 4, "variable points"),
    "hidden rule": ("rules:\n- number: 1\n  steps: [echo]\n- number: 1\n  steps: [echo]\n", 4, "has a rule already"),
    "value for none": ("rules:\n- number: 1\n  steps:\n  - hangup: 3\n", 4, "takes no value"),
    "bad status": ("rules:\n- number: 1\n  steps:\n  - reject: 200\n", 4, "status"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_has_its_line(plan: Callable[[str], Any], name: str) -> None:
    text, line, words = CASES[name]
    with pytest.raises(ConfigError) as caught:
        plan(text)
    fault = caught.value.faults[0]
    assert fault.where == f"plan.yaml:{line}", str(fault)
    assert words in str(fault)


def test_all_faults_are_found_at_once(plan: Callable[[str], Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        plan("rules:\n- number: 1\n  steps: [fly, answer, {wait: -1}]\n- number: 2\n  steps: [swim]\n")
    assert len(caught.value.faults) == 3
