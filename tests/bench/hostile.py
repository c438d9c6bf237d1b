"""A hostile hour in some minutes: what a switch with an open port keeps while everything that the Internet has comes.

A hundred calls are up and talk, both ways, measured at the far end. Meanwhile, in turn and then together: a scanner,
passwords guessed, 2 000 INVITEs a second from one source, connections that send an octet a second, handshakes that
never end, headers of 64 KiB, 10 000 packets a second on a media port. Callers from another source, strangers too,
call throughout. At the end everything has to be back.

    python tests/bench/hostile.py --seconds 300

All of it on loopback, each attacker from an address of its own; it stops by itself. Exit 1 where a figure is not kept.
"""

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from far_end import FarEnd, Line, speech
from switch import address, cpu_seconds, percentile, resident_kib, start

ROOT = Path(__file__).resolve().parents[2]
CALLS = 100
#: The calls that are up are of 127.0.0.1, which is trusted as one's own phones are; nobody else is.
HONEST = "127.0.0.3"
HONEST_A_SECOND = 4
#: A call that nobody acknowledged is given up after 64*T1, and its BYE, which nobody answers, after as long again.
LINGER_SECONDS = 80.0

SETTINGS = """
sip:
  listen: 127.0.0.1:0
  trusted: [127.0.0.1/32]
  tls: {listen: 127.0.0.1:0}
users: [{name: alice, password: open sesame, number: 101}]
observability: {level: warning}
"""

#: What comes in each part: attacks by name, "" in front of none.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("quiet", ()),
    ("scanner", ("scanner",)),
    ("passwords guessed", ("guesses",)),
    ("INVITE flood", ("invites",)),
    ("slow TCP", ("slow",)),
    ("half-open TLS", ("half-open",)),
    ("64 KiB headers", ("headers",)),
    ("RTP flood", ("rtp",)),
    ("all together", ("scanner", "guesses", "invites", "slow", "half-open", "headers", "rtp")),
)

#: The table: name, width, and what stands there. late: phases of the 20 ms clock that were served more than 5 ms late;
#: call 1: how much of its speech came back to the call whose port is flooded; waits: for how long the switch could have
#: run while others had the cores, and the far end likewise: where that is much, the machine was too small for both of
#: them and the attackers; theirs: CPU of attackers and honest callers, which share the machine.
COLUMNS: "tuple[tuple[str, int, Callable[[Part], str]], ...]" = (
    ("sent", 9, lambda one: f"{one.sent}"),
    ("p50 ms", 8, lambda one: f"{percentile(one.gaps_ms, 0.5):.2f}"),
    ("p99 ms", 8, lambda one: f"{one.p99_ms:.2f}"),
    ("max ms", 8, lambda one: f"{max(one.gaps_ms, default=0.0):.1f}"),
    ("late", 8, lambda one: f"{one.late_percent:.2f} %"),
    ("lost", 6, lambda one: f"{one.missing}"),
    ("honest", 10, lambda one: f"{one.honest_good}/{one.honest}"),
    ("call 1", 8, lambda one: one.flooded),
    ("CPU", 7, lambda one: f"{one.cpu_percent:.0f} %"),
    ("waits", 7, lambda one: f"{one.waited_percent:.0f} %"),
    ("far", 6, lambda one: f"{one.far_waited_percent:.0f} %"),
    ("theirs", 7, lambda one: f"{one.theirs_percent:.0f} %"),
    ("MiB", 6, lambda one: f"{one.peak_mib:.0f}"),
)
LIMITS = {"p99_ms": 25.0, "honest_percent": 95.0, "grown_mib": 64.0}


@dataclass
class Part:
    """What was seen in one part."""

    name: str
    gaps_ms: list[float] = field(default_factory=list)
    missing: int = 0
    honest: int = 0
    honest_good: int = 0
    sent: int = 0
    cpu_percent: float = 0.0
    theirs_percent: float = 0.0
    peak_mib: float = 0.0
    flooded: str = ""
    late_percent: float = 0.0
    waited_percent: float = 0.0
    far_waited_percent: float = 0.0

    @property
    def p99_ms(self) -> float:
        """The interval that 99 of 100 packets keep, at the far end."""
        return percentile(self.gaps_ms, 0.99)

    @property
    def honest_percent(self) -> float:
        """How many of the honest callers got through."""
        return 100.0 * self.honest_good / max(1, self.honest)


