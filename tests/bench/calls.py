"""What a call costs: INVITE, 200, ACK, BYE, 200 and its record, at a steady rate from SIPp's own `uac`.

Beside ours the same is asked of Asterisk 22 (`--beside asterisk`), run by run in turn, on the same machine.

python tests/bench/calls.py --rate 300 --seconds 30 --beside asterisk
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from far_asterisk import start_asterisk
from switch import cpu_seconds, print_runs, resident_kib, start_switch


def measure(who: str, rate: int, seconds: int) -> dict[str, float]:
    """Run one switch under SIPp; return the figures."""
    calls = rate * seconds
    with tempfile.TemporaryDirectory() as folder:
        process: subprocess.Popen[Any]
        if who == "asterisk":
            process, (host, port), lines = start_asterisk(f"{folder}/asterisk")
        else:
            process, (host, port), _ready = start_switch(f"{folder}/data")
            lines = Path(folder, "data", "calls.jsonl")
        try:
            before_kib = resident_kib(process.pid)
            cpu = sum(cpu_seconds(process.pid))
            began = time.monotonic()
            # Many sockets' worth of answers may come at once; SIPp's own default buffer would lose them.
            command = ["sipp", "-sn", "uac", "-s", "600", f"{host}:{port}", "-r", str(rate), "-m", str(calls)]
            options = ["-d", "0", "-nostdin", "-trace_stat", "-fd", "1", "-stf", "stat.csv", "-buff_size", "4194304"]
            result = subprocess.run(
                [*command, *options], cwd=folder, capture_output=True, timeout=seconds + 60, check=False
            )
            elapsed = time.monotonic() - began
            deadline = time.monotonic() + 10
            while (kept := _lines(lines)) < calls and time.monotonic() < deadline:
                time.sleep(0.1)
            used = sum(cpu_seconds(process.pid)) - cpu
            last = Path(folder, "stat.csv").read_text().splitlines()
            stat = dict(zip(last[0].split(";"), last[-1].split(";"), strict=False))
            after_kib = resident_kib(process.pid)
        finally:
            process.terminate()
            process.wait(20)
    return {
        "rate": rate,
        "calls": calls,
        "failed": int(stat["FailedCall(C)"]),
        "exit": result.returncode,
        "retransmissions": int(stat["Retransmissions(C)"]),
        "held_cps": calls / elapsed,
        "cpu_ms_a_call": 1000 * used / calls,
        "records": kept,
        "mib_more_at_the_end": (after_kib - before_kib) / 1024,
    }


def _lines(file: Path) -> int:
    return file.read_text(errors="replace").count("\n") if file.exists() else 0


def main() -> None:
    """Print one table for each switch, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--beside", choices=("asterisk", "nobody"), default="asterisk")
    given = parser.parse_args()
    whose = ["softswitch"] if given.beside == "nobody" else ["softswitch", given.beside]
    runs: dict[str, list[dict[str, float]]] = {who: [] for who in whose}
    for _ in range(given.runs):
        for who in whose:
            runs[who].append(measure(who, given.rate, given.seconds))
    limits = {"failed": "0", "exit": "0", "cpu_ms_a_call": "<= 1.0", "records": "as calls"}
    for who in whose:
        title = f"{who}: INVITE to BYE with its record, {given.rate} calls a second for {given.seconds} s"
        print_runs(title, runs[who], limits if who == "softswitch" else {})
    if len(whose) > 1:
        costs = [[run["cpu_ms_a_call"] for run in runs[who]] for who in whose]
        ratios = sorted(ours / theirs for ours, theirs in zip(*costs, strict=True))
        text = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"\nCPU of a call, ours to {given.beside}'s, pair by pair: {text}")


if __name__ == "__main__":
    main()
