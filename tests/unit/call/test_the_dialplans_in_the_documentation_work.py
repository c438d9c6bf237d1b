"""Every dialplan shown in docs/dialplan.md is sound."""

import re
from pathlib import Path

import pytest

from softswitch import document
from softswitch.call.dialplan import load_rules

PAGE = Path(__file__).parents[3] / "docs" / "dialplan.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_a_dialplan(number: int) -> None:
    assert load_rules(document.parse(PAGE, EXAMPLES[number]))
