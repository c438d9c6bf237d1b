"""What recording costs: N calls to the echo, not recorded and recorded in turn, measured at the far end.

    python tests/bench/recording.py --calls 100 --seconds 20

The switches take turns, so that what else the machine does is the same for all. `make bench-recording` runs it, and
`make bench` with the others.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from far_end import FarEnd, speech
from switch import cpu_seconds, percentile, print_runs, resident_kib, start_switch

from softswitch.apps.recordings import Recordings, RecordingSettings
from softswitch.audio import wav
from softswitch.call.bridge import Bridge
from softswitch.call.record import Recorded
from softswitch.call.tape import Tape

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "not recorded": "recording: {}\n",
    "WAV": "recording: {all: true}\n",
    "WAV, encrypted": f"recording: {{all: true, key: '{'5a' * 32}'}}\n",
    "Opus": "recording: {all: true, format: opus}\n",
}


def measure(kind: str, calls: int, seconds: float, sound: Path) -> dict[str, float]:
    """Run one switch and one far end; return the figures."""
    payloads = speech(sound)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "softswitch.yaml")
        config.write_text(KINDS[kind])
        process, sip, _ready = start_switch(f"{folder}/data", "--config", str(config))
        try:
            before_kib = resident_kib(process.pid)
            far = FarEnd(sip, "600")
            far.open(calls)
            far.talk(3.0, payloads, measure=False)
            cpu, began = sum(cpu_seconds(process.pid)), time.monotonic()
            far.talk(seconds, payloads, measure=True)
            elapsed = time.monotonic() - began
            used = sum(cpu_seconds(process.pid)) - cpu
            after_kib = resident_kib(process.pid)
            gaps = [gap for line in far.lines for gap in line.gaps_ms]
            missing = sum(line.missing for line in far.lines)
            far.close()
        finally:
            process.terminate()
            process.wait(30)
        files = [path for path in Path(folder, "data").rglob("recordings/*/*") if path.is_file()]
        assert len(files) == (0 if kind == "not recorded" else calls), f"{len(files)} recordings of {calls} calls"
        size = sum(path.stat().st_size for path in files)
    return {
        "calls": calls,
        "cpu_percent_a_leg": 100.0 * used / elapsed / calls,
        "us_a_frame": 1e6 * used / elapsed / calls / 50,
        "interval_p99_ms": percentile(gaps, 0.99),
        "interval_max_ms": max(gaps),
        "missing": missing,
        "kib_a_call": (after_kib - before_kib) / calls,
        "kib_a_second": size / 1024 / max(1, len(files)) / (seconds + 3),
    }


def alone(kind: str, sound: Path, calls: int = 20, minutes: int = 1) -> float:
    """Return the CPU time, both threads, that recording adds to one tick of a bridge, in µs; no network, no clock."""
    frames = wav.read(sound)
    ticks = minutes * 3000

    async def run(recorded: bool) -> float:
        with tempfile.TemporaryDirectory() as folder:
            key = b"Z" * 32 if "encrypted" in kind else b""
            style = "opus" if kind == "Opus" else "wav"
            deck = Recordings(RecordingSettings(Path(folder, "recordings"), Path(folder), style, key=key))
            bridges = [Bridge(wav.Player(frames, repeat=True), wav.Player(frames, repeat=True)) for _ in range(calls)]
            done: list[Recorded] = []
            if recorded:
                for number, bridge in enumerate(bridges):
                    bridge.taps = (Tape(deck.open(str(number), done.append).put, now=0.0),)
            used = time.process_time()
            for tick in range(ticks):
                for bridge in bridges:
                    bridge.tick(tick * 0.020)
                while deck.waiting_frames > 50 * calls:  # noqa: ASYNC110 - of strips nobody is told
                    await asyncio.sleep(0.002)
            await deck.close()
            assert not recorded or [one.state for one in done] == ["complete"] * calls
            return time.process_time() - used

    plain, taped = asyncio.run(run(False)), asyncio.run(run(True))
    return 1e6 * (taped - plain) / ticks / calls


def main() -> None:
    """Print one table for each kind, and what each costs more than none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--sound", type=Path, default=ROOT / "media" / "welcome.wav")
    given = parser.parse_args()
    kinds = list(dict.fromkeys(["not recorded", *given.kinds]))
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for kind in kinds[1:]:
        costs = sorted(alone(kind, given.sound) for _ in range(3))
        print(f"{kind}: a tick of both sides costs {costs[1]:.1f} us more ({costs[0]:.1f}-{costs[2]:.1f})")
    for _ in range(given.runs):
        for kind in kinds:
            runs[kind].append(measure(kind, given.calls, given.seconds, given.sound))
    for kind in kinds:
        plain = runs["not recorded"]
        for run, beside in zip(runs[kind], plain, strict=True):
            run["more_percent"] = 100.0 * (run["us_a_frame"] / beside["us_a_frame"] - 1.0)
        limits = {"interval_p99_ms": "<= 21", "missing": "0"} | ({"more_percent": "<= 25"} if kind == "WAV" else {})
        print_runs(f"{kind}: {given.calls} calls to the echo, {given.seconds:g} s of speech each", runs[kind], limits)


if __name__ == "__main__":
    main()
