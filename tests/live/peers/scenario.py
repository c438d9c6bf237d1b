"""Scenario files: what the first comment of each says, and one run as it says.

The comment has these lines, each at most once but for `run:`:

- `run: OPTIONS` SIPp calls the switch. `run: uas OPTIONS`: SIPp listens and the switch calls it.
  ` => name=value …` at its end: fields of the call record.
- `record: name=value …` fields of the call record of every run. An inbound call is known by its caller: the user of
  From is the name of the file.
- `switch: FILE` which configuration of `sipp-scenarios/switch/` the switch needs; without it, the demo dialplan does.
- `call: OPTIONS` of `softswitch call`, by which the switch calls SIPp, as in `--dial 1603`; the user of the SIP URI
  that it calls is what `-s` says.
- `carrier: {key: value, …}` the entry of carriers.yaml over which it calls (PORT: SIPp's); without it, it calls a
  sip: URI.
- `dial: PREFIX` instead: a caller dials PREFIX and SIPp's port at the switch, whose dialplan calls SIPp.
- `caller: NAME` that caller is another scenario file, and has to pass, too. OPTIONS may follow.
- `seconds: N` the run is over by then; 30 without it.
"""

import json
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tests.live.peers.free_ports import LOOPBACK, free_port
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import SCENARIOS, Sipp, SippResult, SippRun
from tests.live.peers.switch import SwitchProcess

