"""The commands that look at calls, and a telephone that says exactly what a test wants."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.switch import SwitchProcess
from tests.live.peers.tshark import Tshark

COMMAND = str(Path(sys.executable).parent / "softswitch")
SDP = "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {codecs}\r\na=sendrecv\r\n"


class Phone:
    """A bare socket that calls: one message at a time, and waits for what it wants to hear. at: its own address."""

    def __init__(self, switch: SwitchProcess, call_id: str, *, rtp_port: int = 9, ip: str = "127.0.0.1") -> None:
        self.call_id = call_id
        self.codecs = "0 8"
        self._switch = switch
        self._sdp = (ip, rtp_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self.at = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._to = ""
        self._number = ""

    def close(self) -> None:
        self._socket.close()

    def say(
        self, method: str, *, number: str = "", cseq: int = 1, extra: str = "", kind: str = "", body: str = ""
    ) -> None:
        """Send a request."""
        self._number = number or self._number
        uri = f"sip:{self._number}@{self._switch.address}"
        branch = f"z9hG4bK-{self.call_id}-{cseq}-{'INVITE' if method == 'CANCEL' else method}"
        to = f"<{uri}>{self._to if method not in ('CANCEL', 'REGISTER') else ''}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.at};branch={branch};rport",
            f"From: <sip:alice@{self.at}>;tag=a-{self.call_id}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:alice@{self.at}>",
            "Max-Forwards: 70",
            *([extra] if extra else []),
            *([f"Content-Type: {kind}"] if kind else []),
            f"Content-Length: {len(body)}",
        ]
        host, _, port = self._switch.address.rpartition(":")
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), (host, int(port)))

    def hears(self, status: int, method: str = "INVITE") -> str:
        """Wait for a response; answer what the switch asks meanwhile. Return it."""
        while True:
            data, source = self._socket.recvfrom(65_535)
            text = data.decode()
            if not text.startswith("SIP/2.0"):
                self._socket.sendto(_answer(text).encode(), source)
            elif text.startswith(f"SIP/2.0 {status} ") and f" {method}\r\n" in text:
                tag = next(line for line in text.split("\r\n") if line.lower().startswith("to:"))
                self._to = f";tag={tag.partition(';tag=')[2]}" if ";tag=" in tag else self._to
                return text

    def is_told(self, method: str) -> str:
        """Wait for a request of the switch, answer and return it."""
        while True:
            data, source = self._socket.recvfrom(65_535)
            text = data.decode()
            if not text.startswith("SIP/2.0"):
                self._socket.sendto(_answer(text).encode(), source)
                if text.startswith(f"{method} "):
                    return text

    def calls(self, number: str, status: int = 200, *, extra: str = "") -> str:
        """Call a number and acknowledge its final answer."""
        ip, port = self._sdp
        body = SDP.format(ip=ip, port=port, codecs=self.codecs)
        self.say("INVITE", number=number, extra=extra, kind="application/sdp", body=body)
        told = self.hears(status)
        self.say("ACK")
        return told

    def hangs_up(self) -> None:
        """End the call."""
        self.say("BYE", cseq=2)
        self.hears(200, "BYE")


def _answer(request: str) -> str:
    kept = [
        line for line in request.split("\r\n") if line.lower().startswith(("via:", "from:", "to:", "call-id:", "cseq:"))
    ]
    return "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])


@pytest.fixture
def phone() -> Iterator[Callable[..., Phone]]:
    """A function that makes a telephone for a switch."""
    made: list[Phone] = []

    def make(switch: SwitchProcess, call_id: str, **how: Any) -> Phone:
        made.append(Phone(switch, call_id, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def tshark() -> Tshark:
    """What Wireshark reads."""
    return Tshark()


@pytest.fixture
def command() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a command that asks a switch, in 80 columns."""

    def run(switch: SwitchProcess, *arguments: str, columns: int = 80) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [COMMAND, *arguments, "--http", f"127.0.0.1:{switch.http_port}"],
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": str(columns), "PYTHONPATH": ":".join(sys.path)},
        )

    return run


@pytest.fixture
def call_of() -> Callable[..., dict[str, Any]]:
    """Ask for a call, until it is there and `when` is true of it."""

    def ask(switch: SwitchProcess, id: str, when: Callable[[Any], Any] = lambda call: call["record"]) -> dict[str, Any]:
        deadline = time.monotonic() + 15
        while True:
            status, body = switch.get(f"/v1/calls/{id}")
            call: dict[str, Any] = json.loads(body)
            if status == 200 and when(call):
                return call
            assert time.monotonic() < deadline, f"it never came to that:\n{body}"
            time.sleep(0.05)

    return ask
