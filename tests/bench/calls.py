"""What a call costs: INVITE, 200, ACK, BYE, 200 and its record, at a steady rate from SIPp's own `uac`.

python tests/bench/calls.py --rate 300 --seconds 30
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from switch import cpu_seconds, print_runs, resident_kib, start_switch


def measure(rate: int, seconds: int) -> dict[str, float]:
    """Run one switch under SIPp; return the figures."""
    calls = rate * seconds
    with tempfile.TemporaryDirectory() as folder:
        process, (host, port), _ready = start_switch(f"{folder}/data")
        try:
            before_kib = resident_kib(process.pid)
            cpu = sum(cpu_seconds(process.pid))
            began = time.monotonic()
            command = ["sipp", "-sn", "uac", "-s", "600", f"{host}:{port}", "-r", str(rate), "-m", str(calls)]
            options = ["-d", "0", "-nostdin", "-trace_stat", "-fd", "1", "-stf", "stat.csv"]
            result = subprocess.run(
                [*command, *options], cwd=folder, capture_output=True, timeout=seconds + 60, check=False
            )
            elapsed = time.monotonic() - began
            lines = Path(folder, "data", "calls.jsonl")
            deadline = time.monotonic() + 10
            while (kept := lines.read_text().count("\n")) < calls and time.monotonic() < deadline:
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


def main() -> None:
    """Print one row for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    runs = [measure(given.rate, given.seconds) for _ in range(given.runs)]
    limits = {"failed": "0", "exit": "0", "cpu_ms_a_call": "<= 1.5", "records": "as calls", "held_cps": ">= 300"}
    print_runs(f"INVITE to BYE with its record, {given.rate} calls a second for {given.seconds} s", runs, limits)


if __name__ == "__main__":
    main()
