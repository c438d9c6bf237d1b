"""A real Asterisk 22 as the other side: a carrier with accounts, numbers and an ear of its own.

It runs from the folder that docker/asterisk.sh makes, by the dynamic loader in it, so that neither a chroot nor root is
needed; all that it writes goes into the folder of the test.
"""

import contextlib
import itertools
import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.live.peers.asterisk_ami import Ami, Event
from tests.live.peers.free_ports import LOOPBACK, free_port, rtp_block
from tests.live.peers.heard import AUDIBLE_DBM0, RATE_HZ, Tone, level_dbm0, strongest_tone
from tests.live.peers.switch import RTP_PORTS

CONFIG = Path(__file__).resolve().parents[1] / "asterisk" / "config"
INSTALL = (
    "Asterisk 22 is not set up. Run docker/asterisk.sh (as root, or with sudo), "
    "or leave its tests out on purpose with SOFTSWITCH_TESTS_WITHOUT=asterisk"
)
START_SECONDS = 30.0
STOP_SECONDS = 10.0
#: What its numbers that press keys press.
KEYS = "1234567890*#"
#: The password of its accounts, and one that is wrong.
PASSWORD, WRONG_PASSWORD = "correct-horse-7", "battery-staple-8"
#: Quieter than this is silence with the noise of its coding.
SILENT_DBM0 = -55.0
#: Asterisk writes 32 KiB at once: at its telephone's 8 kHz that were two seconds late, at this rate a third of one.
RECORDED_HZ = 48_000
#: The block of ports of the tests' process that no switch of its takes: they count from 0 up.
RTP_BLOCK = 9


