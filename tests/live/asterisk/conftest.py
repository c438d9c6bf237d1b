"""The switch and an Asterisk on one machine: trunks between them, calls by the command line, telephones by SIPp."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.asterisk import PASSWORD, Asterisk
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
#: 9 with the digit of a trunk stands before a number of Asterisk.
DIGITS = {"office": 0, "md5": 1, "sha256": 2, "tcp": 3, "info": 4, "inband": 5}


def _rules(trunks: str) -> str:
    rule = "  - {{number: '_9{digit}X.', strip: 2, steps: [dial: {{to: '{{to}}', carrier: {name}, seconds: 30}}]}}\n"
    return "".join(rule.format(digit=digit, name=name) for name, digit in DIGITS.items() if f"name: {name}," in trunks)


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
