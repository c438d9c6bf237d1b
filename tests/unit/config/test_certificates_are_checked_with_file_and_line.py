"""`softswitch check` reads every certificate and key that is named: missing, not fitting, expired, soon expired."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from softswitch.cli import app
from tests.tools.certificates import Authority

AUTHORITY = Authority()

SETTINGS = """
carriers: carriers.yaml
sip:
  tls:
    listen: 127.0.0.1:5061
    certificate: sip.crt
    key: sip.key
    verify_clients: optional
    client_ca: ca.crt
    names:
      b.example: {certificate: b.crt, key: b.key}
"""
CARRIERS = """
- name: acme
  host: sip.acme.example
  transport: tls
  tls_ca: ca.crt
  tls_certificate: acme.crt
  tls_key: acme.key
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration in which everything is in order."""
    AUTHORITY.write(tmp_path)
    for name, host in (("sip", "a.example"), ("b", "b.example"), ("acme", "us.example")):
        AUTHORITY.sign(host).write(tmp_path, name)
    (tmp_path / "carriers.yaml").write_text(CARRIERS)
    (tmp_path / "softswitch.yaml").write_text(SETTINGS)
    return tmp_path


def check(folder: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", "--config", str(folder / "softswitch.yaml"), *options])
    # What `main` prints of it.
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_everything_in_order_is_said(folder: Path) -> None:
    status, said = check(folder)
    assert status == 0 and "Everything is in order." in said


def short(name: str) -> object:
    return lambda folder: AUTHORITY.sign(f"{name}.example", begins=-20, ends=5.5).write(folder, name)


@pytest.mark.parametrize(
    ("spoil", "where", "what"),
    [
        (lambda folder: (folder / "sip.crt").unlink(), "softswitch.yaml:6", "sip.crt cannot be read: No such file"),
        (lambda folder: (folder / "sip.key").write_text("x"), "softswitch.yaml:6", "sip.key holds no key in PEM form"),
        (lambda folder: (folder / "b.key").rename(folder / "sip.key"), "softswitch.yaml:6", "is not the key of"),
        (lambda folder: (folder / "b.crt").unlink(), "softswitch.yaml:11", "b.crt cannot be read"),
        (lambda folder: (folder / "ca.crt").write_text(""), "softswitch.yaml:9", "ca.crt holds no certificate"),
        (lambda folder: (folder / "ca.crt").write_text(""), "carriers.yaml:5", "ca.crt holds no certificate"),
        (lambda folder: (folder / "acme.key").unlink(), "carriers.yaml:6", "acme.key cannot be read"),
        (
            lambda folder: AUTHORITY.sign("a", begins=-9, ends=-2).write(folder, "sip"),
            "softswitch.yaml:6",
            "sip.crt expired on 20",
        ),
        (
            lambda folder: AUTHORITY.sign("a", begins=2, ends=9).write(folder, "acme"),
            "carriers.yaml:6",
            "acme.crt is not valid before 20",
        ),
    ],
)
def test_a_file_that_is_no_good_is_a_fault(folder: Path, spoil: object, where: str, what: str) -> None:
    assert callable(spoil)
    spoil(folder)
    status, _ = check(folder, "--json")
    faults = json.loads(check(folder, "--json")[1].partition("\n}\n")[0] + "\n}")["faults"]
    assert status == 2
    assert [fault for fault in faults if fault["where"].endswith(where) and what in fault["what"]], faults


def test_what_expires_soon_and_what_is_for_another_host_is_a_warning(folder: Path) -> None:
    AUTHORITY.sign("c.example", begins=-20, ends=5.5).write(folder, "b")
    status, said = check(folder, "--json")
    warnings = json.loads(said)["warnings"]
    assert status == 0
    assert [(one["where"].rpartition("/")[2], one["what"].rpartition("/")[2][:18]) for one in warnings] == [
        ("softswitch.yaml:11", "b.crt expires on 2"),
        ("softswitch.yaml:11", "b.crt is for c.exa"),
    ]
    assert "in 5 days" in warnings[0]["what"]
    status, said = check(folder)
    assert status == 0 and "It works, but look at this:" in said and "softswitch.yaml:11" in said


@pytest.mark.parametrize(
    ("tls", "line", "what"),
    [
        ("{listen: nowhere}", 3, "is not an address; write IP:PORT, as in 127.0.0.1:5061"),
        ("{listen: 127.0.0.1, listen_also: 127.0.0.2}", 3, "of the other address family"),
        ("{listen_also: '::1'}", 3, "listen_also is beside listen"),
        ("{certificate: a.crt}", 3, "certificate and key belong together"),
        ("{key: a.key}", 3, "certificate and key belong together"),
        ("{verify_clients: require}", 3, "client_ca must name the authorities"),
        ("{verify_clients: maybe}", 3, "it must be 'none', 'optional' or 'require'"),
        ("{names: {'a b': {certificate: a, key: b}}}", 3, "'a b' is not a host name"),
        ("{names: {a.example: {certificate: a}}}", 3, "key is missing"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, tls: str, line: int, what: str) -> None:
    (tmp_path / "softswitch.yaml").write_text(f"# TLS\nsip:\n  tls: {tls}\n")
    status, said = check(tmp_path)
    assert status != 0 and f"softswitch.yaml:{line}: " in said and what in said, said
