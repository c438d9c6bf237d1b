"""A step that names a carrier or a flow that does not exist is a fault at the line of that step, before any call."""

from pathlib import Path

import pytest

from softswitch.catalog import load_catalog
from softswitch.config import load_settings
from softswitch.errors import ConfigError

DIALPLAN = """rules:
  - number: 200
    carrier: nobody
    steps:
      - answer
      - dial: {to: "101", carrier: office}
      - dial:
          to: "101"
          carrier: nowhere
      - agent: nothing
"""


def test_carriers_and_flows_of_steps_must_exist(tmp_path: Path) -> None:
    (tmp_path / "carriers.yaml").write_text("- name: office\n  host: sip.example.com\n")
    plan = tmp_path / "dialplan.yaml"
    plan.write_text(DIALPLAN)
    file = tmp_path / "softswitch.yaml"
    file.write_text("carriers: carriers.yaml\ndialplans: dialplan.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load_catalog(load_settings(file, {}), {})
    found = {fault.where: fault.what for fault in caught.value.faults}
    assert found == {
        f"{plan}:2": "carrier nobody does not exist",
        f"{plan}:7": "carrier nowhere does not exist",
        f"{plan}:10": "flow nothing does not exist",
    }
    assert all("known carriers: office" in fault.hint for fault in caught.value.faults if "carrier" in fault.what)
