"""`check` refuses, with file and line, a rule by which strangers could call at somebody's expense."""

from pathlib import Path

import pytest

from softswitch.catalog import load_catalog
from softswitch.config import load_settings
from softswitch.errors import ConfigError

FLOW = """
flows:
  desk:
    transfer: {out: {to: TARGET}}
    nodes:
      start: {say: One moment., transfer: out}
"""


def faults(folder: Path, steps: str, *, strangers: bool = True, flow: str = "") -> list[str]:
    (folder / "plans").mkdir()
    rule = f"rules:\n  - number: 1\n    strangers: {str(strangers).lower()}\n    steps:\n      - {steps}\n"
    (folder / "plans" / "plan.yaml").write_text(rule + flow)
    (folder / "carriers.yaml").write_text("- {name: office, host: 192.0.2.1}\n")
    config = folder / "softswitch.yaml"
    config.write_text(
        "dialplans: plans\ncarriers: carriers.yaml\nusers:\n  - {name: alice, password: x, number: 101}\n"
    )
    try:
        load_catalog(load_settings(config, {}), {})
    except ConfigError as error:
        return [str(fault) for fault in error.faults]
    return []


@pytest.mark.parametrize("steps", ["dial: '+4930'", "dial: '{to}'", "dial: [101, '+49']", "transfer: 102"])
def test_an_open_rule_that_leads_out_is_refused_at_its_step(tmp_path: Path, steps: str) -> None:
    (fault,) = faults(tmp_path, steps)
    assert fault.startswith(f"{tmp_path / 'plans' / 'plan.yaml'}:5: strangers could call ")
    assert "user:NAME" in fault


@pytest.mark.parametrize("steps", ["dial: 101", "dial: 'user:{to}'", "dial: 'sip:{to}@10.0.0.1'", "echo"])
def test_an_open_rule_that_stays_inside_is_fine(tmp_path: Path, steps: str) -> None:
    assert faults(tmp_path, steps) == []


def test_a_closed_rule_may_lead_anywhere(tmp_path: Path) -> None:
    assert faults(tmp_path, "dial: '{to}'", strangers=False) == []


@pytest.mark.parametrize(("target", "refused"), [("'+4930'", True), ("user:alice", False)])
def test_the_transfers_of_an_open_ai_are_looked_at_too(tmp_path: Path, target: str, refused: bool) -> None:
    found = faults(tmp_path, "agent: desk", flow=FLOW.replace("TARGET", target))
    assert bool(found) is refused
    if refused:
        assert "plan.yaml:5: strangers could call +4930" in found[0]


def test_a_carrier_does_not_prove_itself_with_the_name_of_a_user(tmp_path: Path) -> None:
    assert faults(tmp_path, "echo") == []
    (tmp_path / "carriers.yaml").write_text(
        "- name: office\n  host: 192.0.2.1\n  username: alice\n  password: y\n  recognise: credentials\n"
    )
    with pytest.raises(ConfigError, match=r"carriers.yaml:5: alice is the name of a user already"):
        load_catalog(load_settings(tmp_path / "softswitch.yaml", {}), {})
