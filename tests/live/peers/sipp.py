"""SIPp as the other side of the signalling: one run, bounded in time, whose failure can be read.

SIPp speaks SIP only. The port that its session description names belongs to an `RtpProbe`, by `-key rtp_port`.
"""

import csv
import itertools
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.free_ports import LOOPBACK, free_port

SCENARIOS = Path(__file__).resolve().parents[3] / "sipp-scenarios"
#: Callers that misbehave so that only the test which knows them can say what passing means.
MISBEHAVING = Path(__file__).resolve().parents[1] / "scenarios"
INSTALL = (
    "SIPp is not installed. Install it with docker/setup.sh (Debian: apt-get install sip-tester), "
    "or leave its tests out on purpose with SOFTSWITCH_TESTS_WITHOUT=sipp"
)
#: After its own time limit SIPp gets this long to write its files.
GRACE_SECONDS = 5.0
DISCARD_PORT = 9

_MEDIA = re.compile(r"^m=audio (\d+) ", re.MULTILINE)
_ADDRESS = re.compile(r"^c=IN IP4 (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SippResult:
    """How a run ended; printed, it says all that is needed to find out why."""

    status: int
    succeeded: int
    failed: int
    errors: str
    messages: str
    screen: str
    #: What was wrong besides, as the call record.
    besides: str = ""

    @property
    def passed(self) -> bool:
        """True if every call went as its scenario says."""
        return self.status == 0 and self.failed == 0 and self.succeeded > 0 and not self.besides

    def but(self, besides: str) -> "SippResult":
        """Return the same result with another fault, if there is one."""
        return replace(self, besides=self.besides or besides)

    def __str__(self) -> str:
        head = f"SIPp exit status {self.status}: {self.succeeded} calls as the scenario says, {self.failed} not"
        if self.besides:
            head += f"\n{self.besides}"
        parts = [head, self.errors.strip()[-3000:], self.messages.strip()[-9000:]]
        return "\n".join(part for part in parts if part) if self.messages or self.errors else head + self.screen[-3000:]


class SippRun:
    """A running SIPp."""

    def __init__(self, command: Sequence[str], folder: Path, seconds: float) -> None:
        self._folder = folder
        self._deadline = time.monotonic() + seconds + GRACE_SECONDS
        with (folder / "screen.log").open("wb") as screen:
            self._process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=screen, stderr=subprocess.STDOUT
            )

    @property
    def running(self) -> bool:
        """True until it ended."""
        return self._process.poll() is None

    def messages(self) -> str:
        """Return the SIP messages so far, both ways, as SIPp wrote them."""
        return self._read("messages.log")

    def wait_message(self, text: str, seconds: float = 10.0) -> float:
        """Wait until `text` stands in a message, sent or received; return the moment (monotonic seconds)."""
        deadline = time.monotonic() + seconds
        while text not in self.messages():
            assert self.running and time.monotonic() < deadline, f"no message had {text!r}:\n{self.wait()}"
            time.sleep(0.01)
        return time.monotonic()

    def media_address(self, seconds: float = 5.0) -> tuple[str, int]:
        """Wait for a session description of the far end; return where it wants to have its sound."""
        deadline = time.monotonic() + seconds
        while True:
            for block in self.messages().split("message received")[1:]:
                block = block.partition("\n-----")[0].replace("\r", "")
                media, address = _MEDIA.search(block), _ADDRESS.search(block)
                if media and address:
                    return address.group(1), int(media.group(1))
            assert self.running and time.monotonic() < deadline, f"no session description came:\n{self.wait()}"
            time.sleep(0.01)

    def wait(self) -> SippResult:
        """Wait until it ended, at most as long as its limit; return how."""
        try:
            status = self._process.wait(max(0.1, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.stop()
            status = -1
        succeeded, failed = self._counts()
        return SippResult(
            status, succeeded, failed, self._read("errors.log"), self.messages(), self._read("screen.log")
        )

    def finish(self) -> SippResult:
        """Wait until it ended; fail with all it wrote unless every call went as its scenario says."""
        result = self.wait()
        assert result.passed, str(result)
        return result

    def stop(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self._process.wait()

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _counts(self) -> tuple[int, int]:
        rows = list(csv.DictReader(self._read("stats.csv").splitlines(), delimiter=";"))
        if not rows:
            return 0, 0
        return int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"])


class Sipp:
    """Starts runs of SIPp against one SIP address."""

    def __init__(self, target: str, folder: Path) -> None:
        if shutil.which("sipp") is None:
            pytest.fail(INSTALL, pytrace=False)
        self._target = target
        self._folder = folder
        self._runs: list[SippRun] = []
        self._number = itertools.count()

    def start(
        self,
        scenario: str,
        *options: str,
        number: str | None = None,
        calls: int = 1,
        rtp_port: int = DISCARD_PORT,
        seconds: float = 30.0,
        messages: bool = True,
        port: int = 0,
    ) -> SippRun:
        """Start `calls` calls of a scenario file (or of SIPp's own `uac`), to be over within `seconds`.

        port: listen there and be called, instead of calling.
        """
        folder = self._folder / f"{scenario}-{next(self._number)}"
        folder.mkdir(parents=True)
        file = next((path for place in (SCENARIOS, MISBEHAVING) if (path := place / f"{scenario}.xml").exists()), None)
        command = [
            "sipp",
            *(() if port else (self._target,)),
            *(("-sf", str(file)) if file else ("-sn", scenario)),
            *(("-s", number) if number else ()),
            *("-m", str(calls), "-i", LOOPBACK, "-p", str(port or free_port()), "-nostdin"),
            *("-key", "rtp_port", str(rtp_port)),
            *("-timeout", f"{seconds:.0f}s", "-timeout_error"),
            *("-trace_err", "-error_file", "errors.log", "-trace_stat", "-stf", "stats.csv", "-fd", "1"),
            *(("-trace_msg", "-message_file", "messages.log") if messages else ()),
            *options,
        ]
        run = SippRun(command, folder, seconds)
        self._runs.append(run)
        return run

    def run(self, scenario: str, *options: str, **settings: Any) -> SippResult:
        """Run to the end; the arguments are those of `start`."""
        return self.start(scenario, *options, **settings).wait()

    def close(self) -> None:
        """End whatever still runs."""
        for run in self._runs:
            run.stop()
