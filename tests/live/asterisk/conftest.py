"""The switch and an Asterisk on one machine: trunks between them, calls by the command line, telephones by SIPp."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.asterisk import PASSWORD, Asterisk, running_asterisk
from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.relay import Relay
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import ROOT, SwitchProcess, running_switch

#: Our trunks at Asterisk: name, account, and what is special about each. The first one serves where none is named, and
#: is known by its address alone.
TRUNKS = """
- {name: office, host: 127.0.0.1, port: @PORT@, number_format: as_dialled, health_seconds: 1}
- {name: md5, username: '49301001', register: true}
- {name: sha256, username: '49301002', register: true}
- {name: tcp, username: '49301003', register: true, transport: tcp}
- {name: info, username: '49301004', register: true, dtmf: info}
- {name: inband, username: '49301005', register: true, dtmf: inband}
"""
#: What every account has besides: Asterisk finds it by the user in From.
ACCOUNT = """host: 127.0.0.1, port: @PORT@, from_user: '@USER@', password: '${CARRIER_PASSWORD:-@PASSWORD@}', \
number_format: as_dialled"""
#: 9 with the digit of a trunk stands before a number of Asterisk; with 8 the first trunk serves, and rings for 2 s.
DIGITS = {"office": 0, "md5": 1, "sha256": 2, "tcp": 3, "info": 4, "inband": 5}
DIGITS |= {"strict": 5, "sdes": 6, "dtls": 7, "optimistic": 9}  # where it is about encryption


def _rules(trunks: str) -> str:
    rule = "  - {{number: '_9{digit}X.', strip: 2, steps: [dial: {{to: '{{to}}', carrier: {name}, seconds: 30}}]}}\n"
    brief = "  - {number: '_98X.', strip: 2, steps: [dial: {to: '{to}', seconds: 2}]}\n"
    named = [rule.format(digit=digit, name=name) for name, digit in DIGITS.items() if f"name: {name}," in trunks]
    return "".join([*named, brief])


class CallCommand:
    """A running `softswitch call`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [str(Path(sys.executable).parent / "softswitch"), "call", *arguments, "--json", "--data", str(folder)]
        with (folder / "call.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self._log = folder / "call.log"

    def finish(self, seconds: float = 30.0) -> dict[str, Any]:
        """Wait for its end; return the record that it printed, with the exit status as `status`."""
        said, _ = self.process.communicate(timeout=seconds)
        log = self._log.read_text(encoding="utf-8", errors="replace")
        assert "Traceback" not in log and said, f"softswitch call failed:\n{log}"
        record: dict[str, Any] = json.loads(said)
        return {**record, "status": self.process.returncode}


@pytest.fixture
def softswitch_call(tmp_path: Path) -> Iterator[Callable[..., CallCommand]]:
    """A function that starts `softswitch call` with arguments; what still runs when the test ends is ended."""
    started: list[CallCommand] = []

    def start(*arguments: str) -> CallCommand:
        folder = tmp_path / f"call-{len(started)}"
        folder.mkdir()
        started.append(CallCommand(folder, *arguments))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()
        if command.process.stdout:
            command.process.stdout.close()


@pytest.fixture
def phones(asterisk: Asterisk, tmp_path: Path) -> Iterator[Sipp]:
    """SIPp as a telephone of Asterisk's."""
    peer = Sipp(asterisk.address, tmp_path / "phones")
    yield peer
    peer.close()


@contextlib.contextmanager
def run_with_trunks(
    folder: Path, asterisk: Asterisk, trunks: str = TRUNKS, *, password: str = PASSWORD, number: int
) -> Iterator[SwitchProcess]:
    """Run a switch with these trunks and the demo dialplan; 9 and a digit (`DIGITS`) dial over a trunk."""
    config = folder / "config"
    shutil.copytree(ROOT / "dialplans", config / "plan")
    config.joinpath("plan", "trunks.yaml").write_text("rules:\n" + _rules(trunks), encoding="utf-8")
    text = re.sub(
        r"username: '(\d+)'", lambda match: f"{match.group()}, " + ACCOUNT.replace("@USER@", match.group(1)), trunks
    )
    for word, value in {"PORT": str(asterisk.port), "PASSWORD": password}.items():
        text = text.replace(f"@{word}@", value)
    config.joinpath("carriers.yaml").write_text(text, encoding="utf-8")
    # A call whose far end is gone without a word ends when it has been silent for so long.
    settings = "carriers: carriers.yaml\ndialplans: plan\nrtp: {media_timeout: 4}\n"
    config.joinpath("softswitch.yaml").write_text(settings, encoding="utf-8")
    with running_switch(folder, options=("--config", str(config / "softswitch.yaml")), number=number) as switch:
        yield switch


@pytest.fixture(scope="session")
def trunk_switch(
    asterisk_of_the_session: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SwitchProcess]:
    """One switch with trunks to the Asterisk of the session."""
    with run_with_trunks(tmp_path_factory.mktemp("trunks"), asterisk_of_the_session, number=8) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A call with a session timer. agreed: Session-Expires of the 200. after: seconds until the first refresh.

    cause: Q.850 cause of its end, after the refresh, when its sound was heard once more.
    """

    agreed: str
    after: float
    cause: int


@pytest.fixture(scope="session", autouse=True)
def refreshed_calls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Refreshed]]]:
    """Calls that last until they are refreshed, started with the first test, for they last 45 s: refresher to story."""
    wanted = [item for item in request.session.items if "refreshed_calls" in getattr(item, "fixturenames", ())]
    with contextlib.ExitStack() as stack:
        stories: dict[str, Future[Refreshed]] = {}
        if any(item.get_closest_marker("slow") for item in wanted):
            folder = tmp_path_factory.mktemp("refreshed")
            asterisk = stack.enter_context(running_asterisk(folder / "carrier"))
            switch = stack.enter_context(running_switch(folder, number=7))
            pool = stack.enter_context(ThreadPoolExecutor(2))
            for refresher in ("uas", "uac"):
                stories[refresher] = pool.submit(_until_refreshed, asterisk, switch, refresher)
        yield stories


def _until_refreshed(asterisk: Asterisk, switch: SwitchProcess, refresher: str) -> Refreshed:
    """Let Asterisk call 602 and wait for the refresh. It asks for nobody to refresh: the wire does so on its behalf."""

    def name_refresher(data: bytes) -> bytes:
        return data.replace(b"Session-Expires: 90\r\n", f"Session-Expires: 90;refresher={refresher}\r\n".encode())

    with Relay((LOOPBACK, switch.sip_port), name_refresher) as relay:
        call = asterisk.call(f"sip:602@{relay.address}", endpoint="timers")
        call.wait_up()
        begun = time.monotonic()
        call_id = call.variable("CHANNEL(pjsip,call-id)")
        answer = asterisk.message("SIP/2.0 200 OK", call_id)
        # UPDATE, because both allow it; from us to their Contact, or from them to ours.
        target = f"UPDATE sip:{'asterisk' if refresher == 'uas' else 'softswitch'}@"
        asterisk.wait_for(lambda: asterisk.message(target, call_id) is not None, f"{target} of {call_id}", seconds=60)
        after = time.monotonic() - begun
        call.wait_tone(1004)
        call.hang_up()
        return Refreshed(answer["Session-Expires"] if answer else "", after, call.wait_ended())
