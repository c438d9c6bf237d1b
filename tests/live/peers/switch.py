"""The switch as a process of its own, started as a user starts it, and looked at from outside."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.live.peers.free_ports import LOOPBACK, free_port, rtp_block

ROOT = Path(__file__).resolve().parents[3]
#: Ready in 1.5 s is the promise, and the benchmark's business; here only a hang is a failure, on a busy machine too.
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
#: A record is written within a second after the call; a busy machine gets some more.
WRITTEN_SECONDS = 5.0
#: Ports of one switch: more calls at once than any test makes, two ports each, and as many again in quarantine.
RTP_PORTS = 1800


class Holdings(NamedTuple):
    """What a process holds just now: `sockets` of all kinds, `files` besides, threads, child processes, memory."""

    sockets: int
    files: int
    threads: int
    children: int
    rss_kib: int


class SwitchProcess:
    """A running `softswitch run`, with its addresses and what it wrote."""

    def __init__(
        self,
        folder: Path,
        *,
        options: Sequence[str] = (),
        number: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """environment: variables besides those of the tests."""
        self.folder = folder
        self.sip_port = free_port()
        self.http_port = free_port()
        self.data = folder / "data"
        self._log = folder / "switch.log"
        #: True once a test has made it end: then its end is no surprise.
        self.told_to_end = False
        first, last = rtp_block(RTP_PORTS, number)
        command = [
            str(Path(sys.executable).parent / "softswitch"),
            "run",
            *("--sip", f"{LOOPBACK}:{self.sip_port}"),
            *("--http", f"{LOOPBACK}:{self.http_port}"),
            *("--rtp-ports", f"{first}-{last}"),
            *("--data", str(self.data)),
            *options,
        ]
        with self._log.open("wb") as log:
            # A group of its own: Ctrl-C at the tests must not reach it before its test is through with it.
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )

    @property
    def address(self) -> str:
        """Host and port for SIP."""
        return f"{LOOPBACK}:{self.sip_port}"

    @property
    def output(self) -> str:
        """Everything it wrote, to both streams."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self) -> None:
        """Wait for the line that begins with `ready`; fail with what it wrote instead."""
        deadline = time.monotonic() + READY_SECONDS
        while not re.search(r"^ready", self.output, re.MULTILINE):
            status = self.process.poll()
            assert status is None, f"softswitch run ended with status {status}:\n{self.output}"
            assert time.monotonic() < deadline, f"not ready after {READY_SECONDS:.0f} s:\n{self.output}"
            time.sleep(0.02)

    def stop(self) -> int:
        """Ask it to end as an operator does, a second time if calls are still up; return its exit status."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_SECONDS)
        return self.process.wait()

    def terminate(self) -> None:
        """Send one SIGTERM, as a test of stopping does."""
        self.told_to_end = True
        self.process.send_signal(signal.SIGTERM)

    def get(self, path: str) -> tuple[int, str]:
        """GET from its HTTP server; return status and body."""
        connection = http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metrics(self) -> Mapping[str, float]:
        """Return /metrics: name with labels, as it is printed, to value."""
        status, body = self.get("/metrics")
        assert status == 200, f"/metrics answered {status}"
        lines = (line.rsplit(None, 1) for line in body.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def trunks(self) -> list[dict[str, Any]]:
        """Return what it says of its carriers."""
        status, body = self.get("/v1/trunks")
        assert status == 200, f"/v1/trunks answered {status}"
        trunks: list[dict[str, Any]] = json.loads(body)["trunks"]
        return trunks

    @property
    def written(self) -> list[str]:
        """The call records written so far, a line each."""
        file = self.data / "calls.jsonl"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def wait_record(self, *, seconds: float = WRITTEN_SECONDS, since: int = 0, **fields: object) -> dict[str, Any]:
        """Wait for a call record that has these values; return it, or fail with the records there are.

        since: how many were written before the call. Without it, it may be that of an earlier call with these values.
        """
        deadline = time.monotonic() + seconds
        while True:
            lines = self.written
            records: list[dict[str, Any]] = [json.loads(line) for line in lines]
            for record in records[since:]:
                if all(record[name] == value for name, value in fields.items()):
                    return record
            assert time.monotonic() < deadline, f"no record has {fields}:\n" + "\n".join(lines)
            time.sleep(0.05)

    def holdings(self) -> Holdings:
        """Count what the process holds, by what the kernel says of it."""
        proc = Path("/proc") / str(self.process.pid)
        sockets = files = 0
        for entry in (proc / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if str(entry.readlink()).startswith("socket:"):
                    sockets += 1
                else:
                    files += 1
        threads = [task for task in (proc / "task").iterdir()]
        children = " ".join((task / "children").read_text() for task in threads if (task / "children").exists())
        pages = int((proc / "statm").read_text().split()[1])
        rss_kib = pages * os.sysconf("SC_PAGE_SIZE") // 1024
        return Holdings(sockets, files, len(threads), len(children.split()), rss_kib)


@contextlib.contextmanager
def running_switch(
    folder: Path,
    *,
    options: Sequence[str] = (),
    number: int = 0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[SwitchProcess]:
    """Start a switch, wait until it is ready, and stop it; fail if it dies, or wrote a traceback meanwhile."""
    switch = SwitchProcess(folder, options=options, number=number, environment=environment)
    try:
        switch.wait_ready()
        yield switch
    finally:
        died = switch.process.poll()
        status = switch.stop()
    assert died is None or switch.told_to_end, f"the switch ended by itself, with status {died}:\n{switch.output}"
    assert status == 0, f"after SIGTERM the switch ended with status {status}:\n{switch.output}"
    assert "Traceback" not in switch.output, f"the switch wrote a traceback:\n{switch.output}"