class Switch:
    """The switch under attack, as its operator sees it."""

    def __init__(self, folder: Path) -> None:
        config = folder / "softswitch.yaml"
        config.write_text(SETTINGS)
        self.process, facts = start(str(folder / "data"), "--config", str(config))
        self.sip, self.http = address(facts["sip"]), address(facts["http"])
        self.tls = address(facts["tls"]) if "tls" in facts else None

    def metrics(self) -> dict[str, float]:
        """Return /metrics."""
        connection = http.client.HTTPConnection(*self.http, timeout=10)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def sockets(self) -> int:
        """Count its sockets, as the kernel does."""
        found = 0
        for entry in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += str(os.readlink(entry)).startswith("socket:")
        return found

    def late(self) -> tuple[float, float]:
        """Return how many phases of its 20 ms clock were served, and how many of them later than 5 ms."""
        seen = self.metrics()
        served = seen["softswitch_tick_late_ms_count"]
        return served, served - seen['softswitch_tick_late_ms_bucket{le="5.0"}']

    @property
    def mib(self) -> float:
        """Its resident memory."""
        return resident_kib(self.process.pid) / 1024


def waited(pid: int) -> float:
    """Return for how many seconds the main thread of a process could have run while others had the cores."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def attack(name: str, switch: Switch, flooded: Line, number: int, seconds: float) -> "subprocess.Popen[str]":
    """Start one attacker."""
    target = {"rtp": flooded.remote, "half-open": switch.tls or switch.sip}.get(name, switch.sip)
    command = [sys.executable, str(Path(__file__).with_name("attackers.py")), name, f"{target[0]}:{target[1]}"]
    source = f"127.0.0.{20 + number}"
    return subprocess.Popen(
        [*command, "--source", source, "--seconds", f"{seconds:.1f}"], stdout=subprocess.PIPE, text=True
    )


def honest(switch: Switch, folder: Path, name: str, seconds: float) -> "tuple[subprocess.Popen[bytes], Path]":
    """Start callers who behave: SIPp's own, each call a second long."""
    stat = folder / f"{name.replace(' ', '-')}.csv"
    calls = max(1, int(HONEST_A_SECOND * (seconds - 1.0)))
    command = ["sipp", "-sn", "uac", "-s", "600", f"{switch.sip[0]}:{switch.sip[1]}", "-i", HONEST]
    rate = ["-r", str(HONEST_A_SECOND), "-m", str(calls), "-d", "1000", "-timeout", f"{seconds + 8:.0f}s"]
    trace = ["-nostdin", "-trace_stat", "-fd", "1", "-stf", str(stat), "-recv_timeout", "6000"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*command, *rate, *trace], cwd=folder, stdout=quiet, stderr=quiet), stat


def play(part: Part, attacks: Sequence[str], switch: Switch, far: FarEnd, sound: list[bytes], run: "Run") -> None:
    """Run one part: attackers and honest callers beside the calls that are up."""
    for line in far.lines:
        line.gaps_ms, line.last_at, line.last_sequence = [], 0.0, -1
        line.missing = line.sent = line.received = 0
    callers, stat = honest(switch, run.folder, part.name, run.seconds)
    attackers = [attack(name, switch, far.lines[0], run.next_source(), run.seconds - 0.5) for name in attacks]
    pids = [callers.pid, *(one.pid for one in attackers)]
    served, late = switch.late()
    waits = [waited(pid) for pid in (switch.process.pid, os.getpid())]
    before, began = sum(cpu_seconds(switch.process.pid)), time.monotonic()
    watch = Watch(switch)
    far.talk(run.seconds, sound, measure=True)
    watch.stop()
    elapsed = time.monotonic() - began
    part.cpu_percent = 100.0 * (sum(cpu_seconds(switch.process.pid)) - before) / elapsed
    part.theirs_percent = 100.0 * sum(sum(cpu_seconds(pid)) for pid in pids) / elapsed
    part.waited_percent = 100.0 * (waited(switch.process.pid) - waits[0]) / elapsed
    part.far_waited_percent = 100.0 * (waited(os.getpid()) - waits[1]) / elapsed
    part.peak_mib = watch.peak
    served, late = (after - was for after, was in zip(switch.late(), (served, late), strict=True))
    part.late_percent = 100.0 * late / max(1.0, served)
    while callers.poll() is None:  # calls that are up go on while the last honest ones end
        far.talk(0.5, sound, measure=False)
    for one in attackers:
        said, _ = one.communicate(timeout=30)
        part.sent += json.loads(said)["sent"] if said else 0
    part.gaps_ms = [gap for line in far.lines for gap in line.gaps_ms]
    part.missing = sum(line.missing for line in far.lines)
    part.flooded = f"{100.0 * far.lines[0].received / max(1, far.lines[0].sent):.0f} %"
    rows = stat.read_text().splitlines()
    counts = dict(zip(rows[0].split(";"), rows[-1].split(";"), strict=False))
    part.honest = max(1, int(HONEST_A_SECOND * (run.seconds - 1.0)))
    part.honest_good = int(counts["SuccessfulCall(C)"])