SWITCHES = SCENARIOS / "switch"
#: `softswitch call` has this long to end once SIPp says that the call is over.
LEAVE_SECONDS = 10.0
#: A process that starts takes a core for a second; more of them at once make SIPp, which counts milliseconds, wait.
CALLS_STARTING = 2
#: Below the ranges that the switches of the tests use.
RTP_PORTS = "10000-11999"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a scenario file, from a `run:` line of its first comment."""

    scenario: str
    options: tuple[str, ...]
    seconds: float
    called: bool = False
    record: Mapping[str, str] = field(default_factory=dict)
    switch: str = ""
    call: tuple[str, ...] = ()
    carrier: str = ""
    dial: str = ""
    caller: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = [option for option in self.options if option.strip()]
        return " ".join([self.scenario, *shown])


def first_comment(path: Path) -> str:
    """Return the comment at the head of a scenario file."""
    return path.read_text(encoding="utf-8").partition("<!--")[2].partition("-->")[0]


def read_variants(path: Path) -> list[Variant]:
    """Return the runs that the first comment of a scenario file asks for."""
    comment = first_comment(path)

    def line(name: str) -> str:
        found = re.search(rf"^ *{name}: *(.+)$", comment, re.MULTILINE)
        return found.group(1).strip() if found else ""

    variants = []
    for run in re.findall(r"^ *run: *(.+)$", comment, re.MULTILINE):
        options, _, expected = run.partition(" => ")
        words = shlex.split(options)
        variants.append(
            Variant(
                path.stem,
                tuple(words[1:] if words[0] == "uas" else words),
                float(line("seconds") or 30),
                called=words[0] == "uas",
                record=_fields(line("record")) | _fields(expected),
                switch=line("switch"),
                call=tuple(shlex.split(line("call"))),
                carrier=line("carrier"),
                dial=line("dial"),
                caller=tuple(shlex.split(line("caller"))),
            )
        )
    return variants


def _fields(text: str) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in shlex.split(text))


class Runner:
    """Runs scenarios against the switches they need.

    switches: starts the switch with a configuration of `SWITCHES` (empty: the demo), once.
    """

    def __init__(self, folder: Path, switches: Callable[[str], SwitchProcess]) -> None:
        self._folder = folder
        self._switches = switches
        self._sipps: list[Sipp] = []
        self._starting = threading.Semaphore(CALLS_STARTING)

    def run(self, variant: Variant) -> SippResult:
        """Run to the end; what the record says otherwise than expected is a failure, too."""
        with RtpProbe() as probe:
            if variant.called and not variant.dial:
                return self._called(variant, probe)
            result = self._dialled(variant, probe) if variant.called else self._calling(variant, probe)
        if result.passed:
            return result
        last = self._switches(variant.switch).output.splitlines()[-10:]
        return replace(result, besides="\n".join([result.besides, "the switch wrote at last:", *last]))

    def close(self) -> None:
        """End whatever still runs."""
        for sipp in self._sipps:
            sipp.close()

    def _sipp(self, switch: SwitchProcess | None) -> Sipp:
        address = switch.address if switch is not None else ""
        sipp = Sipp(address, self._folder / f"sipp-{len(self._sipps)}-{free_port()}")
        self._sipps.append(sipp)
        return sipp

    def _calling(self, variant: Variant, probe: RtpProbe) -> SippResult:
        switch = self._switches(variant.switch)
        result = self._sipp(switch).run(
            variant.scenario, *variant.options, rtp_port=probe.port, seconds=variant.seconds
        )
        if variant.record and result.passed:
            record = _find(switch, variant.record, {"from": variant.scenario})
            result = result.but(_wrong(record, variant.record))
        return result

    def _called(self, variant: Variant, probe: RtpProbe) -> SippResult:
        """Let `softswitch call` call SIPp."""
        port = free_port()
        run = self._listen(variant, probe, port)
        folder = self._folder / f"call-{port}"
        folder.mkdir(parents=True)
        config = folder / "softswitch.yaml"
        transport = "tcp" if "t1" in variant.options else "udp"
        asked = yaml.safe_load((variant.carrier or "{}").replace("PORT", str(port)))
        carrier = {"name": "peer", "host": LOOPBACK, "port": port, "transport": transport, **asked}
        (folder / "carriers.yaml").write_text(json.dumps([carrier]))
        config.write_text(
            f"dialplans: {SWITCHES / 'dialplans'}\ncarriers: carriers.yaml\nrtp:\n  ports: {RTP_PORTS}\n"
            # Nobody speaks in a scenario: engines that take no time.
            "speech:\n  stt: scripted\n  tts: scripted\n"
        )
        user = variant.options[variant.options.index("-s") + 1] if "-s" in variant.options else "sipp"
        uri = f"sip:{user}@{LOOPBACK}:{port};transport={transport}"
        target = "+4930123456" if variant.carrier else uri
        command = [str(Path(sys.executable).parent / "softswitch"), "call", target, *variant.call]
        command += ["--json", "--config", str(config), "--data", str(folder / "data")]
        with self._starting:
            call = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            while run.running and call.poll() is None and not run.messages():
                time.sleep(0.05)
        with call:
            result = run.wait()
            try:
                said, complained = call.communicate(timeout=LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                call.kill()
                said, complained = call.communicate()
                return result.but(f"softswitch call did not end after its call; it wrote {said}{complained}")
        if "Traceback" in complained or not said.startswith("{"):
            return result.but(f"softswitch call wrote {said}{complained}")
        return result.but(_wrong(json.loads(said), variant.record)).but(_calls_too_many(result.messages, variant))

    def _dialled(self, variant: Variant, probe: RtpProbe) -> SippResult:
        """Let a caller dial a number whose rule calls SIPp."""
        switch = self._switches(variant.switch)
        port = free_port()
        run = self._listen(variant, probe, port)
        name, *options = variant.caller or ("uac",)
        number = f"{variant.dial}{port}"
        with RtpProbe() as other:
            caller = self._sipp(switch).start(
                name,
                *options,
                number=number,
                rtp_port=other.port,
                seconds=variant.seconds,
                messages=bool(variant.caller),
            )
            result = run.wait()
            called_by = caller.wait() if variant.caller else None
            caller.stop()
        if called_by is not None and not called_by.passed:
            return result.but(f"the caller: {called_by}")
        if variant.record and result.passed:
            record = _find(switch, variant.record, {"to": number})
            result = result.but(_wrong(record, variant.record))
        return result

    def _listen(self, variant: Variant, probe: RtpProbe, port: int) -> SippRun:
        run = self._sipp(None).start(
            variant.scenario, *variant.options, rtp_port=probe.port, seconds=variant.seconds, port=port
        )
        # In /proc rather than by a packet: what SIPp gets before the call, it would take for one.
        table = Path("/proc/net/tcp" if "t1" in variant.options else "/proc/net/udp")
        deadline = time.monotonic() + 5
        while f":{port:04X} 00000000:0000" not in table.read_text() and run.running and time.monotonic() < deadline:
            time.sleep(0.01)
        return run


def _find(switch: SwitchProcess, expected: Mapping[str, str], known: Mapping[str, str]) -> Mapping[str, Any]:
    """Wait for the record of a run; there may be several of one scenario, so the one that is right is taken first."""
    file = switch.data / "calls.jsonl"
    deadline = time.monotonic() + 5
    while True:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        records = [json.loads(line) for line in lines]
        ours = [record for record in records if all(record[name] == value for name, value in known.items())]
        right = next((record for record in ours if not _wrong(record, expected)), None)
        if right is not None:
            return right
        if time.monotonic() > deadline:
            return ours[-1] if ours else {"id": f"no call record has {dict(known)}"}
        time.sleep(0.05)


def _calls_too_many(messages: str, variant: Variant) -> str:
    """Say so where the switch called more often than the scenario wants: SIPp passes over what comes after `-m`."""
    wanted = int(variant.options[variant.options.index("-m") + 1]) if "-m" in variant.options else 1
    invites = re.findall(r"^INVITE .*?^Call-ID: *(\S+)", messages, re.MULTILINE | re.DOTALL)
    came = len(set(invites))
    return f"the switch made {came} calls, not {wanted}" if came > wanted else ""


def _wrong(record: Mapping[str, Any], expected: Mapping[str, str]) -> str:
    wrong = [
        f"{name}={record.get(name)!r}, not {value}"
        for name, value in expected.items()
        if str(record.get(name)) != value
    ]
    return f"the call record says {', '.join(wrong)}:\n{json.dumps(record)}" if wrong else ""
