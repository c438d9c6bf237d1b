"""`softswitch trunks` and its like need `http.listen` of the file; the rest may be broken, or a service's own.

The passwords of a service stand in an environment that its operator has not got.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from softswitch.cli import app
from softswitch.config import http_of
from softswitch.errors import ConfigError

#: A port that nobody listens on: the command says where it has asked.
NOBODY = "127.0.0.1:1"
ASKING = [["trunks"], ["registrations"], ["calls"], ["calls", "show", "5f"], ["bans"], ["reload"]]


def asked(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env={"SECRET": None})
    if isinstance(result.exception, ConfigError):
        return 2, str(result.exception)
    return result.exit_code, result.output


@pytest.mark.parametrize("command", ASKING, ids=lambda words: " ".join(words))
@pytest.mark.parametrize("fault", ["users: [{name: a, password: '${SECRET}'}]\n", "colour: red\n", "sip: 5\n"])
def test_faults_elsewhere_do_not_keep_it_from_asking(tmp_path: Path, command: list[str], fault: str) -> None:
    file = tmp_path / "softswitch.yaml"
    file.write_text(f"http: {{listen: '{NOBODY}'}}\n{fault}")
    status, said = asked(*command, "--config", str(file))
    assert status == 1 and said.startswith(f"softswitch: no switch answers at {NOBODY} ("), said


def test_a_wrong_address_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.yaml"
    file.write_text("http:\n  listen: nowhere\n")
    assert asked("trunks", "--config", str(file)) == (
        2,
        f"{file}:2: listen: 'nowhere' is not an address; write IP:PORT, as in 127.0.0.1:8080",
    )
    status, said = asked("trunks", "--config", str(file), "--http", "nowhere")
    assert status == 2 and said.startswith("--http: 'nowhere' is not an address")


def test_the_option_is_stronger_than_the_file(tmp_path: Path) -> None:
    (tmp_path / "softswitch.yaml").write_text("http: {listen: 127.0.0.1:2}\n")
    for arguments in (["calls", "--http", NOBODY, "show", "5f"], ["calls", "show", "5f", "--http", NOBODY]):
        status, said = asked(*arguments, "--config", str(tmp_path / "softswitch.yaml"))
        assert status == 1 and NOBODY in said, said


def test_a_switch_without_http_cannot_be_asked(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.yaml"
    file.write_text("http: {enabled: false}\n")
    status, said = asked("trunks", "--config", str(file))
    assert status == 2 and "http.enabled is false" in said


def test_an_address_may_be_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.yaml"
    file.write_text("http: {listen: '${WHERE:-127.0.0.1:7}'}\nusers: ${UNSET}\n")
    assert http_of(file, {}).listen == ("127.0.0.1", 7)
    assert http_of(file, {"WHERE": "127.0.0.1:9"}).listen == ("127.0.0.1", 9)
    assert http_of(None, {}).listen == ("127.0.0.1", 8080)


def test_check_counts_users_and_says_who_cannot_reach_whom(tmp_path: Path) -> None:
    (tmp_path / "carriers.yaml").write_text("- name: a\n  host: a.example\n  transport: tls\n")
    file = tmp_path / "softswitch.yaml"
    file.write_text("carriers: carriers.yaml\nusers: [{name: a, password: b}, {name: c, password: d}]\n")
    status, said = asked("check", "--config", str(file))
    assert status == 2 and f"{tmp_path}/carriers.yaml:3: carrier a is reached over TLS" in said, said
    file.write_text(file.read_text() + "sip: {tls: {listen: 127.0.0.1:5061}}\n")
    status, said = asked("check", "--config", str(file))
    assert status == 0 and f"{file}:3: sip.listen is 127.0.0.1, where no telephone on another machine" in said, said
    assert f"      2 users     {file}" in said
    file.write_text(file.read_text().replace("127.0.0.1:5061", "0.0.0.0:5061") + "registrar: {sql: true}\n")
    status, said = asked("check", "--config", str(file))
    assert status == 0 and "Everything is in order." in said and "more users in SQL" in said, said
    assert json.loads(asked("check", "--json", "--config", str(file))[1])["users"] == 2
