"""What a reload costs those who are on the telephone: so many users read anew, all of them changed, while calls are up.

    python tests/bench/reload.py --users 1000 --calls 100

How late the 20 ms clock was comes from the switch's own histogram, taken before and after; beside it the same seconds
without a reload. `--alone` lets the switch go before everything else on the machine (SCHED_FIFO, as root), so that what
it does to itself is seen on a machine that others use too.
"""

import argparse
import http.client
import json
import os
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from far_end import FarEnd, speech
from switch import percentile, print_runs, start_switch

ROOT = Path(__file__).resolve().parents[2]
RELOADS = 10
_BUCKET = re.compile(r'^softswitch_tick_late_ms_bucket\{le="([^"]+)"\} (\S+)', re.MULTILINE)
_SKIPPED = re.compile(r"^softswitch_tick_skipped_total (\S+)", re.MULTILINE)


def write(folder: Path, http_port: int, users: int, generation: int) -> Path:
    """Write the configuration; each generation has other passwords, names and limits for every user."""
    lines = [
        f'http: {{listen: "127.0.0.1:{http_port}"}}',
        "sip: {listen: '127.0.0.1:0'}",
        "carriers: carriers.yaml",
        f"limits: {{max_calls: {1000 + generation % 2}}}",
        "users:",
    ]
    for number in range(users):
        lines += [
            f'  - name: "{1000 + number}"',
            f"    password: secret-{number}-{generation}",
            f"    display: User {number} of {generation}",
            f'    caller_id: "+4930{number:06}"',
            f"    max_contacts: {3 + generation % 2}",
        ]
    file = folder / "softswitch.yaml"
    file.write_text("\n".join(lines) + "\n")
    (folder / "carriers.yaml").write_text("[]\n")
    return file


def ask(port: int, method: str, path: str) -> str:
    """Return what the switch answers over HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def lateness(port: int) -> tuple[dict[float, float], float]:
    """Return how many phases were not later than each bound (ms), and how many ticks were given up."""
    text = ask(port, "GET", "/metrics")
    skipped = _SKIPPED.search(text)
    return {float(bound): float(count) for bound, count in _BUCKET.findall(text)}, float(skipped[1]) if skipped else 0.0


def later_than(before: dict[float, float], after: dict[float, float], bound: float) -> float:
    """Return how many phases between two looks were later than a bound."""
    inf = float("inf")
    return (after[inf] - before[inf]) - (after[bound] - before[bound])


def measure(users: int, calls: int, sound: Path, alone: bool) -> dict[str, float]:
    """Reload a switch some times while it has calls; return the figures."""
    payloads = speech(sound)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = _free_port()
        file = write(folder, port, users, 0)
        process, sip, _ready = start_switch(f"{name}/data", "--config", str(file), "--http", f"127.0.0.1:{port}")
        try:
            if alone:
                for task in Path(f"/proc/{process.pid}/task").iterdir():
                    os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(10))
            far = FarEnd(sip, "600")
            far.open(calls)
            far.talk(2.0, payloads, measure=False)
            quiet, first = _watched(port, far, payloads, lambda: None)
            reports: list[dict[str, Any]] = []

            def reload() -> None:
                for generation in range(1, RELOADS + 1):
                    write(folder, port, users, generation)
                    reports.append(json.loads(ask(port, "POST", "/v1/reload"))["reload"])
                    time.sleep(0.3)

            busy, second = _watched(port, far, payloads, reload)
            far.close()
        finally:
            process.terminate()
            process.wait(20)
    assert [report["outcome"] for report in reports] == ["changed"] * RELOADS, reports
    took = [float(report["took_ms"]) for report in reports]
    return {
        "users": users,
        "calls": calls,
        "reload_ms": percentile(took, 0.5),
        "reload_max_ms": max(took),
        "late_over_5_ms": busy[5.0],
        "late_over_20_ms": busy[20.0],
        "skipped": busy[0.0],
        "interval_p99_ms": second,
        "without_over_5_ms": quiet[5.0],
        "without_over_20_ms": quiet[20.0],
        "without_p99_ms": first,
    }


def _watched(port: int, far: FarEnd, payloads: list[bytes], work: Any) -> tuple[dict[float, float], float]:
    """Talk for some seconds while `work` is done; return phases later than bounds (0: skipped), and the intervals."""
    for line in far.lines:
        line.gaps_ms.clear()
    before, skipped_before = lateness(port)
    worker = threading.Thread(target=work)
    worker.start()
    far.talk(RELOADS * 0.6, payloads, measure=True)
    worker.join()
    after, skipped = lateness(port)
    found = {bound: later_than(before, after, bound) for bound in (5.0, 20.0)}
    gaps = [gap for line in far.lines for gap in line.gaps_ms]
    return {**found, 0.0: skipped - skipped_before}, percentile(gaps, 0.99)


def _free_port() -> int:
    import socket

    with socket.socket() as raw:
        raw.bind(("127.0.0.1", 0))
        port: int = raw.getsockname()[1]
        return port


def main() -> None:
    """Print the figures of some runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sound", type=Path, default=ROOT / "media" / "welcome.wav")
    parser.add_argument("--alone", action="store_true")
    given = parser.parse_args()
    runs = [measure(given.users, given.calls, given.sound, given.alone) for _ in range(given.runs)]
    limits = {"reload_ms": "<= 200", "late_over_20_ms": "0", "skipped": "0"}
    print_runs(f"{RELOADS} reloads of {given.users} changed users with {given.calls} calls up", runs, limits)


if __name__ == "__main__":
    main()
