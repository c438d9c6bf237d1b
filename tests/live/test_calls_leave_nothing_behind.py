"""After 500 calls of every kind nothing of them is left: no socket, no port, no task, no thread, no process, no memory.

The kinds that leak in other people's switches are among them: refused, cancelled, never answered, without an ACK,
without sound, and callers that vanish. What the switch says of itself (/metrics) and what the kernel says of it (/proc)
must both be back where they were. A port stays in quarantine for two to three seconds after its call, a SIP transaction
for 32 s (64*T1), a BYE that nobody answers as long again: the test looks until all of that is over, and no longer.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import ROOT, Holdings, SwitchProcess

#: What is kept on purpose of calls that are over is so little here that the first round fills it.
CONFIGURATION = """
dialplans: dialplans
rtp:
  media_timeout: 3
observability:
  trace_mib: 1
  recent_calls: 20
"""
#: What the demo dialplan does in a minute, done in a second.
SHORT_RULES = """
rules:
  - number: 615
    steps: [answer, {wait: 0.3}, hangup]
  - number: 616
    steps: [{ring: 1}, {reject: 480}]
"""

#: 64*T1 for the 200 that is never acknowledged, 64*T1 for the BYE that is never answered, and as much again to spare.
SETTLE_SECONDS = 130.0
#: The connection over which we asked for metrics is closed a moment after it was answered.
CLOSING_SECONDS = 10.0
#: What an allocator may keep for itself after hundreds of calls at once; a leak of one frame buffer for each call
#: would be more.
RSS_MARGIN_KIB = 6 * 1024


class Kind(NamedTuple):
    """Calls of one kind: a scenario, the number it calls, how many of them, and SIPp options."""

    scenario: str
    number: str
    calls: int
    options: tuple[str, ...] = ()


KINDS = (
    Kind("600-echo", "600", 110, ("-d", "300")),
    Kind("600-echo", "600", 30, ("-d", "300", "-t", "t1")),
    Kind("600-echo", "602", 20, ("-d", "300", "-t", "tn", "-max_socket", "100")),
    Kind("601-prompt", "615", 40),
    Kind("604-early-media", "604", 10, ("-d", "200")),
    Kind("605-busy", "605", 50),
    Kind("699-not-found", "699", 40),
    Kind("no-common-codec", "600", 20),
    Kind("606-ringing-cancelled", "606", 50),
    Kind("606-no-answer", "616", 40),
    Kind("hold-and-resume", "600", 10, ("-d", "100")),
    Kind("600-echo", "608", 10, ("-d", "500")),
    Kind("700-receptionist", "700", 10, ("-d", "1500")),
    # Nobody hangs up and no sound comes: the switch must end these itself.
    Kind("601-prompt", "602", 20),
    Kind("caller-vanishes", "600", 20),
    Kind("ack-never-comes", "600", 20, ("-nr",)),
)
CALLS = 500
#: Calls a second of each kind: all kinds together are some hundreds.
RATE = 20
#: Kinds that stay for 32 s and more; the first round does without them.
LASTING = {"caller-vanishes", "ack-never-comes"}
COUNTS = (
    "softswitch_calls_active",
    "softswitch_sip_legs",
    "softswitch_sip_transactions",
    "softswitch_rtp_ports_open",
    "softswitch_records_waiting",
)


def test_the_kinds_add_up() -> None:
    assert sum(kind.calls for kind in KINDS) == CALLS


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """A configuration with the demo dialplan, some short rules, and little patience with silent callers."""
    shutil.copytree(ROOT / "dialplans", tmp_path / "dialplans")
    (tmp_path / "dialplans" / "short.yaml").write_text(SHORT_RULES)
    file = tmp_path / "softswitch.yaml"
    file.write_text(CONFIGURATION)
    return file


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_calls_leave_nothing_behind(
    switch_with: Callable[..., SwitchProcess], sipp_against: Callable[[SwitchProcess], Sipp], configuration: Path
) -> None:
    switch = switch_with("--config", str(configuration))
    sipp = sipp_against(switch)
    # Engines, caches and pools fill themselves with the first calls of a kind: that is no leak.
    first = [kind for kind in KINDS if kind.scenario not in LASTING]
    _call(sipp, [kind._replace(calls=max(2, kind.calls // 10)) for kind in first])
    # And the allocator keeps what so many calls at once took, with their transactions, which linger: 7 MiB after the
    # first such round, 1 MiB after the next. So what is measured comes after a round as large.
    _call(sipp, first)
    _wait_for_zero(switch, "softswitch_calls_active", "softswitch_rtp_ports_open")
    before = _look(switch)
    _call(sipp, KINDS)
    _wait_for_zero(switch, *COUNTS)
    deadline = time.monotonic() + CLOSING_SECONDS
    while (growth := _growth(before, after := _look(switch))) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not growth, f"{growth} more after {CALLS} calls: {before} before, {after} after"


def _look(switch: SwitchProcess) -> tuple[Holdings, float]:
    tasks = switch.metrics()["softswitch_tasks"]
    return switch.holdings(), tasks


def _call(sipp: Sipp, kinds: Sequence[Kind]) -> None:
    """Make the calls of all kinds side by side; each must go as its scenario says."""
    runs = [
        sipp.start(
            kind.scenario,
            *kind.options,
            *("-r", str(RATE)),
            number=kind.number,
            calls=kind.calls,
            seconds=60.0,
            messages=False,
        )
        for kind in kinds
    ]
    for run in runs:
        run.finish()


def _wait_for_zero(switch: SwitchProcess, *names: str) -> None:
    """Wait until these metrics are zero: what lingers as an RFC says may linger, what leaks stays."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while left := {name: value for name in names if (value := switch.metrics()[name])}:
        assert time.monotonic() < deadline, f"still there {SETTLE_SECONDS:.0f} s after the last call: {left}"
        time.sleep(0.5)


def _growth(before: tuple[Holdings, float], after: tuple[Holdings, float]) -> dict[str, float]:
    """Return what is more than it was, memory only beyond its margin."""
    was, now = before[0]._asdict() | {"tasks": before[1]}, after[0]._asdict() | {"tasks": after[1]}
    margins = {"rss_kib": RSS_MARGIN_KIB}
    return {name: now[name] - was[name] for name in was if now[name] - was[name] > margins.get(name, 0)}
