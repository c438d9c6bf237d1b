"""The hostile hour in its short form: every attack for some seconds, in turn and together, beside calls that talk.

What is held to here is what does not depend on who else has the machine's cores: honest callers get through, memory is
bounded, and in the end everything is back. How even the sound is, `make hostile` measures on a machine that is quiet.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench" / "hostile.py"
SECONDS = 40

pytestmark = [pytest.mark.live, pytest.mark.sipp, pytest.mark.slow, pytest.mark.timeout(300)]


def test_everything_is_back_and_honest_callers_got_through() -> None:
    command = [sys.executable, "-W", "ignore", str(BENCH), "--seconds", str(SECONDS)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    rows = re.findall(r"^(\S.*?)\s+\d+ +[\d.]+ .*? (\d+)/(\d+) ", result.stdout, re.MULTILINE)
    assert len(rows) == 9, result.stdout + result.stderr
    for name, good, of in rows:
        assert int(good) >= 0.95 * int(of), f"{name}: {result.stdout}"
    assert "left at the end: nothing" in result.stdout, result.stdout
    memory = re.search(r"(\d+) with 100 calls, (\d+) at the most", result.stdout)
    assert memory is not None and int(memory[2]) - int(memory[1]) <= 64, result.stdout
    assert "Traceback" not in result.stderr, result.stderr
