"""`make fuzz`: break what strangers may send, for a while, and say what did not survive it.

A third of the time goes to mutants of good examples (`targets.py`), a third to the property tests of the unit suite
with fresh random seeds, and a third to a running switch, over sockets (`wire.py`, in a network namespace that has
loopback only). Every parser that a socket leads to has its turn. What fails is written below .cache/fuzz, and
`python -m tests.fuzz.fuzz --file FILE --target NAME` repeats it.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType

from tests.fuzz.mutate import mutant
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".cache" / "fuzz"
#: One input that takes longer hangs: a message is worth 100 µs.
HANG_SECONDS = 5.0
#: Inputs between two looks at the clock.
BATCH = 200
#: The tests that make up their own input; each run of them takes some seconds.
PROPERTIES = (
    "tests/unit/sip_message/test_any_bytes_are_a_message_or_a_message_error.py",
    "tests/unit/sip_message/test_a_stream_is_cut_into_the_same_messages_however_it_comes.py",
    "tests/unit/sip_message/test_addresses_compare_and_print_as_the_rfc_says.py",
    "tests/unit/sip/test_no_bytes_raise_past_the_core.py",
    "tests/unit/sdp/test_descriptions_survive_any_bytes.py",
    "tests/unit/sdp/test_crypto_lines_are_read_as_rfc_4568_says.py",
    "tests/unit/sdp/test_handshakes_are_agreed_as_rfc_5763_says.py",
    "tests/unit/rtp/test_nobody_without_the_key_is_heard.py",
    "tests/unit/rtp/test_a_dtls_handshake_makes_keys_for_both.py",
    "tests/unit/rtp/test_packets_survive_any_bytes.py",
)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError inside when it takes longer."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def find(target: Target, seed: int, count: int, *, hang: float = HANG_SECONDS) -> tuple[bytes, str] | None:
    """Feed `count` mutants; return the first input that fails and its traceback, None when all is well.

    hang: seconds that one may take, 0 for no limit (pytest has its own, by the same signal).
    """
    chance = random.Random(seed)
    for _ in range(count):
        data = mutant(chance, target.seeds)
        try:
            with limited(hang) if hang else nullcontext():
                target.feed(data)
        except Exception:
            return data, traceback.format_exc()
    return None


def mutants(seconds: float, seed: int) -> int:
    """Let each target have its share of the time; return how many failed."""
    failed = 0
    for name, target in TARGETS.items():
        end = time.monotonic() + seconds / len(TARGETS)
        inputs, found = 0, None
        while found is None and time.monotonic() < end:
            found = find(target, seed + inputs, BATCH)
            inputs += BATCH
        print(f"{name:24} {inputs:>9,} inputs  {'FAILED' if found else 'ok'}", flush=True)
        if found:
            failed += 1
            data, trace = found
            KEPT.mkdir(parents=True, exist_ok=True)
            file = KEPT / hashlib.sha256(data).hexdigest()[:16]
            file.write_bytes(data)
            print(f"{trace}\n{data[:300]!r}\nkept in {file}; seed {seed}", flush=True)
    return failed


def properties(seconds: float, seed: int) -> int:
    """Run the property tests with new seeds until the time is over; return how many runs failed."""
    end = time.monotonic() + seconds
    runs = failed = 0
    while not failed and time.monotonic() < end:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *PROPERTIES]
        run = subprocess.run(
            [*command, f"--hypothesis-seed={seed + runs}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        runs += 1
        if run.returncode:
            failed += 1
            print(run.stdout, run.stderr)
    print(f"{'property tests':24} {runs:>9,} runs    {'FAILED' if failed else 'ok'}", flush=True)
    return failed


def sockets(seconds: float, seed: int) -> int:
    """Fuzz a running switch, and wait until it has forgotten all of it; return how many things were wrong: 0 or 1."""
    folder = KEPT / f"wire-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    command = [*apart, sys.executable, "-m", "tests.fuzz.wire", str(folder)]
    run = subprocess.run([*command, "--seconds", f"{seconds:g}", "--seed", str(seed)], cwd=ROOT, check=False)
    if run.returncode == 0:
        shutil.rmtree(folder)
        return 0
    print(f"its log and the last messages are in {folder}; seed {seed}", flush=True)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Break what strangers may send.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, about (60)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run")
    parser.add_argument("--file", type=Path, help="feed one kept input instead")
    parser.add_argument("--target", choices=list(TARGETS), help="to this one")
    given = parser.parse_args()
    if given.file:
        with limited(HANG_SECONDS):
            TARGETS[given.target or next(iter(TARGETS))].feed(given.file.read_bytes())
        return 0
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}, about {given.seconds:g} s", flush=True)
    third = given.seconds / 3
    failed = mutants(third, seed) + properties(third, seed) + sockets(third, seed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
