"""`softswitch bans` names who is banned and why, and lifts bans; what the switch is called is the operator's word."""

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live.peers.switch import running_switch

COMMAND = str(Path(sys.executable).parent / "softswitch")
SCANNER = "127.0.0.9"

pytestmark = pytest.mark.live


def options(source: str, target: tuple[str, int], agent: str) -> bytes:
    """Send an OPTIONS from an address; return the answer, empty where none comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.bind((source, 0))
        raw.settimeout(1.0)
        where = f"{source}:{raw.getsockname()[1]}"
        raw.sendto(
            (
                f"OPTIONS sip:{target[0]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {where};branch=z9hG4bK-{where}-{time.monotonic()}\r\n"
                f"From: <sip:x@{where}>;tag=1\r\nTo: <sip:{target[0]}>\r\nCall-ID: {where}\r\nCSeq: 1 OPTIONS\r\n"
                f"Max-Forwards: 70\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            target,
        )
        try:
            return raw.recv(4096)
        except TimeoutError:
            return b""


def test_a_ban_is_seen_and_lifted(tmp_path: Path) -> None:
    config = tmp_path / "softswitch.yaml"
    config.write_text("sip: {trusted: [127.0.0.1/32]}\n")
    with running_switch(tmp_path, options=("--config", str(config))) as switch:
        target, http = ("127.0.0.1", switch.sip_port), f"127.0.0.1:{switch.http_port}"

        def command(*words: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [COMMAND, "bans", *words, "--http", http], capture_output=True, text=True, timeout=30, check=False
            )

        assert command().stdout == "Nobody is banned.\n"
        assert options(SCANNER, target, "Linphone").startswith(b"SIP/2.0 200")
        assert options(SCANNER, target, "friendly-scanner") == b""
        assert options(SCANNER, target, "Linphone") == b"", "silence, whatever it says now"
        found = json.loads(command("--json").stdout)
        (ban,) = found["bans"]
        assert (ban["host"], ban["kind"], ban["times"], ban["dropped"]) == (SCANNER, "scanner", 1, 1)
        assert 50 < ban["seconds_left"] <= 60
        shown = command().stdout
        assert SCANNER in shown and "scanner" in shown and "1 banned" in shown
        assert f"{SCANNER} is not listened to for 60 s: scanner, SIPVicious" in switch.output
        assert switch.metrics()["softswitch_guard_bans"] == 1
        assert command("remove", SCANNER).returncode == 0
        assert options(SCANNER, target, "Linphone").startswith(b"SIP/2.0 200")
        again = command("remove", SCANNER)
        assert again.returncode == 1 and "is not banned" in again.stderr


def test_a_ban_ends_by_itself_and_the_next_one_lasts_longer(tmp_path: Path) -> None:
    config = tmp_path / "softswitch.yaml"
    config.write_text("sip: {trusted: [127.0.0.1/32]}\nguard: {ban_seconds: 2}\n")
    with running_switch(tmp_path, options=("--config", str(config))) as switch:
        target = ("127.0.0.1", switch.sip_port)
        lasted = []
        for _ in range(2):
            began = time.monotonic()
            assert options(SCANNER, target, "friendly-scanner") == b""
            while not options(SCANNER, target, "Linphone").startswith(b"SIP/2.0 200"):
                assert time.monotonic() < began + 10, "the ban does not end"
            lasted.append(time.monotonic() - began)
        # An answer is awaited for a second, so that a ban is seen to end up to that much later.
        assert 1.5 < lasted[0] < 3.5 and 3.5 < lasted[1] < 5.5, lasted
        assert switch.metrics()["softswitch_guard_bans"] == 0


def test_networks_are_denied_or_alone_allowed(tmp_path: Path) -> None:
    config = tmp_path / "softswitch.yaml"
    denied, other, inside = "127.0.66.1", "127.0.67.1", "127.0.68.1"
    config.write_text("sip: {trusted: [127.0.0.1/32]}\nguard: {deny: [127.0.66.0/24]}\n")
    with running_switch(tmp_path, options=("--config", str(config))) as switch:
        target = ("127.0.0.1", switch.sip_port)
        assert options(denied, target, "Linphone") == b""
        assert options(other, target, "Linphone").startswith(b"SIP/2.0 200")
        assert switch.metrics()['softswitch_guard_dropped_total{reason="denied"}'] == 1
        with socket.socket() as raw:  # a connection is closed before it says anything
            raw.bind((denied, 0))
            raw.settimeout(5)
            raw.connect(target)
            assert raw.recv(1) == b""
        config.write_text("sip: {trusted: [127.0.0.1/32]}\nguard: {allow: [127.0.68.0/24]}\n")
        done = subprocess.run(
            [COMMAND, "reload", "--http", f"127.0.0.1:{switch.http_port}"], capture_output=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stdout
        assert options(inside, target, "Linphone").startswith(b"SIP/2.0 200")
        assert options("127.0.0.1", target, "Linphone").startswith(b"SIP/2.0 200"), "who is trusted need not be named"
        assert options(other, target, "Linphone") == b""


@pytest.mark.parametrize(
    ("line", "shown"),
    [("", r"softswitch/\d"), ("  server_name: PBX", "PBX$"), ('  server_name: ""', None)],
    ids=["default", "another", "none"],
)
def test_how_we_call_ourselves_is_said_by_the_operator(tmp_path: Path, line: str, shown: str | None) -> None:
    config = tmp_path / "softswitch.yaml"
    config.write_text(f"sip:\n  session_expires: 1800\n{line}\n")
    with running_switch(tmp_path, options=("--config", str(config))) as switch:
        target = ("127.0.0.1", switch.sip_port)
        answers = [options("127.0.0.1", target, "x"), options("127.0.0.1", target, "x\r\nRequire: nonsense")]
        assert [answer[:11] for answer in answers] == [b"SIP/2.0 200", b"SIP/2.0 420"]
        for answer in answers:
            found = re.search(r"^Server: (.*)\r$", answer.decode(), re.MULTILINE)
            if shown is None:
                assert found is None, answer
            else:
                assert found is not None and re.match(shown, found[1]), answer
