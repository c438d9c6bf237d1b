"""A real baresip as a telephone: it says a tone, records what it hears, and is told over TCP what to do.

Without a sound card: a WAV file is its microphone, and what it decodes is dumped into another one as it comes.
"""

import contextlib
import itertools
import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softswitch.audio.resample import resample
from tests.live.peers.asterisk import Sound
from tests.live.peers.free_ports import LOOPBACK, free_port, rtp_block
from tests.live.peers.heard import RATE_HZ, tone
from tests.live.peers.switch import RTP_PORTS

INSTALL = (
    "baresip is not installed. Install it with docker/setup.sh (Debian: apt-get install baresip-core), "
    "or leave its tests out on purpose with SOFTSWITCH_TESTS_WITHOUT=baresip"
)
START_SECONDS = 15.0
STOP_SECONDS = 5.0
ANSWER_SECONDS = 5.0
#: For a call to come, `softswitch call` must start first: seconds of work, on a machine that others keep busy too.
EVENT_SECONDS = 30.0
#: The number it has, the tone that it says, and for how long it can.
NUMBER, SAYS_HZ, SAYS_SECONDS = "4915", 620.0, 60.0
#: Ends a key press at its console: the letter that a terminal sends for "end of transmission".
RELEASE = b"\x04"
#: A block of ports of the tests' process that no switch with calls shares while baresip has one.
RTP_BLOCK = 4
WAV_HEADER = 44
CONFIG = """
poll_method             epoll
sip_listen              {address}
net_interface           127.0.0.1
rtp_ports               {first}-{last}
audio_source            aufile,{folder}/says.wav
audio_player            aubridge,nowhere
audio_alert             aubridge,nowhere
ausrc_srate             8000
auplay_srate            8000
ausrc_channels          1
auplay_channels         1
jitter_buffer_delay     1-5
ringback_disabled       yes
snd_path                {folder}
module_path             {modules}
module                  cons.so
module                  g711.so
module                  sndfile.so
module                  aufile.so
module                  aubridge.so
module_tmp              uuid.so
module_tmp              account.so
module_app              menu.so
module_app              ctrl_tcp.so
module                  srtp.so
module                  dtls_srtp.so
rtcp_mux                yes
cons_listen             127.0.0.1:{console}
ctrl_tcp_listen         127.0.0.1:{control}
"""

Event = Mapping[str, Any]


