"""`softswitch check` names the files it read: that those nobody meant are in order would be worse than a fault."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from softswitch.catalog import shipped
from softswitch.cli import app


def check(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["check", *arguments], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.output


def test_without_a_configuration_it_is_the_demo() -> None:
    said = check()
    assert "Everything is in order." in said and "No --config was given" in said


@pytest.mark.parametrize(
    ("srtp", "keys", "transport", "clear"),
    [
        ("require", "sdes", "tcp", True),
        ("offer", "both", "tcp", True),
        ("require", "dtls", "tcp", False),
        ("accept", "sdes", "tcp", False),
        ("require", "sdes", "tls", False),
    ],
)
def test_keys_that_travel_in_the_clear_are_told_with_their_line(
    tmp_path: Path, srtp: str, keys: str, transport: str, clear: bool
) -> None:
    (tmp_path / "softswitch.yaml").write_text("carriers: mine.yaml\nsip: {tls: {listen: 127.0.0.1:5061}}\n")
    entry = f"- name: a\n  host: 192.0.2.1\n  transport: {transport}\n  srtp: {srtp}\n  srtp_keys: {keys}\n"
    (tmp_path / "mine.yaml").write_text(entry)
    said = check("--config", str(tmp_path / "softswitch.yaml"))
    assert ("mine.yaml:4: carrier a: the keys of encrypted sound travel in the clear over tcp" in said) == clear
    assert bool(json.loads(check("--config", str(tmp_path / "softswitch.yaml"), "--json"))["warnings"]) == clear


def test_files_of_the_configuration_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("[]\n")
    (tmp_path / "softswitch.yaml").write_text("carriers: mine.yaml\n")
    said = check("--config", str(tmp_path / "softswitch.yaml"))
    assert "mine.yaml" in said and "No --config" not in said
    files = json.loads(check("--config", str(tmp_path / "softswitch.yaml"), "--json"))["files"]
    assert files["carriers"] == str(tmp_path / "mine.yaml")
    assert files["dialplans"] == str(shipped("dialplans"))
