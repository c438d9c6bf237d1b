"""`sip.listen_also`: a phone on IPv4 calls by a gateway on IPv6, and each is told an address of its own kind."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.live.peers.free_ports import free_port
from tests.live.peers.switch import SwitchProcess

COMMAND = str(Path(sys.executable).parent / "softswitch")


def configuration(folder: Path, text: str, **files: str) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content)
    file = folder / "softswitch.yaml"
    file.write_text(text)
    return file


def test_a_call_crosses_the_families_with_its_sound(switch_with: Callable[..., SwitchProcess], tmp_path: Path) -> None:
    six, outside = free_port(), free_port()
    far = configuration(tmp_path / "far", f'sip: {{listen_also: "[::1]:{outside}"}}\n')
    switch_with("--config", str(far))
    near = configuration(
        tmp_path / "near",
        f'sip: {{listen_also: "[::1]:{six}"}}\ncarriers: carriers.yaml\ndialplans: plan.yaml\n',
        carriers=f'- {{name: six, host: "::1", port: {outside}, number_format: as_dialled, health_seconds: 1}}\n',
        plan="rules:\n  - {number: '_8.', strip: 1, steps: [dial: {to: '{to}'}]}\n",
    )
    mine = switch_with("--config", str(near))
    assert re.search(rf"^ready .* also=\[::1\]:{six} ", mine.output, re.MULTILINE)
    # 603 of the far switch sends digits: they come over IPv6, and go on over IPv4
    command = [COMMAND, "call", f"sip:8603@{mine.address}", "--flow", "receptionist", "--json"]
    called = subprocess.run(
        [*command, "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    record = json.loads(called.stdout)
    assert (record["outcome"], record["dtmf"]) == ("answered", "1234567890*#")
    assert record["quality"]["received"]["packets"] > 50
    bridged = mine.wait_record(to="8603")
    assert (bridged["carrier"], bridged["outcome"]) == ("six", "answered")


def test_calls_by_command_find_a_gateway_on_ipv6(switch_with: Callable[..., SwitchProcess], tmp_path: Path) -> None:
    outside = free_port()
    far = configuration(tmp_path / "far", f'sip: {{listen_also: "[::1]:{outside}"}}\n')
    switch_with("--config", str(far))
    near = configuration(tmp_path / "near", 'sip: {listen: "127.0.0.1:5060", listen_also: "[::1]:5060"}\n')
    begun = time.monotonic()
    command = [COMMAND, "call", f"sip:600@[::1]:{outside}", "--config", str(near), "--json"]
    called = subprocess.run(
        [*command, "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    record = json.loads(called.stdout)
    assert (called.returncode, record["outcome"], record["verdict"]) == (0, "answered", "")
    assert record["quality"]["received"]["packets"] > 20
    assert time.monotonic() - begun < 40
