"""What a leg costs, and how evenly it sounds: N calls to the echo, speech both ways, measured at the far end.

    python tests/bench/media.py --calls 500 --seconds 20

Prints a table; `make bench` runs it with the others.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from far_end import FarEnd, speech  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> tuple[float, float]:
    """Return the CPU time of one process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def resident_kib(pid: int) -> int:
    """Return the resident memory of one process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def start_switch(folder: str, *options: str) -> tuple[subprocess.Popen[str], tuple[str, int]]:
    """Start a switch on free ports; return the process and its SIP address."""
    command = [sys.executable, "-m", "softswitch", "run", "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    command = os.environ.get("SOFTSWITCH_RUN", "").split() or command
    process = subprocess.Popen([*command, "--data", folder, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("ready"):
        raise SystemExit(f"the switch did not start: {line!r}")
    facts = dict(part.split("=", 1) for part in line.split()[1:])
    host, _, port = facts["sip"].rpartition(":")
    return process, (host, int(port))


def measure(calls: int, seconds: float, sound: Path) -> dict[str, float]:
    """Run one switch and one far end; return the figures."""
    payloads = speech(sound)
    with tempfile.TemporaryDirectory() as folder:
        process, sip = start_switch(folder)
        try:
            before_kib = resident_kib(process.pid)
            far = FarEnd(sip, "600")
            far.open(calls)
            far.talk(3.0, payloads, measure=False)
            cpu, began = cpu_seconds(process.pid), time.monotonic()
            for line in far.lines:
                line.sent = 0
            far.talk(seconds, payloads, measure=True)
            elapsed = time.monotonic() - began
            user, system = (after - before for after, before in zip(cpu_seconds(process.pid), cpu, strict=True))
            used = user + system
            after_kib = resident_kib(process.pid)
            gaps = [gap for line in far.lines for gap in line.gaps_ms]
            received = sum(line.received for line in far.lines)
            sent = sum(line.sent for line in far.lines)
            far.close()
        finally:
            process.terminate()
            process.wait(20)
    return {
        "calls": calls,
        "cpu_percent_a_leg": 100.0 * used / elapsed / calls,
        "us_a_frame": 1e6 * used / elapsed / calls / 50,
        "of_it_kernel": system / used,
        "interval_p50_ms": percentile(gaps, 0.50),
        "interval_p99_ms": percentile(gaps, 0.99),
        "interval_max_ms": max(gaps),
        "sent": sent,
        "received": received,
        "kib_a_call": (after_kib - before_kib) / calls,
        "idle_mib": before_kib / 1024,
    }


def main() -> None:
    """Print one row for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sound", type=Path, default=ROOT / "media" / "welcome.wav")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for _ in range(given.runs):
        row = measure(given.calls, given.seconds, given.sound)
        print(json.dumps(row) if given.json else "  ".join(f"{k}={v:.3f}" for k, v in row.items()), flush=True)


if __name__ == "__main__":
    main()