class Baresip:
    """A running baresip with the account `NUMBER`, which answers by itself; one call at a time."""

    def __init__(self, folder: Path, more: str = "", account: str = "", *, mediaenc: str = "") -> None:
        """more: lines of its configuration besides. account: its line of `accounts`, where it is not `NUMBER`.

        mediaenc: how its sound is encrypted, empty for plain; a word of the account that baresip knows.
        """
        program = shutil.which("baresip")
        if program is None:
            pytest.fail(INSTALL, pytrace=False)
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self._console, self._control_port = free_port(), free_port()
        first, last = rtp_block(RTP_PORTS, RTP_BLOCK)
        # Debian 12 has them right there, others may have a folder of the architecture between.
        modules = next(
            path for pattern in ("baresip", "*/baresip") for path in Path("/usr/lib").glob(f"{pattern}/modules")
        )
        ports = {"first": first, "last": last, "console": self._console, "control": self._control_port}
        text = CONFIG.format(address=self.address, folder=folder, modules=modules, **ports) + more
        (folder / "config").write_text(text, encoding="utf-8")
        account = account or f"<sip:{NUMBER}@{self.address}>;regint=0;answermode=auto"
        account += f";mediaenc={mediaenc}" if mediaenc else ""
        (folder / "accounts").write_text(account + "\n", encoding="utf-8")
        (folder / "contacts").write_text("", encoding="utf-8")
        with wave.open(str(folder / "says.wav"), "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes(tone(SAYS_HZ, -16, SAYS_SECONDS))
        self.events: list[Event] = []
        #: From which sample of what it encodes on that is what it hears; None while it says its tone.
        self._echoes_from: int | None = None
        self._answers: dict[str, str] = {}
        self._tokens = itertools.count(1)
        self._changed = threading.Condition()
        with (folder / "baresip.log").open("wb") as log:
            # A group of its own: Ctrl-C at the tests must not reach it before its test is through with it.
            self.process = subprocess.Popen(
                [program, "-4", "-v", "-s", "-f", str(folder)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._control = self._connect()
        self._reader = threading.Thread(target=self._read, name=f"baresip-{self.port}", daemon=True)
        self._reader.start()

    @property
    def address(self) -> str:
        """Host and port for SIP, UDP and TCP."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def uri(self) -> str:
        """Where it is called."""
        return f"sip:{NUMBER}@{self.address}"

    @property
    def log(self) -> str:
        """What it wrote, every SIP message included."""
        return (self.folder / "baresip.log").read_text(encoding="utf-8", errors="replace")

    # What it does

    def dial(self, target: str) -> int:
        """Call a SIP URI; return a mark for `wait_event`."""
        mark = self.expect_call()
        self._command("dial", target)
        return mark

    def expect_call(self) -> int:
        """Forget what earlier calls heard; return a mark for `wait_event`."""
        if self._echoes_from is not None:
            self._command("ausrc", f"aufile,{self.folder}/says.wav")
            self._echoes_from = None
        for file in self.folder.glob("dump-*.wav"):
            file.unlink()
        return len(self.events)

    def hold(self) -> None:
        """Put the far end on hold by re-INVITE. From then on it says what it hears: there is no other way to hear it.

        baresip 1.0 stops recording what it decodes when it holds (its issue 1496), and goes on with what it encodes.
        """
        mark = len(self.events)
        self._command("hold")
        # The answer starts its sound anew, without a source that was changed meanwhile.
        self.wait_event("CALL_REMOTE_SDP", since=mark)
        self._command("ausrc", "aubridge,nowhere")
        self._echoes_from = len(self._recorded("enc"))

    def resume(self) -> None:
        """Take the far end back."""
        self._command("resume")

    def transfer(self, target: str) -> None:
        """Send whom it talks with to `target`, blind."""
        self._command("transfer", target)

    def hang_up(self) -> None:
        """End the call: BYE, or CANCEL before the answer."""
        self._command("hangup")

    def press(self, keys: str) -> None:
        """Press keys for 120 ms each, by RFC 4733 events: this version knows no other way."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as console:
            console.connect((LOOPBACK, self._console))
            for key in keys:
                console.send(key.encode())
                time.sleep(0.12)
                console.send(RELEASE)
                time.sleep(0.12)

    # What it notices

    def wait_event(self, kind: str, *, since: int, seconds: float = EVENT_SECONDS) -> Event:
        """Wait for an event (`CALL_ESTABLISHED`, `CALL_CLOSED`, …), counted from number `since` on."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for event in self.events[since:]:
                    if event["type"] == kind:
                        return event
                left = deadline - time.monotonic()
                assert left > 0, f"no {kind} within {seconds:.0f} s but {self.events[since:]}:\n{self.log[-4000:]}"
                self._changed.wait(left)

    def keys(self, *, since: int) -> str:
        """Return the keys that it heard pressed, by RFC 4733 or INFO."""
        return "".join(event["param"] for event in self.events[since:] if event["type"] == "CALL_DTMF_START")

    def wait_keys(self, count: int, *, since: int, seconds: float = 10.0) -> str:
        """Wait until so many keys were heard, and a moment for one too many; return them."""
        deadline = time.monotonic() + seconds
        while len(self.keys(since=since)) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        return self.keys(since=since)

    @property
    def sound(self) -> Sound:
        """What was heard on this call so far."""
        heard = self._recorded("dec")
        if self._echoes_from is not None:
            heard = np.concatenate([heard, self._recorded("enc")[self._echoes_from :]])
        return Sound(heard)

    @property
    def said(self) -> Sound:
        """What it said on this call so far."""
        return Sound(self._recorded("enc"))

    def _recorded(self, side: str) -> np.ndarray:
        files = sorted(self.folder.glob(f"dump-*-{side}.wav"))
        data = files[-1].read_bytes() if files else b""
        if len(data) < WAV_HEADER:
            return np.zeros(0)
        # It records at the rate of the codec, and in stereo where that has two channels.
        channels, rate_hz = struct.unpack_from("<HI", data, 22)
        sound = data[WAV_HEADER : len(data) - (len(data) - WAV_HEADER) % (2 * channels)]
        left = np.frombuffer(sound, "<i2")[::channels]
        return np.frombuffer(resample(left.tobytes(), rate_hz, RATE_HZ), "<i2").astype(np.float64)

    def wait_tone(self, hz: float, seconds: float = 0.6, *, within: float = 8.0) -> None:
        """Wait until it hears this tone, and nothing else, for `seconds` from now on."""
        deadline = time.monotonic() + within
        since = self.sound.seconds
        while not (sound := self.sound).since(since).has_tone(hz, seconds):
            heard = f"{sound.tone(-seconds)} at the end of {sound.seconds:.1f} s, {since:.1f} s of it before"
            assert time.monotonic() < deadline, f"{hz} Hz were not heard within {within:.0f} s, but {heard}"
            time.sleep(0.1)

    def received(self) -> int:
        """Return how many RTP packets came on this call, played or not."""
        found = re.search(r" rcvd=(\d+)", self._command("audio_debug"))
        assert found, f"baresip has no call:\n{self.log[-3000:]}"
        return int(found.group(1))

    def wait_quiet(self, seconds: float = 0.8, *, within: float = 4.0) -> None:
        """Wait until no packet at all came for `seconds`: whoever holds plays nothing, whatever comes."""
        deadline = time.monotonic() + within
        before = self.received()
        while True:
            time.sleep(seconds)
            now = self.received()
            if now == before:
                return
            assert time.monotonic() < deadline, f"{now - before} packets came within the last {seconds} s"
            before = now

    def stop(self) -> None:
        """End it; it hangs up its calls."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP_SECONDS)
        self.process.wait()
        self._reader.join(STOP_SECONDS)
        self._control.close()

    # Its remote control: JSON in netstrings

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                return socket.create_connection((LOOPBACK, self._control_port))
            assert self.process.poll() is None, f"baresip ended by itself:\n{self.log[-3000:]}"
            assert time.monotonic() < deadline, f"baresip is not ready after {START_SECONDS:.0f} s:\n{self.log}"
            time.sleep(0.05)

    def _command(self, name: str, parameter: str = "") -> str:
        """Let it do something; return what it prints."""
        token = str(next(self._tokens))
        said = {"command": name, "token": token, **({"params": parameter} if parameter else {})}
        data = json.dumps(said).encode()
        self._control.sendall(b"%d:%b," % (len(data), data))
        with self._changed:
            came = self._changed.wait_for(lambda: token in self._answers, ANSWER_SECONDS)
            assert came, f"baresip did not answer {name!r}:\n{self.log[-3000:]}"
            return self._answers.pop(token)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._control.makefile("rb") as stream:
            while length := b"".join(iter(lambda: stream.read(1).strip(b":"), b"")):
                message = json.loads(stream.read(int(length)))
                stream.read(1)
                with self._changed:
                    if message.get("event"):
                        self.events.append(message)
                    else:
                        self._answers[message["token"]] = message["data"]
                    self._changed.notify_all()


@contextlib.contextmanager
def running_baresip(folder: Path, more: str = "", account: str = "", *, mediaenc: str = "") -> Iterator[Baresip]:
    """Start a baresip and stop it; fail if it died meanwhile. more, account, mediaenc: as `Baresip` has them."""
    baresip = Baresip(folder, more, account, mediaenc=mediaenc)
    try:
        yield baresip
    finally:
        died = baresip.process.poll()
        baresip.stop()
    assert died is None, f"baresip ended by itself, with status {died}:\n{baresip.log[-3000:]}"
