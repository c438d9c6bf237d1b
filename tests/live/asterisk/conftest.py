"""The switch and an Asterisk on one machine: calls placed by the command line."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.asterisk import Asterisk
from tests.live.peers.sipp import Sipp


class CallCommand:
    """A running `softswitch call`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [str(Path(sys.executable).parent / "softswitch"), "call", *arguments, "--json", "--data", str(folder)]
        with (folder / "call.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self._log = folder / "call.log"

    def finish(self, seconds: float = 30.0) -> dict[str, Any]:
        """Wait for its end; return the record that it printed, with the exit status as `status`."""
        said, _ = self.process.communicate(timeout=seconds)
        log = self._log.read_text(encoding="utf-8", errors="replace")
        assert "Traceback" not in log and said, f"softswitch call failed:\n{log}"
        record: dict[str, Any] = json.loads(said)
        return {**record, "status": self.process.returncode}


@pytest.fixture
def softswitch_call(tmp_path: Path) -> Iterator[Callable[..., CallCommand]]:
    """A function that starts `softswitch call` with arguments; what still runs when the test ends is ended."""
    started: list[CallCommand] = []

    def start(*arguments: str) -> CallCommand:
        folder = tmp_path / f"call-{len(started)}"
        folder.mkdir()
        started.append(CallCommand(folder, *arguments))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()
        if command.process.stdout:
            command.process.stdout.close()


@pytest.fixture
def phones(asterisk: Asterisk, tmp_path: Path) -> Iterator[Sipp]:
    """SIPp as a telephone of Asterisk's."""
    peer = Sipp(asterisk.address, tmp_path / "phones")
    yield peer
    peer.close()
