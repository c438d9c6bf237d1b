"""All 61 messages of RFC 4475 and RFC 5118 over a socket to `softswitch run`, where no packet can leave the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.peers.switch import ROOT

pytestmark = pytest.mark.live


def test_every_verdict_and_then_an_ordinary_call(tmp_path: Path) -> None:
    """Fails, and does not skip, where this machine gives no network namespace: what is not tried is not proven."""
    apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    command = [*apart, sys.executable, "-m", "tests.live.peers.closed_network", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, f"{' '.join(apart)}:\n{run.stdout}\n{run.stderr}"
    assert "61 of 61" in run.stdout
