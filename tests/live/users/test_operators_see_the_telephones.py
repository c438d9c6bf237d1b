"""`softswitch registrations`, /v1/registrations, metrics, and users that come and go: by reload, and in SQL."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.auth import Credentials, DigestClient
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.parser import parse_message
from softswitch.sip.uri import Uri

CONFIG = """
registrar: {sql: SQL, sql_seconds: 1}
users:
  - {name: alice, password: open sesame, number: 101, display: Alice}
  - {name: bob, password: open sesame, number: 102}
"""


def softswitch(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of the switch, in 80 columns."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "softswitch"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        input=said,
        env={**os.environ, "COLUMNS": "80"},
    )


def register(switch: Any, name: str, password: str = "open sesame") -> Response:
    """Register a telephone of this user, and leave it so."""
    client = DigestClient(Credentials(name, password), token=seeded_token(len(name)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.settimeout(5)
        raw.connect(("127.0.0.1", switch.sip_port))
        port = raw.getsockname()[1]
        for cseq in (1, 2):
            pairs = [
                ("Via", f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{name}{cseq}{password[:2]};rport"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{name}@127.0.0.1>;tag=1"),
                ("To", f"<sip:{name}@127.0.0.1>"),
                ("Call-ID", f"call-of-{name}-{port}"),
                ("CSeq", f"{cseq} REGISTER"),
                ("Contact", f"<sip:{name}@127.0.0.1:{port}>"),
                ("User-Agent", "bare socket"),
            ]
            request = Request("REGISTER", Uri.parse("sip:127.0.0.1"), Headers(pairs))
            client.authorize(request)
            raw.send(bytes(request))
            answer = parse_message(raw.recv(65536))
            assert isinstance(answer, Response)
            if answer.status != 401:
                return answer
            client.challenged(request, answer)
    return answer


def metric(switch: Any, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{switch.http_port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")))


@pytest.fixture
def configured(tmp_path: Path, switch_with: Callable[..., Any]) -> Callable[..., Any]:
    def start(*, sql: bool = False) -> tuple[Any, Path]:
        file = tmp_path / "softswitch.yaml"
        file.write_text(CONFIG.replace("SQL", str(sql).lower()))
        return switch_with("--config", str(file)), file

    return start


def test_telephones_are_shown_as_a_table_and_as_json(configured: Any) -> None:
    switch, _ = configured()
    http = ("--http", f"127.0.0.1:{switch.http_port}")
    assert "No telephone is registered." in softswitch("registrations", *http).stdout
    assert register(switch, "alice").status == 200
    assert register(switch, "bob").status == 200
    shown = softswitch("registrations", *http)
    assert shown.returncode == 0 and max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "alice" in shown.stdout and "registered" in shown.stdout and "bare socket" in shown.stdout
    found = json.loads(softswitch("registrations", "--user", "alice", "--json", *http).stdout)["registrations"]
    assert [(one["user"], one["number"], one["state"], one["agent"]) for one in found] == [
        ("alice", "101", "registered", "bare socket")
    ]
    assert "sesame" not in json.dumps(found) + switch.output
    assert metric(switch, "softswitch_phones_registered") == 2
    assert metric(switch, "softswitch_users") == 2
    assert metric(switch, 'softswitch_credentials_total{outcome="accepted"}') == 2


def test_a_telephone_with_a_wrong_password_is_named_until_it_is_put_right(configured: Any) -> None:
    switch, _ = configured()
    http = ("--http", f"127.0.0.1:{switch.http_port}")
    for _ in range(2):
        assert register(switch, "alice", "wrong").status == 401
    assert register(switch, "Allice", "open sesame").status == 401
    shown = softswitch("registrations", *http).stdout
    assert "No telephone is registered." in shown and "wrong credentials lately\n" in shown
    assert re.search(r"^alice from 127\.0\.0\.1:\d+, 2 times, last \d+ s ago$", shown, re.MULTILINE), shown
    assert re.search(r"^Allice from 127\.0\.0\.1:\d+, \d+ s ago; there is no such user$", shown, re.MULTILINE), shown
    assert register(switch, "alice").status == 200
    shown = softswitch("registrations", *http).stdout
    assert "\nalice from" not in shown and "\nAllice from" in shown
    mine = json.loads(softswitch("registrations", "--user", "alice", "--json", *http).stdout)
    assert mine["refused"] == [] and len(mine["registrations"]) == 1


def test_without_a_switch_it_is_a_sentence() -> None:
    shown = softswitch("registrations", "--http", "127.0.0.1:9")
    assert shown.returncode == 1 and "no switch answers at 127.0.0.1:9" in shown.stderr


def test_a_reload_takes_the_telephones_of_those_alone_who_are_gone(configured: Any) -> None:
    switch, file = configured()
    http = ("--http", f"127.0.0.1:{switch.http_port}")
    for name in ("alice", "bob"):
        assert register(switch, name).status == 200
    text = file.read_text().replace("name: bob", "name: carol")
    file.write_text(text.replace("users:", "users:\n  - {name: dave, password: other, number: 104}"))
    report = json.loads(softswitch("reload", "--json", *http).stdout)
    assert {"users added: dave, carol", "users removed: bob"} <= set(report["changes"]), report
    assert not report["needs_restart"]
    left = json.loads(softswitch("registrations", "--json", *http).stdout)["registrations"]
    assert [one["user"] for one in left] == ["alice"]
    assert register(switch, "dave", "other").status == 200
    assert register(switch, "bob").status == 401
    file.write_text(file.read_text().replace("open sesame, number: 101", "another, number: 101"))
    softswitch("reload", *http)
    left = json.loads(softswitch("registrations", "--json", *http).stdout)["registrations"]
    assert [one["user"] for one in left] == ["dave"], "another password is another user"
    file.write_text(file.read_text().replace("number: 104", "number: 101"))
    refused = softswitch("reload", *http)
    assert refused.returncode == 1 and "softswitch.yaml:5: number 101 is that of user dave already" in refused.stdout
    assert register(switch, "alice", "another").status == 200, "what was in force stays"


def test_a_user_of_sql_comes_and_goes_without_a_restart(configured: Any) -> None:
    switch, file = configured(sql=True)
    where = ("--config", str(file), "--data", str(switch.data))
    assert register(switch, "erin").status == 401
    added = softswitch("users", "add", "erin", "--number", "105", *where, said="open sesame\n")
    assert added.returncode == 0, added.stderr
    listed = json.loads(softswitch("users", "list", "--json", *where).stdout)["users"]
    assert [(one["name"], one["from"]) for one in listed] == [
        ("alice", "softswitch.yaml"),
        ("bob", "softswitch.yaml"),
        ("erin", "sql"),
    ]
    softswitch("reload", "--http", f"127.0.0.1:{switch.http_port}")
    for _ in range(20):
        if (answer := register(switch, "erin")).status == 200:
            break
    assert answer.status == 200
    assert softswitch("users", "remove", "erin", *where).returncode == 0
    assert softswitch("users", "remove", "erin", *where).returncode == 1
    of_file = softswitch("users", "remove", "alice", *where)
    assert of_file.returncode == 1 and "it stands in softswitch.yaml. Take it out there" in of_file.stdout
    softswitch("reload", "--http", f"127.0.0.1:{switch.http_port}")
    for _ in range(50):
        if metric(switch, "softswitch_phones_registered") == 0:
            break
    assert metric(switch, "softswitch_phones_registered") == 0
    assert register(switch, "erin").status == 401
