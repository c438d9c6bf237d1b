"""A switch as a process under measurement, and what the kernel says of it."""

import os
import subprocess
import sys
import time
from pathlib import Path

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


def tree_kib(pid: int) -> int:
    """Return the memory of a process and its children, what they share counted once (PSS)."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    total = 0
    for each in [str(pid), *children]:
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def start_switch(folder: str, *options: str) -> tuple["subprocess.Popen[str]", tuple[str, int], float]:
    """Start a switch on free ports; return the process, its SIP address, and the seconds until it was ready."""
    began = time.monotonic()
    process, facts = start(folder, *options)
    return process, address(facts["sip"]), time.monotonic() - began


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def start(folder: str, *options: str) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    """Start a switch on free ports; return the process, and what it said when it was ready."""
    command = [sys.executable, "-m", "softswitch", "run", "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    process = subprocess.Popen([*command, "--data", folder, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("ready"):
        raise SystemExit(f"the switch did not start: {line!r}")
    return process, dict(part.split("=", 1) for part in line.split()[1:])


def print_runs(title: str, runs: list[dict[str, float]], limits: dict[str, str]) -> None:
    """Print each figure of several runs: median, minimum, maximum, and what it has to keep."""
    print(f"\n{title}, {len(runs)} runs")
    print(f"{'':26} {'median':>10} {'min':>10} {'max':>10}  must be")
    for name in runs[0]:
        values = sorted(run[name] for run in runs)
        cells = " ".join(f"{_short(value):>10}" for value in (values[len(values) // 2], values[0], values[-1]))
        print(f"{name:26} {cells}  {limits.get(name, '')}")


def _short(value: float) -> str:
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.3f}"