class Watch:
    """Looks at the memory of the switch ten times a second."""

    def __init__(self, switch: Switch) -> None:
        self.peak = switch.mib
        self._switch = switch
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.peak = max(self.peak, self._switch.mib)

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()


@dataclass
class Run:
    """One hour. seconds: of each part."""

    folder: Path
    seconds: float
    sources: Iterator[int] = field(default_factory=lambda: iter(range(1, 200)))

    def next_source(self) -> int:
        """Return the number of an attacker that has not been seen: no ban of one part is of use in the next."""
        return next(self.sources)


def hour(
    seconds: float, sound: list[bytes], chosen: Sequence[tuple[str, tuple[str, ...]]], *, realtime: bool = False
) -> bool:
    """Run everything once, print the table, and tell whether all was kept."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), seconds / len(chosen))
        switch = Switch(run.folder)
        if realtime:
            for pid in (switch.process.pid, 0):
                os.sched_setscheduler(pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(5))
        try:
            start_mib, start_sockets = switch.mib, switch.sockets()
            far = FarEnd(switch.sip, "600")
            far.open(CALLS)
            far.talk(2.0, sound, measure=False)
            up_mib = switch.mib
            parts = [Part(name) for name, _ in chosen]
            for part, (_, attacks) in zip(parts, chosen, strict=True):
                play(part, attacks, switch, far, sound, run)
                far.talk(0.5, sound, measure=False)
            during = switch.metrics()
            far.close()
            left = settled(switch, start_sockets)
            end_mib = switch.mib
        finally:
            switch.process.terminate()
            switch.process.wait(30)
    print_parts(parts, seconds)
    print_guard(during)
    peak = max(part.peak_mib for part in parts)
    print(
        f"\nmemory, MiB: {start_mib:.0f} at the start, {up_mib:.0f} with {CALLS} calls, {peak:.0f} at the most, "
        f"{end_mib:.0f} at the end"
    )
    print("left at the end: " + (", ".join(f"{name} {value:g}" for name, value in left.items()) or "nothing"))
    good = not left and peak - up_mib <= LIMITS["grown_mib"]
    return good and all(
        part.p99_ms <= LIMITS["p99_ms"] and part.honest_percent >= LIMITS["honest_percent"] for part in parts
    )


def settled(switch: Switch, sockets: int) -> dict[str, float]:
    """Wait until everything is back where it was; return what is not."""
    names = ("calls_active", "sip_legs", "sip_transactions", "rtp_ports_open")
    deadline = time.monotonic() + LINGER_SECONDS
    while True:
        seen = switch.metrics()
        left = {name: seen[f"softswitch_{name}"] for name in names if seen[f"softswitch_{name}"]}
        if (more := switch.sockets() - sockets) > 0:
            left["sockets"] = more
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def print_parts(parts: Sequence[Part], seconds: float) -> None:
    """Print a row for each part."""
    title = f"{CALLS} calls up, {HONEST_A_SECOND} honest calls a second, {seconds / len(parts):.0f} s each"
    print(f"\n{title}; must be: p99 <= {LIMITS['p99_ms']:g} ms, honest >= {LIMITS['honest_percent']:g} %")
    print(f"{'':20}" + "".join(f"{name:>{width}}" for name, width, _ in COLUMNS))
    for one in parts:
        print(f"{one.name:20}" + "".join(f"{show(one):>{width}}" for _, width, show in COLUMNS))


def print_guard(metrics: dict[str, float]) -> None:
    """Print what the guard counted."""
    print()
    for name, value in metrics.items():
        if name.startswith("softswitch_guard") or name.startswith("softswitch_tick_skipped"):
            print(f"{name} {value:g}")


def main() -> None:
    """Run one hour, and say whether it was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="of all parts together")
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="let the switch and the far end run before everything else, as on machines of their own (needs root)",
    )
    parser.add_argument("--only", nargs="*", metavar="ATTACK", help="parts with these attacks, beside the quiet one")
    parser.add_argument("--sound", type=Path, default=ROOT / "media" / "welcome.wav")
    given = parser.parse_args()
    chosen = [part for part in PARTS if given.only is None or not part[1] or part[1][0] in given.only]
    good = hour(given.seconds, speech(given.sound), chosen, realtime=given.realtime)
    print("\n" + ("everything was kept" if good else "NOT everything was kept"))
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
