"""Whoever stops `softswitch call` ends the call: the far end is not left talking to nobody."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live.peers.switch import SwitchProcess

pytestmark = pytest.mark.live


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_call_command_ends_its_call(switch: SwitchProcess, tmp_path: Path, number: signal.Signals) -> None:
    command = [str(Path(sys.executable).parent / "softswitch"), "call", f"sip:600@{switch.address}"]
    options = ["--flow", "receptionist", "--json", "--data", str(tmp_path)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        deadline = time.monotonic() + 15
        while switch.metrics()["softswitch_calls_active"] != 1.0:
            assert time.monotonic() < deadline, "the call never came up"
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        said, _ = process.communicate(timeout=10)
    assert json.loads(said)["ended_by"] == "switch"
    deadline = time.monotonic() + 3
    while switch.metrics()["softswitch_calls_active"]:
        assert time.monotonic() < deadline, "the far end was left in the call"
        time.sleep(0.05)
