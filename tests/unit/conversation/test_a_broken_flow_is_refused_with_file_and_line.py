"""Every fault of a flow is found before the first call, and says where it is and what would be right."""

from pathlib import Path

import pytest

from softswitch import document
from softswitch.conversation.flow_check import load_flows
from softswitch.errors import ConfigError

FLOW = """\
flows:
  test:
    nodes:
      start:
        say: Hello.
        {start}
      other:
        say: Other.
        {other}
"""


def faults(text: str, media: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_flows(document.parse(Path("dialplans/test.yaml"), text), media=media)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("start", "other", "expected"),
    [
        (
            "goto: othr",
            "hangup: true",
            ["test.yaml:6: no node is named othr (did you mean other?)", "test.yaml:7: no way"],
        ),
        ("hangup: true", "hangup: true", ["test.yaml:7: no way leads to the node other"]),
        ("goto: other", "goto: start", ["test.yaml:4: a caller who says nothing never leaves: start → other → start"]),
        (
            "goto: other",
            "ask: yes_no\ngoto: start\nretry: {goto: start}",
            ["test.yaml:4: a caller who says nothing never leaves"],
        ),
        ("goto: other", "ask: {digits: {min: 5, max: 4}}", ["test.yaml:9: ", "min 5 is more than max 4"]),
        ("goto: other", "ask: {digits: {}, yes_no: {}}", ["exactly one of yes_no, digits, choices, free"]),
        ("goto: other", "ask: digits", ["test.yaml:9: the answer leads nowhere (add goto)"]),
        ("goto: other", "ask: yes_no\nbranch: {yes: start}", ["test.yaml:9: the answer no leads nowhere"]),
        (
            "goto: other",
            "ask: yes_no\ngoto: start\nbranch: {maybe: start}",
            ["test.yaml:11: maybe is no answer to this question (the answers are yes, no)"],
        ),
        ("goto: other", "set: {a: '{nowhere}'}\nhangup: true", ["test.yaml:9: no node sets a variable nowhere"]),
        ("goto: other", "set: {a: '{oops'}\nhangup: true", ["brace that is no variable"]),
        ("goto: other", "hangup: true\ncolour: red", ["test.yaml:10: nodes.other.colour is not a known key"]),
        ("goto: other", "hangup: true\ngoto: start", ["hangup ends the call"]),
        ("goto: other", "interruptible: true", ["test.yaml:7: nodes.other: leads nowhere"]),
        ("goto: other", "timeout: 5\nhangup: true", ["belong to ask"]),
        ("goto: other", "branch: {a: start}", ["branch needs `by`"]),
        ("goto: other", "ask: {choices: {a: {goto: start}}}", ["can never be chosen"]),
        (
            "goto: other",
            "ask: {choices: {a: {key: 1, goto: start}, b: {key: 1, goto: start}}}",
            ["test.yaml:9: '1' means both a and b"],
        ),
        (
            "goto: other",
            "ask: {choices: {a: {phrases: [Hello!], goto: start}, b: {phrases: hello, goto: start}}}",
            ["'hello' means both a and b"],
        ),
        ("goto: other", "ask: {choices: {a: {phrases: '...', goto: start}}}", ["can never be heard"]),
        ("goto: other", "transfer: sales", ["test.yaml:9: sales is nobody to transfer to (name it under transfer"]),
        ("goto: other", "transfer: {mode: bridge}", ["test.yaml:9: nodes.other.transfer.to is missing"]),
        ("goto: other", "transfer: x\nfailed: strat", ["test.yaml:10: no node is named strat (did you mean start?)"]),
        ("goto: other", "transfer: x\ngoto: start", ["use failed"]),
        ("goto: other", "failed: start\ngoto: start", ["failed belongs to transfer"]),
        ("goto: other", "transfer: {to: x, brief: '{nowhere}'}", ["test.yaml:9: no node sets a variable nowhere"]),
        (
            "goto: other",
            "transfer: x\nfailed: start",
            ["a caller who says nothing never leaves: start → other → start"],
        ),
        ("goto: other", "play: nothing.wav\nhangup: true", ["test.yaml:9: no sound file nothing.wav"]),
    ],
)
def test_fault(start: str, other: str, expected: list[str], tmp_path: Path) -> None:
    text = FLOW.replace("{start}", start).replace("{other}", other.replace("\n", "\n        "))
    found = faults(text, tmp_path)
    for part in expected:
        assert any(part in fault for fault in found), found


def test_every_fault_is_told_at_once() -> None:
    text = FLOW.replace("{start}", "goto: nowhere").replace("{other}", "ask: digits")
    assert len(faults(text)) == 3


def test_flows_must_be_a_mapping_and_may_be_missing() -> None:
    assert faults("flows: [a]") == ["dialplans/test.yaml:1: flows is not a mapping (write a name, then its nodes)"]
    assert load_flows(document.parse(Path("x.yaml"), "rules: []")) == {}
    assert "nodes is missing" in faults("flows: {empty: }")[0]


def test_the_flows_that_ship_have_no_fault() -> None:
    root = Path(__file__).parents[3]
    names = [
        name
        for path in sorted((root / "dialplans").glob("*.yaml"))
        for name in load_flows(document.load(path), media=root / "media")
    ]
    assert "receptionist" in names


DESK = """\
flows:
  test:
    transfer:
      sales: 101
      other: {to: "{whom}"}
      third: {too: 101}
    nodes:
      start:
        say: Sales?
        ask: yes_no
        goto: put
        retry: {goto: put}
      put: {say: Moment., transfer: slaes}
"""


def test_destinations_are_checked_and_named() -> None:
    found = faults(DESK)
    assert any("test.yaml:6: transfer.third.to is missing" in fault for fault in found), found
    found = faults(DESK.replace("      third: {too: 101}\n", ""))
    assert any("test.yaml:5: no node sets a variable whom" in fault for fault in found), found
    assert any("test.yaml:12: slaes is nobody to transfer to (did you mean sales?)" in fault for fault in found), found


def test_a_silent_caller_is_not_transferred_for_ever() -> None:
    text = DESK.replace("      third: {too: 101}\n", "").replace("{whom}", "102").replace("slaes", "sales")
    assert any("a caller who says nothing never leaves: start → put → start" in fault for fault in faults(text))
    load_flows(document.parse(Path("x.yaml"), text.replace("        retry: {goto: put}\n", "")))
