"""`softswitch route-test` names rule, carrier, gateways and caller ID as a call would use them, or what is missing."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from softswitch import route_test
from softswitch.catalog import load_catalog
from softswitch.cli import app
from softswitch.config import load_settings
from softswitch.route_test import Decision

NOW = datetime.datetime(2025, 6, 2, 12, 0, tzinfo=datetime.UTC)
CARRIERS = """
- name: office
  host: sip.example.com
  username: u1
  password: ${OFFICE_PASSWORD}
  country: DE
  identity: pai
  caller_id: "+4930123450"
- name: pbx
  gateways: [{host: 192.0.2.7, port: 5080, priority: 2}, {host: "2001:db8::7", weight: 3}]
  number_format: as_dialled
"""
DIALPLAN = """
rules:
  - number: _8.
    strip: 1
    strangers: false
    steps:
      - dial: "{to}"
  - number: 200
    steps:
      - dial: {to: [101, "sip:desk@192.0.2.9"], carrier: pbx}
  - number: 201
    steps:
      - read_digits: {into: wanted}
      - dial: "{wanted}"
  - number: 202
    steps:
      - dial: bob
  - number: 600
    steps: [answer, echo]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "carriers.yaml").write_text(CARRIERS)
    (tmp_path / "dialplan.yaml").write_text(DIALPLAN)
    file = tmp_path / "softswitch.yaml"
    file.write_text("carriers: carriers.yaml\ndialplans: dialplan.yaml\n")
    return file


def _decide(config: Path | None, number: str, **options: Any) -> Decision:
    settings = load_settings(config, {})
    catalog = load_catalog(settings, {"OFFICE_PASSWORD": "hunter2"})
    return route_test.decide(catalog, number, wall=NOW, random=lambda: 0.5, **options)


def test_a_rule_that_dials_is_followed_to_the_gateway(config: Path) -> None:
    decision = _decide(config, "8 030 123456", caller="101")
    assert decision.rule is not None and decision.rule.where.endswith("dialplan.yaml:3") and not decision.fault
    (way,) = decision.ways
    assert way.route is not None
    assert (way.target, way.route.number, way.route.caller_id) == ("030123456", "+4930123456", "+4930123450")
    assert [str(gateway) for gateway in way.route.gateways] == ["sip.example.com"]


def test_each_target_of_a_group_has_its_way(config: Path) -> None:
    first, second = _decide(config, "200").ways
    assert first.route is not None and first.route.carrier.name == "pbx"
    assert [str(gateway) for gateway in first.route.gateways] == ["[2001:db8::7]", "192.0.2.7:5080"]
    assert second.route is None and "directly" in second.note


def test_a_target_that_is_keyed_in_is_left_open(config: Path) -> None:
    decision = _decide(config, "201")
    assert [way.note for way in decision.ways] == ["What wanted is, only the call will know."]
    assert not decision.fault


def test_what_the_switch_does_itself_needs_no_carrier(config: Path) -> None:
    decision = _decide(config, "600")
    assert decision.rule is not None and not decision.ways and not decision.fault


def test_a_number_without_a_rule_leaves_over_the_first_carrier_and_a_named_carrier_past_the_rules(config: Path) -> None:
    (way,) = _decide(config, "+4930123456").ways
    assert way.route is not None and way.route.carrier.name == "office"
    decision = _decide(config, "600", carrier="pbx")
    assert decision.rule is None and decision.ways[0].route is not None
    assert decision.ways[0].route.number == "600"


@pytest.mark.parametrize(
    ("number", "options", "words"),
    [
        ("202", {}, "'bob' is neither a number nor a sip: URI"),
        ("bob", {}, "'bob' is neither a number nor a sip: URI"),
        ("600", {"carrier": "nobody"}, "Carrier nobody is not in carriers.yaml"),
        ("sip:", {}, "'sip:' is not a SIP URI"),
        ("sip:600@[::1", {}, "'sip:600@[::1' is not a SIP URI"),
        ("sip:600@192.0.2.9;transport=sctp", {}, "asks for sctp, which this version does not speak"),
        ("sips:600@192.0.2.9;transport=udp", {}, "asks for TLS over UDP, which there is not"),
    ],
)
def test_what_nothing_takes_is_a_sentence(config: Path, number: str, options: dict[str, str], words: str) -> None:
    assert words in _decide(config, number, **options).fault


def test_the_demo_alone_says_what_is_missing() -> None:
    fault = _decide(None, "+4930123456", carriers_file="carriers.yaml").fault
    assert "no rule of the dialplan knows it" in fault and "there is no carrier" in fault
    assert "Add an entry to carriers.yaml" in fault


def test_the_command_exits_as_the_answer_is(config: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        environment = {"OFFICE_PASSWORD": "hunter2", "COLUMNS": "80"}
        result = CliRunner().invoke(app, ["route-test", *arguments, "--config", str(config)], env=environment)
        return result.exit_code, result.output

    status, table = run("8030123456")
    assert status == 0
    whole = re.sub(r"[│\s]", "", table)  # a long path is folded
    for words in ("dialplan.yaml:3", "office", "sip.example.com", "+4930123456", "+4930123450", "P-Asserted-Identity"):
        assert words in whole
    assert max(map(len, table.splitlines())) <= 80 and "hunter2" not in table
    status, text = run("200", "--json")
    assert status == 0
    assert [call.get("carrier") for call in json.loads(text)["calls"]] == ["pbx", None]
    status, text = run("202")
    assert status == 1 and "neither a number" in text


def test_the_tolls_say_who_may_call_a_number(config: Path) -> None:
    config.write_text(config.read_text() + "toll: {users: {ada: {deny_types: []}}}\n")
    settings = load_settings(config, {})
    bob = _decide(config, "80900 1234567", user="bob", toll=settings.toll)
    assert bob.ways[0].route is not None and bob.fault.startswith("The rule dials, but user bob may not call")
    ada = _decide(config, "80900 1234567", user="ada", toll=settings.toll)
    assert not ada.fault and ada.ways[0].toll.startswith("open to user ada, carrier office")
    result = CliRunner().invoke(
        app, ["route-test", "80900 1234567", "--user", "bob", "--config", str(config)], env={"OFFICE_PASSWORD": "x"}
    )
    assert result.exit_code == 1
    assert "premium-rate numbers are denied" in " ".join(result.output.split())
