"""What many calls cost in memory: 2 000 are set up, held together for a while, and ended.

SIPp calls 600 (the echo) and hears it; every call has its legs, its stream and its port, and sends packets both ways.

python tests/bench/held.py --calls 2000
"""

import argparse
import subprocess
import tempfile
import time
import urllib.request

from switch import cpu_seconds, print_runs, resident_kib, start, tree_kib


def measure(calls: int, rate: int, seconds: int) -> dict[str, float]:
    """Hold so many calls at once; return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        process, facts = start(f"{folder}/data", "--rtp-ports", "20000-29999")
        http = facts["http"]
        try:
            before_kib = resident_kib(process.pid)
            command = ["sipp", "-sn", "uac", "-s", "600", facts["sip"], "-r", str(rate), "-m", str(calls)]
            # As long as it takes to set all of them up, and then so long together.
            lasts_ms = round(1000 * (calls / rate + seconds))
            options = ["-l", str(calls), "-d", str(lasts_ms), "-nostdin", "-buff_size", "4194304"]
            sipp = subprocess.Popen(
                [*command, *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            deadline = time.monotonic() + calls / rate + seconds
            most = held_kib = tree = 0.0
            cpu, since = 0.0, 0.0
            while time.monotonic() < deadline:
                active = _active(http)
                if active >= most:
                    most, held_kib = active, resident_kib(process.pid)
                    tree = tree_kib(process.pid)
                if active >= calls and not since:
                    cpu, since = sum(cpu_seconds(process.pid)), time.monotonic()
                time.sleep(0.25)
            load = (sum(cpu_seconds(process.pid)) - cpu) / (time.monotonic() - since) if since else 0.0
            exit_code = sipp.wait(calls / rate + seconds + 60)
        finally:
            process.terminate()
            process.wait(40)
    return {
        "calls_at_once": most,
        "sipp_exit": exit_code,
        "resident_mib": held_kib / 1024,
        "with_speech_workers_mib": tree / 1024,
        "kib_a_call": (held_kib - before_kib) / max(1.0, most),
        "cores_while_held": load,
    }


def _active(http: str) -> float:
    with urllib.request.urlopen(f"http://{http}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("softswitch_calls_active "):
                return float(line.split()[1])
    return 0.0


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=1)
    given = parser.parse_args()
    runs = [measure(given.calls, given.rate, given.seconds) for _ in range(given.runs)]
    limits = {"calls_at_once": f"{given.calls}", "sipp_exit": "0", "resident_mib": "<= 250"}
    print_runs(f"{given.calls} calls set up and held", runs, limits)


if __name__ == "__main__":
    main()
