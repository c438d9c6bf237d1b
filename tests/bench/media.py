"""What a leg costs, and how evenly it sounds: N calls to the echo, speech both ways, measured at the far end.

    python tests/bench/media.py --calls 500 --seconds 20

Plain and encrypted calls take turns, each with a switch of its own, so that what else the machine does is the same for
both. Prints a table for each; `make bench` runs it with the others.
"""

import argparse
import tempfile
import time
from pathlib import Path

from far_end import FarEnd, speech
from switch import cpu_seconds, percentile, print_runs, resident_kib, start_switch

ROOT = Path(__file__).resolve().parents[2]


def measure(calls: int, seconds: float, sound: Path, suite: str) -> dict[str, float]:
    """Run one switch and one far end; return the figures. suite: of SRTP, empty for plain calls."""
    payloads = speech(sound)
    with tempfile.TemporaryDirectory() as folder:
        process, sip, _ready = start_switch(folder)
        try:
            before_kib = resident_kib(process.pid)
            far = FarEnd(sip, "600", suite)
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
            lines = far.lines
            far.close()
        finally:
            process.terminate()
            process.wait(20)
    return {
        "calls": calls,
        "cpu_percent_a_leg": 100.0 * used / elapsed / calls,
        "us_a_frame": 1e6 * used / elapsed / calls / 50,
        "us_a_frame_heard": 1e6 * used / max(1, received),
        "of_it_kernel": system / used,
        "interval_p50_ms": percentile(gaps, 0.50),
        "interval_p99_ms": percentile(gaps, 0.99),
        "interval_max_ms": max(gaps),
        "received": received,
        "missing": sum(line.missing for line in lines),
        "replaced": sum(line.replaced for line in lines),
        "kib_a_call": (after_kib - before_kib) / calls,
        "idle_mib": before_kib / 1024,
    }


def main() -> None:
    """Print one row for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--suite", default="AES_CM_128_HMAC_SHA1_80", help="of the encrypted calls; empty for none")
    parser.add_argument("--sound", type=Path, default=ROOT / "media" / "welcome.wav")
    given = parser.parse_args()
    kinds = dict.fromkeys(["", given.suite])
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(given.runs):
        for kind in kinds:
            runs[kind].append(measure(given.calls, given.seconds, given.sound, kind))
    limits = {
        "cpu_percent_a_leg": "<= 0.10",
        "interval_p99_ms": "<= 21",
        "missing": "0",
        "kib_a_call": "<= 120",
        "idle_mib": "<= 150",
    }
    title = f"{given.calls} calls to the echo, speech both ways, {given.seconds:g} s"
    print_runs(title, runs[""], limits)
    if given.suite:
        for plain, encrypted in zip(runs[""], runs[given.suite], strict=True):
            encrypted["times_the_plain_leg"] = encrypted["us_a_frame_heard"] / plain["us_a_frame_heard"]
        limits = {name: limits[name] for name in ("interval_p99_ms", "missing", "kib_a_call")}
        limits["times_the_plain_leg"] = "<= 1.5"
        print_runs(f"{title}, encrypted with {given.suite}", runs[given.suite], limits)


if __name__ == "__main__":
    main()
