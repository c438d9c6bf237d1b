"""pyVoIP as a telephone: a process that calls or is called, and what it heard."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.live.peers.asterisk import Sound
from tests.live.peers.free_ports import free_port

INSTALL = (
    "pyVoIP is not installed. Install it with the other tools of the tests: make setup, "
    "or leave its tests out on purpose with SOFTSWITCH_TESTS_WITHOUT=pyvoip"
)
PROGRAM = Path(__file__).with_name("pyvoip_phone.py")
#: What it calls itself, and the tone that it says.
NAME, SAYS_HZ = "pyvoip", 620


class PyVoip:
    """One telephone for one call. It sends all it says to `server_port`, its answers included."""

    def __init__(
        self, folder: Path, server_port: int, *, number: int = 0, dial: str = "", press: str = "", seconds: int = 6
    ) -> None:
        """number: which one it is, of those in one test."""
        if importlib.util.find_spec("pyVoIP") is None:
            pytest.fail(INSTALL, pytrace=False)
        self.port = free_port()
        self._heard = folder / f"pyvoip-{number}.u8"
        self._output = folder / f"pyvoip-{number}.log"
        command = [
            *(sys.executable, str(PROGRAM), "--server-port", str(server_port), "--port", str(self.port)),
            *("--rtp", str(free_port()), "--seconds", str(seconds), "--hz", str(SAYS_HZ), "--heard", str(self._heard)),
            *("--dial", dial, "--press", press),
        ]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def told(self) -> list[list[str]]:
        """Return what it told so far: `ready`, the states of the call, `key` and which, `hung up`."""
        text = self._output.read_text(encoding="utf-8", errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("[")]

    def wait_told(self, *words: str, seconds: float = 20.0) -> None:
        """Wait until it told this."""
        deadline = time.monotonic() + seconds
        while list(words) not in self.told():
            assert time.monotonic() < deadline, f"pyVoIP never told {words}:\n{self._output.read_text()}"
            time.sleep(0.05)

    @property
    def keys(self) -> str:
        """The keys that it heard pressed."""
        return "".join(words[1] for words in self.told() if words[0] == "key")

    @property
    def sound(self) -> Sound:
        """What it heard so far."""
        data = self._heard.read_bytes() if self._heard.exists() else b""
        return Sound((np.frombuffer(data, np.uint8).astype(np.float64) - 128) * 256)

    def finish(self, seconds: float = 45.0) -> None:
        """Wait until its call is over and it ended."""
        assert self.process.wait(seconds) == 0, f"pyVoIP failed:\n{self._output.read_text()}"

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
