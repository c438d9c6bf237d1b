"""sipsak, the swiss army knife of SIP: OPTIONS as other people's monitoring sends them, floods, and random damage."""

import shutil
import subprocess

import pytest

from tests.live.peers.free_ports import LOOPBACK

INSTALL = (
    "sipsak is not installed. Install it with docker/setup.sh (Debian: apt-get install sipsak), "
    "or leave its tests out on purpose with SOFTSWITCH_TESTS_WITHOUT=sipsak"
)
#: No run is let go on for longer, whatever it does.
LIMIT_SECONDS = 15.0


class Sipsak:
    """Runs sipsak against one SIP address on loopback."""

    def __init__(self, target: str) -> None:
        program = shutil.which("sipsak")
        if program is None:
            pytest.fail(INSTALL, pytrace=False)
        # The address for its own host, so that it asks no name server for one; 20 ms before it sends anything again.
        self._command = [program, "-H", LOOPBACK, "-Z", "20"]
        self._target = target

    def start(self, *options: str, user: str = "600") -> "subprocess.Popen[bytes]":
        """Start a run; `finish` waits for it."""
        command = [*self._command, *options, "-s", f"sip:{user}@{self._target}"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    @staticmethod
    def finish(run: "subprocess.Popen[bytes]") -> tuple[int, str]:
        """Wait for its end; return the exit status, and what it printed."""
        try:
            printed, _ = run.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            run.kill()
            printed, _ = run.communicate()
        # What it prints holds what it sent, damage included.
        return run.returncode, printed.decode("utf-8", errors="replace")

    def run(self, *options: str) -> tuple[int, str]:
        """Run to the end."""
        return self.finish(self.start(*options))