def asterisk_folder() -> Path:
    """Return where docker/asterisk.sh puts it, whether it is there or not."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "softswitch" / "asterisk-sid"


@dataclass(frozen=True)
class Sound:
    """What Asterisk heard on one channel, as it recorded it."""

    samples: np.ndarray

    @property
    def seconds(self) -> float:
        """How long it was recorded."""
        return len(self.samples) / RATE_HZ

    def since(self, second: float) -> "Sound":
        """Return what was heard from then on."""
        return Sound(self.samples[round(second * RATE_HZ) :])

    def tone(self, start: float = 0.0, end: float | None = None) -> Tone:
        """Return the strongest tone between two times, in seconds from the beginning; negative ones from the end."""
        return strongest_tone(self.samples[round(start * RATE_HZ) : None if end is None else round(end * RATE_HZ)])

    def has_tone(self, hz: float, seconds: float = 1.0) -> bool:
        """Return whether any `seconds` of it are this tone and nothing else."""
        starts = np.arange(0.0, self.seconds - seconds + 1e-6, 0.1)
        tones = (self.tone(start, start + seconds) for start in starts[::-1])
        return any(abs(found.hz - hz) < 3 and found.purity > 0.97 and found.dbm0 > -35 for found in tones)


class AsteriskCall:
    """One channel of Asterisk to or from the switch, known by its unique ID."""

    def __init__(self, asterisk: "Asterisk", unique_id: str) -> None:
        self._asterisk = asterisk
        self.unique_id = unique_id

    @property
    def events(self) -> list[Event]:
        """What Asterisk told of this channel so far."""
        return [event for event in self._asterisk.ami.events if event.get("Uniqueid") == self.unique_id]

    @property
    def channel(self) -> str:
        """Its name, as in `PJSIP/office-00000001`."""
        return self.wait("Newchannel")["Channel"]

    def wait(self, event: str, *, seconds: float = 10.0, **fields: str) -> Event:
        """Wait for an event of this channel that has these values."""

        def is_it(one: Event) -> bool:
            mine = one.get("Uniqueid") == self.unique_id and one["Event"] == event
            return mine and all(one.get(name) == value for name, value in fields.items())

        return self._asterisk.ami.wait_event(is_it, f"{event} {fields or ''} of {self.unique_id}", seconds=seconds)

    def wait_ringing(self) -> None:
        """Wait until the far end rings."""
        self.wait("Newstate", ChannelStateDesc="Ringing")

    def wait_up(self, seconds: float = 10.0) -> None:
        """Wait until it is answered."""
        self.wait("Newstate", ChannelStateDesc="Up", seconds=seconds)

    @property
    def is_up(self) -> bool:
        """True once it was answered."""
        return any(event["Event"] == "Newstate" and event["ChannelStateDesc"] == "Up" for event in self.events)

    def wait_ended(self, seconds: float = 10.0) -> int:
        """Wait for its end; return the Q.850 cause."""
        return int(self.wait("Hangup", seconds=seconds)["Cause"])

    @property
    def ended(self) -> bool:
        """True once Asterisk hung up, or saw the far end do so."""
        return any(event["Event"] == "Hangup" for event in self.events)

    @property
    def keys(self) -> str:
        """The keys that Asterisk heard pressed, in whatever dialect they came."""
        pressed = (event for event in self.events if event["Event"] == "DTMFEnd" and event["Direction"] == "Received")
        return "".join(event["Digit"] for event in pressed)

    def all_keys(self, seconds: float = 10.0) -> str:
        """Wait until as many keys were heard as `KEYS` has, and a moment for one too many; return what was heard."""
        deadline = time.monotonic() + seconds
        while len(self.keys) < len(KEYS) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        return self.keys

    def variable(self, name: str) -> str:
        """Return a channel variable, or what a dialplan function says of the channel."""
        return self._asterisk.ami.action("Getvar", Channel=self.channel, Variable=name)["Value"]

    def wait_variable(self, name: str, value: str, within: float = 5.0) -> None:
        """Wait until a channel variable, or a dialplan function, has this value."""
        deadline = time.monotonic() + within
        while (found := self.variable(name)) != value:
            assert time.monotonic() < deadline, f"{name} is {found!r}, not {value!r}, after {within:.0f} s"
            time.sleep(0.05)

    def set(self, name: str, value: str) -> None:
        """Set a variable, or write to a dialplan function on this channel."""
        self._asterisk.ami.action("Setvar", Channel=self.channel, Variable=name, Value=value)

    def redirect(self, exten: str, context: str = "to-switch") -> None:
        """Let the channel do something else."""
        self._asterisk.ami.action("Redirect", Channel=self.channel, Context=context, Exten=exten, Priority="1")

    def hang_up(self, cause: int = 16) -> None:
        """End it: BYE, or CANCEL before the answer."""
        self._asterisk.ami.action("Hangup", Channel=self.channel, Cause=str(cause))

    @property
    def recording(self) -> Path:
        """The file that keeps what it hears."""
        return self._asterisk.folder / "heard" / f"{self.unique_id}.sln48"

    @property
    def sound(self) -> Sound:
        """What it heard so far, from before the first sound."""
        data = self.recording.read_bytes() if self.recording.exists() else b""
        return Sound(np.frombuffer(data[: len(data) // 2 * 2], "<i2")[:: RECORDED_HZ // RATE_HZ].astype(np.float64))

    def wait_tone(self, hz: float, seconds: float = 1.0, *, within: float = 10.0) -> None:
        """Wait until it hears this tone, and nothing else, for `seconds` from now on."""
        deadline = time.monotonic() + within
        since = self.sound.seconds
        while not (sound := self.sound).since(since).has_tone(hz, seconds):
            heard = f"{sound.tone(-seconds)} at the end of {sound.seconds:.1f} s, {since:.1f} s of it before"
            assert time.monotonic() < deadline, f"{hz} Hz were not heard within {within:.0f} s, but {heard}"
            time.sleep(0.1)

    def wait_other_than(self, hz: float, seconds: float = 0.5, *, within: float = 10.0) -> None:
        """Wait until for `seconds` it hears something other than this tone, or nothing at all."""
        deadline = time.monotonic() + within
        while True:
            before = len(self.sound.samples)
            time.sleep(seconds)
            new = strongest_tone(self.sound.samples[before:])
            if abs(new.hz - hz) > 20 or new.dbm0 < SILENT_DBM0:
                return
            assert time.monotonic() < deadline, f"{hz} Hz are still heard after {within:.0f} s: {new}"

    def wait_voice(self, within: float = 10.0, *, but: float = 0.0) -> None:
        """Wait until a tenth of a second from now on is heard, and is not the tone `but` (Hz)."""
        deadline = time.monotonic() + within
        before = len(self.sound.samples)
        while not any(
            level_dbm0(piece) > AUDIBLE_DBM0 and abs(strongest_tone(piece).hz - but) > 40
            for piece in _tenths(self.sound.samples[before:])
        ):
            assert time.monotonic() < deadline, f"nothing was heard within {within:.0f} s"
            time.sleep(0.1)

    def wait_silence(self, seconds: float = 1.0, *, within: float = 10.0) -> None:
        """Wait until it heard nothing for `seconds`: silence, or no packet at all."""
        deadline = time.monotonic() + within
        while True:
            before = len(self.sound.samples)
            time.sleep(seconds)
            new = self.sound.samples[before:]
            if level_dbm0(new) < SILENT_DBM0:
                return
            assert time.monotonic() < deadline, f"it did not fall silent within {within:.0f} s: {strongest_tone(new)}"


def _tenths(samples: np.ndarray) -> Iterator[np.ndarray]:
    step = RATE_HZ // 10
    for start in range(0, len(samples) - step + 1, step):
        yield samples[start : start + step]


class Asterisk:
    """A running Asterisk with the configuration of tests/live/asterisk/config."""

    def __init__(self, folder: Path, change: Callable[[str, str], str] = lambda name, text: text) -> None:
        """change: makes the text of a configuration file, by its name, another one."""
        self.home = asterisk_folder()
        if not (self.home / "ready").exists():
            pytest.fail(INSTALL, pytrace=False)
        self.folder = folder
        self.port = free_port()
        self._manager_port = free_port()
        self._secret = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        for name in ("config", "var", "log", "run", "heard"):
            (folder / name).mkdir(parents=True)
        self._configure(change)
        self._start()

    @property
    def address(self) -> str:
        """Host and port for SIP, UDP and TCP."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> str:
        """What it logged: every step of its dialplan, and every SIP message."""
        return (self.folder / "log" / "full").read_text(encoding="utf-8", errors="replace")

    def count_log(self, text: str) -> int:
        """Count the lines of the log that begin with this, as the first line of each SIP message does."""
        return sum(line.startswith(text) for line in self.log.splitlines())

    def wait_log(self, text: str, *, more_than: int, seconds: float = 10.0) -> None:
        """Wait until more lines of the log begin with this than before."""
        self.wait_for(lambda: self.count_log(text) > more_than, f"{text!r}", seconds=seconds)

    def wait_for(self, condition: Callable[[], bool], what: str, *, seconds: float = 10.0) -> None:
        """Wait until a condition holds; fail with the end of the log, saying that `what` did not come."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s:\n{self.log[-6000:]}"
            time.sleep(0.1)

    def message(self, beginning: str, call_id: str) -> dict[str, str] | None:
        """Return the headers of the first SIP message of a call, either way, whose first line begins with this."""
        for message in re.split(r"^\[.* (?:SIP|bytes\)) .*--->$", self.log, flags=re.MULTILINE):
            lines = message.strip().partition("\n\n")[0].splitlines()
            headers = dict(line.split(": ", 1) for line in lines if ": " in line)
            if lines and lines[0].startswith(beginning) and headers.get("Call-ID") == call_id:
                return headers
        return None

    def command(self, line: str) -> str:
        """Run a line of the Asterisk command line, as `asterisk -rx` does; return what it prints."""
        return self.ami.command(line)

    def call(
        self,
        target: str,
        *,
        endpoint: str = "office",
        then: str = "wait",
        seconds: float = 30.0,
        caller: str = "",
        variables: dict[str, str] | None = None,
    ) -> AsteriskCall:
        """Call `target` through an endpoint: a `sip:` URI, or a number at the contact that is registered there.

        With `endpoint` empty it is a channel of Asterisk's, as in `Local/600@phones`.

        caller: our caller ID. seconds: how long it may ring. variables: of the channel.
        then: what is done with the call once it is answered, an extension of `to-switch`.
        """
        unique_id = f"{self.folder.name}-{next(self._numbers)}"
        channel = f"PJSIP/{endpoint}/{target}" if target.startswith("sip:") else f"PJSIP/{target}@{endpoint}"
        if not endpoint:
            channel = target
        self.ami.action(
            "Originate",
            Channel=channel,
            ChannelId=unique_id,
            Context="to-switch",
            Exten=then,
            Priority="1",
            Timeout=str(round(seconds * 1000)),
            CallerID=caller or "4930555",
            Async="true",
            Variable=[f"{name}={value}" for name, value in (variables or {}).items()],
        )
        call = AsteriskCall(self, unique_id)
        # From the beginning, so that early media is heard too. A call that was refused at once has no channel any more.
        with contextlib.suppress(AssertionError):
            self.ami.action("MixMonitor", Channel=call.channel, File="", Options=f"r({call.recording})")
        return call

    def mark(self) -> int:
        """Return the number of events so far, for `wait_call`."""
        return len(self.ami.events)

    def wait_call(self, number: str, *, since: int, seconds: float = 10.0) -> AsteriskCall:
        """Wait for a call from the switch to one of our numbers, that came after the mark `since`."""
        event = self.ami.wait_event(
            lambda one: one["Event"] == "Newchannel" and one.get("Exten") == number,
            f"a call to {number}",
            seconds=seconds,
            since=since,
        )
        return AsteriskCall(self, event["Uniqueid"])

    def wait_called(self, endpoint: str, *, since: int) -> AsteriskCall:
        """Wait for a channel that Asterisk's own dialplan opened to an endpoint after the mark `since`."""
        event = self.ami.wait_event(
            lambda one: one["Event"] == "Newchannel" and one["Channel"].startswith(f"PJSIP/{endpoint}-"),
            f"a call through {endpoint}",
            since=since,
        )
        return AsteriskCall(self, event["Uniqueid"])

    def connect_phones_to(self, switch: str, *, endpoint: str = "office") -> None:
        """Let calls of phones (SIPp, as the endpoint `phone`) go to a switch at this address."""
        self.ami.action("Setvar", Variable="SWITCH", Value=switch)
        self.ami.action("Setvar", Variable="VIA", Value=endpoint)

    def contact(self, account: str) -> str:
        """Return the contact that is registered for an account, empty if none is."""
        # In the tables of `pjsip show …` a long one is cut off.
        found = re.search(rf"/{account};\S+\s*: (\{{.*\}})", self.command("database show registrar/contact"))
        return str(json.loads(found.group(1))["uri"]).replace("^3B", ";") if found else ""

    def wait_contact(self, account: str, *, there: bool = True, seconds: float = 10.0) -> str:
        """Wait until an account is registered (or no longer is); return its contact."""
        deadline = time.monotonic() + seconds
        while bool(contact := self.contact(account)) is not there:
            state = "not registered" if there else "still registered"
            assert time.monotonic() < deadline, f"{account} is {state} after {seconds:.0f} s:\n{self.log[-6000:]}"
            time.sleep(0.1)
        return contact

    def wait_command(self, line: str, pattern: str, *, seconds: float = 10.0) -> None:
        """Wait until what a command prints matches a regular expression."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, said := self.command(line)):
            assert time.monotonic() < deadline, f"{line!r} says nothing like {pattern!r}:\n{said}"
            time.sleep(0.1)

    def channels(self) -> list[str]:
        """Return the channels that are up."""
        return [line for line in self.command("core show channels concise").splitlines() if "!" in line]

    def restart(self, *, forget: bool = False, kill: bool = True, down: float = 0.0) -> None:
        """End it and start it again on the same ports.

        forget: it loses who was registered. kill: at once, without a word to anybody; else it hangs up its calls.
        """
        self._end(signal.SIGKILL if kill else signal.SIGTERM)
        if forget:
            (self.folder / "var" / "astdb.sqlite3").unlink()
        time.sleep(down)
        self._start()

    def hang_up_all(self) -> None:
        """End every call, and wait until they are over."""
        self.command("channel request hangup all")
        deadline = time.monotonic() + STOP_SECONDS
        while left := self.channels():
            assert time.monotonic() < deadline, f"Asterisk cannot end its calls: {left}"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        self._end(signal.SIGTERM)

    def _configure(self, change: Callable[[str, str], str]) -> None:
        first, last = rtp_block(RTP_PORTS, RTP_BLOCK)
        [modules] = (self.home / "usr" / "lib").glob("*/asterisk/modules")
        words = {
            "RUN": str(self.folder),
            "MODULES": str(modules),
            "DATA": str(self.home / "usr" / "share" / "asterisk"),
            "SIP": str(self.port),
            "MANAGER": str(self._manager_port),
            "SECRET": self._secret,
            "PASSWORD": PASSWORD,
            "RTP_FIRST": str(first),
            "RTP_LAST": str(last),
        }
        for file in CONFIG.iterdir():
            text = change(file.name, file.read_text(encoding="utf-8"))
            for name, value in words.items():
                text = text.replace(f"@{name}@", value)
            (self.folder / "config" / file.name).write_text(text, encoding="utf-8")

    def _start(self) -> None:
        [loader] = (self.home / "usr" / "lib").glob("*/ld-linux-*.so.*")
        command = [
            *(str(loader), "--library-path", str(loader.parent)),
            *(str(self.home / "usr" / "sbin" / "asterisk"), "-f", "-C", str(self.folder / "config" / "asterisk.conf")),
        ]
        with (self.folder / "output.log").open("ab") as output:
            # A group of its own: Ctrl-C at the tests must not reach it before its test is through with it.
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                self.ami = Ami(self._manager_port, self._secret)
                break
            output_text = (self.folder / "output.log").read_text(errors="replace")
            assert self.process.poll() is None, f"Asterisk ended by itself:\n{output_text[-3000:]}"
            assert time.monotonic() < deadline, f"Asterisk is not ready after {START_SECONDS:.0f} s:\n{output_text}"
            time.sleep(0.05)
        self.ami.wait_event(lambda event: event["Event"] == "FullyBooted", "FullyBooted", seconds=START_SECONDS)
        self.command("pjsip set logger on")

    def _end(self, number: signal.Signals) -> None:
        self.ami.close()
        for each in (number, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(each)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_SECONDS)
        self.process.wait()


@contextlib.contextmanager
def running_asterisk(folder: Path, change: Callable[[str, str], str] = lambda name, text: text) -> Iterator[Asterisk]:
    """Start an Asterisk and stop it; fail if it died meanwhile."""
    asterisk = Asterisk(folder, change)
    try:
        yield asterisk
    finally:
        died = asterisk.process.poll()
        asterisk.stop()
    assert died is None, f"Asterisk ended by itself, with status {died}:\n{asterisk.log[-3000:]}"
