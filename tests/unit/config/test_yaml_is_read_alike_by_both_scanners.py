"""libyaml scans, our composer puts together: the tree, its lines and its faults are those of PyYAML's own loader."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from softswitch import yaml_nodes
from softswitch.document import parse
from softswitch.errors import ConfigError

ROOT = Path(__file__).parents[3]
SHIPPED = sorted([*ROOT.glob("*.yaml"), *ROOT.glob("dialplans/*.yaml"), *ROOT.glob("docker/**/*.yaml")])

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=12), st.dates()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=4),
    max_leaves=20,
)


def shape(node: yaml.Node | None) -> Any:
    """Return tags, values and lines of a tree."""
    if node is None:
        return None
    line = node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        return node.tag, node.value, line
    if isinstance(node, yaml.SequenceNode):
        return node.tag, [shape(item) for item in node.value], line
    return node.tag, [(shape(key), shape(value)) for key, value in node.value], line


def slow(text: str) -> Any:
    return shape(yaml.compose(text, Loader=yaml.SafeLoader))


def test_the_fast_scanner_is_there() -> None:
    assert yaml_nodes._fast is not None, "PyYAML has no libyaml here; its wheels have"


@pytest.mark.parametrize("file", SHIPPED, ids=[str(file.relative_to(ROOT)) for file in SHIPPED])
def test_what_we_ship(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert shape(yaml_nodes.compose(text)) == slow(text)


@given(values, st.booleans())
def test_whatever_can_be_written(value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    assert shape(yaml_nodes.compose(text)) == slow(text)


@given(st.text(alphabet="ab: -\n{}[]&*|>'\"#,%@`\t0", max_size=60))
def test_what_cannot_be_read_has_the_words_of_the_slow_one(text: str) -> None:
    try:
        tree = shape(yaml_nodes.compose(text))
    except yaml.YAMLError as error:
        with pytest.raises(type(error)) as raised:
            slow(text)
        assert str(raised.value) == str(error)
        return
    try:
        assert tree == slow(text)
    except yaml.YAMLError:
        pass  # libyaml takes what the other refuses (a tab here and there): then there is nothing to complain of


def test_anchors_and_merges_keep_their_lines() -> None:
    text = "base: &b\n  a: 1\nmore:\n  <<: *b\n  c: 2\nagain: *b\n"
    document = parse(Path("x.yaml"), text)
    assert document.data == {"base": {"a": 1}, "more": {"a": 1, "c": 2}, "again": {"a": 1}}
    assert document.where(("more", "a")) == "x.yaml:2" and document.where(("more", "c")) == "x.yaml:5"


def test_depth_is_a_fault_and_not_a_crash() -> None:
    with pytest.raises(ConfigError, match="nested deeper"):
        parse(Path("x.yaml"), "[" * 100_000)
