"""A real Kamailio between the switch and telephones: outbound proxy, and registrar with digest.

It runs in the foreground with the configuration of tests/live/kamailio, on loopback, and keeps nothing: what it writes
goes into the folder of the test.
"""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.peers.free_ports import LOOPBACK, free_port

CONFIG = Path(__file__).resolve().parents[1] / "kamailio" / "kamailio.cfg"
INSTALL = (
    "Kamailio is not installed. Install it with docker/setup.sh (Debian: apt-get install kamailio), "
    "or leave its tests out on purpose with SOFTSWITCH_TESTS_WITHOUT=kamailio"
)
START_SECONDS = 15.0
STOP_SECONDS = 10.0
#: The password of all its accounts, and one that is wrong. Calls out need the account `account`.
REALM, PASSWORD, WRONG_PASSWORD = "kamailio.example", "correct-horse-9", "battery-staple-9"


class Kamailio:
    """A running Kamailio. algorithm: of its digest challenges, `MD5` or `SHA-256`."""

    def __init__(self, folder: Path, *, algorithm: str = "MD5") -> None:
        program = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
        if program is None:
            pytest.fail(INSTALL, pytrace=False)
        folder.mkdir(parents=True)
        self.algorithm = algorithm
        self.folder = folder
        self.port = free_port()
        #: Where its numbers that begin with 2 (TCP) or 3 (UDP) are: a test's telephone listens there, or nobody.
        self.gateway_port = free_port()
        words = {
            "ADDRESS": self.address,
            "GATEWAY": f"{LOOPBACK}:{self.gateway_port}",
            "ALGORITHM": algorithm,
            "REALM": REALM,
            "PASSWORD": PASSWORD,
        }
        text = CONFIG.read_text(encoding="utf-8")
        for name, value in words.items():
            text = text.replace(f"@{name}@", value)
        (folder / "kamailio.cfg").write_text(text, encoding="utf-8")
        # In the foreground, with little memory, and its run folder where nobody needs to be root.
        command = [program, "-DD", "-f", "kamailio.cfg", "-Y", str(folder), "-w", str(folder), "-m", "32", "-M", "4"]
        with (folder / "kamailio.log").open("wb") as log:
            # A group of its own: Ctrl-C at the tests must not reach it before its test is through with it.
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def address(self) -> str:
        """Host and port for SIP, UDP and TCP."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.folder / "kamailio.log").read_text(encoding="utf-8", errors="replace")

    def mark(self) -> int:
        """Return how much it logged so far, for `passed` and `said`."""
        return len(self.log)

    def passed(self, *, since: int) -> list[tuple[str, str]]:
        """Return each request passed on since a mark: method, and `first`, `routed` or `lost` (kamailio.cfg)."""
        found = re.findall(r": PASSED (\S+) \S+ (\S+)$", self.log[since:], re.MULTILINE)
        return [(method, leg) for method, leg in found]

    def said(self, word: str, *, since: int = 0) -> list[str]:
        """Return what follows a word of the log (`ROUTED`, `AUTHENTICATED`, `CHALLENGED`, `FAILED`), in order."""
        return re.findall(rf": {word} (.*)$", self.log[since:], re.MULTILINE)

    def wait_said(self, word: str, count: int = 1, *, since: int = 0, seconds: float = 10.0) -> list[str]:
        """Wait until it said a word so often."""
        deadline = time.monotonic() + seconds
        while len(found := self.said(word, since=since)) < count:
            assert time.monotonic() < deadline, f"not {count} x {word} within {seconds:.0f} s:\n{self.log[-6000:]}"
            time.sleep(0.05)
        return found

    def wait_ready(self) -> None:
        """Wait until it answers OPTIONS."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"Kamailio ended by itself:\n{self.log[-3000:]}"
            assert time.monotonic() < deadline, f"Kamailio is not ready after {START_SECONDS:.0f} s:\n{self.log}"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.bind((LOOPBACK, 0))
            ear.settimeout(0.1)
            local = f"{LOOPBACK}:{ear.getsockname()[1]}"
            token = time.monotonic_ns()
            request = (
                f"OPTIONS sip:{self.address} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{token}\r\n"
                f"Max-Forwards: 5\r\nFrom: <sip:test@{local}>;tag=1\r\nTo: <sip:{self.address}>\r\n"
                f"Call-ID: {token}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            with contextlib.suppress(OSError):
                ear.sendto(request.encode(), (LOOPBACK, self.port))
                return ear.recv(4096).startswith(b"SIP/2.0 200")
            return False

    def stop(self) -> None:
        """End it with all its processes."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_SECONDS)
        self.process.wait()


@contextlib.contextmanager
def running_kamailio(folder: Path, *, algorithm: str = "MD5") -> Iterator[Kamailio]:
    """Start a Kamailio and stop it; fail if it died meanwhile, or says that what we sent is broken."""
    kamailio = Kamailio(folder, algorithm=algorithm)
    try:
        kamailio.wait_ready()
        yield kamailio
    finally:
        died = kamailio.process.poll()
        kamailio.stop()
    assert died is None, f"Kamailio ended by itself, with status {died}:\n{kamailio.log[-3000:]}"
    # Not those of its transports: that somebody is not there is what some tests are about.
    unreadable = [line for line in kamailio.log.splitlines() if " ERROR: " in line and "parser/" in line]
    assert not unreadable, "Kamailio cannot read what we sent:\n" + "\n".join(unreadable)
