"""The real process under a service manager that is only a socket: what systemd would hear, in order."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import ROOT, SwitchProcess

UNIT = ROOT / "docker" / "systemd" / "softswitch.service"
WATCHDOG_SECONDS = 0.6
INSTALL = "systemd-analyze is not installed. Install it with docker/setup.sh (Debian: apt-get install systemd)"


class Manager:
    """A socket that keeps what it is told."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._lines: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6))}

    def heard(self) -> list[str]:
        """Return every line so far."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._lines += self._socket.recv(4096).decode().split("\n")
        return self._lines

    def wait(self, line: str, *, after: int = 0) -> int:
        """Wait for a line that begins so, from place `after` on; return the place behind it."""
        deadline = time.monotonic() + 10
        while True:
            for place, heard in enumerate(self.heard()[after:], after):
                if heard.startswith(line):
                    return place + 1
            assert time.monotonic() < deadline, f"nobody said {line}: {self.heard()[after:]}"
            time.sleep(0.02)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "a path" else f"@softswitch-test-{os.getpid()}")
    yield made
    made.close()


def test_from_the_start_to_the_last_call(
    manager: Manager,
    switch_with: Callable[..., SwitchProcess],
    sipp_against: Callable[[SwitchProcess], Sipp],
    probe: RtpProbe,
) -> None:
    switch = switch_with(environment=manager.environment)
    at = manager.wait("READY=1")
    assert switch.get("/readyz")[0] == 200
    at = manager.wait("WATCHDOG=1", after=manager.wait("WATCHDOG=1", after=at))
    running = sipp_against(switch).start("600-echo", "-d", "2500", number="600", rtp_port=probe.port)
    probe.talk_to(running.media_address())
    at = manager.wait("STATUS=1 call", after=at)
    switch.process.send_signal(signal.SIGHUP)
    at = manager.wait("READY=1", after=manager.wait("MONOTONIC_USEC=", after=manager.wait("RELOADING=1", after=at)))
    switch.terminate()
    at = manager.wait("STATUS=stopping, 1 call still up", after=manager.wait("STOPPING=1", after=at))
    at = manager.wait("EXTEND_TIMEOUT_USEC=", after=manager.wait("EXTEND_TIMEOUT_USEC=", after=at))
    running.finish()
    assert switch.process.wait(10) == 0
    assert "READY=1" not in manager.heard()[at:]


def test_a_process_that_hangs_gives_no_sign_of_life(
    manager: Manager, switch_with: Callable[..., SwitchProcess]
) -> None:
    switch = switch_with(environment=manager.environment)
    at = manager.wait("WATCHDOG=1")
    switch.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(0.1)
        at = len(manager.heard())
        time.sleep(2 * WATCHDOG_SECONDS)
        assert "WATCHDOG=1" not in manager.heard()[at:]
    finally:
        switch.process.send_signal(signal.SIGCONT)
    manager.wait("WATCHDOG=1", after=at)


def test_a_manager_that_has_gone_costs_one_line_in_the_log(
    tmp_path: Path, switch_with: Callable[..., SwitchProcess]
) -> None:
    switch = switch_with(environment={"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "150000"})
    time.sleep(0.5)
    assert switch.get("/healthz")[0] == 200
    assert switch.output.count("the service manager cannot be told") == 1


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    assert shutil.which("systemd-analyze"), INSTALL
    # It looks whether the program is there, and on this machine that stands elsewhere.
    text = UNIT.read_text().replace("/opt/softswitch/.venv/bin/softswitch", "/bin/true")
    unit = tmp_path / "softswitch.service"
    unit.write_text(text)
    found = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr.strip()) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", unit]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, f"the unit leaves more open than it must:\n{found.stdout[-2000:]}"
