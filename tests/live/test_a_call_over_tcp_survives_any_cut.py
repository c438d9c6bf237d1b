"""A whole call over TCP, each of its messages cut in two at each of its bytes: a stream has no datagrams.

The parts go out with Nagle off and a pause between them, so that the switch reads them one by one. After the cut calls
one call arrives byte by byte, and several in one segment.
"""

import re
import secrets
import socket
import time
from collections.abc import Iterator

import pytest

from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.switch import SwitchProcess, running_switch

#: Long enough for the switch to have read the first part before the second comes.
PAUSE_SECONDS = 0.001
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Telephone:
    """A connection that says whole calls, however it is told to cut them."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(5)
        self._port = port
        self.number = 0
        self._name = secrets.token_hex(8)
        self._read = b""

    def __enter__(self) -> "Telephone":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def message(self, method: str, tag: str = "") -> bytes:
        """Return a message of the present call, the next one with each INVITE."""
        if method == "INVITE":
            self.number += 1
        body = SDP if method == "INVITE" else ""
        cseq = {"INVITE": 1, "ACK": 1, "BYE": 2}[method]
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:600@{LOOPBACK}:{self._port} SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP {LOOPBACK}:9;branch=z9hG4bK{method}{self.number}{self._name}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:cut@{LOOPBACK}>;tag=ours\r\nTo: <sip:600@{LOOPBACK}>{tag}\r\n"
            f"Call-ID: {self._name}-{self.number}\r\nCSeq: {cseq} {method}\r\nContact: <sip:cut@{LOOPBACK}>\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def send(self, *parts: bytes) -> None:
        """Send each part in a segment of its own."""
        for index, part in enumerate(parts):
            if index:
                time.sleep(PAUSE_SECONDS)
            self._socket.sendall(part)

    def answer(self) -> tuple[int, str, str]:
        """Return status, CSeq and To tag of the next final response."""
        while True:
            self._read = self._read.lstrip(b"\r\n")  # pongs (RFC 5626 section 3.5.1)
            head, end, rest = self._read.partition(b"\r\n\r\n")
            if end:
                text = head.decode()
                length = int(_first(r"\r\nContent-Length: *(\d+)", text))
                if len(rest) >= length:
                    self._read = rest[length:]
                    status = int(text.split()[1])
                    if status >= 200:
                        return (
                            status,
                            _first(r"\r\nCSeq: *(.*?)\r\n", text + "\r\n"),
                            _first(r"\r\nTo:.*?(;tag=\S+)", text),
                        )
                    continue
            data = self._socket.recv(65536)
            assert data, "the switch closed the connection"
            self._read += data


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"no {pattern} in {text}"
    return found.group(1)


@pytest.fixture(scope="module")
def quick_switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwitchProcess]:
    """A switch that uses ports again at once: hundreds of calls a second are more than it has ports to rest."""
    folder = tmp_path_factory.mktemp("quick")
    config = folder / "softswitch.yaml"
    config.write_text("rtp:\n  quiet_seconds: 0\n")
    with running_switch(folder, options=("--config", str(config)), number=9) as running:
        yield running


@pytest.fixture
def telephone(quick_switch: SwitchProcess) -> Iterator[Telephone]:
    """A telephone with a connection of its own."""
    with Telephone(quick_switch.sip_port) as phone:
        yield phone


@pytest.mark.parametrize("method", ["INVITE", "ACK", "BYE"])
def test_each_message_may_be_cut_anywhere(telephone: Telephone, method: str) -> None:
    at = 1
    while True:
        length = 0
        tag = ""
        for name in ("INVITE", "ACK", "BYE"):
            data = telephone.message(name, tag)
            if name == method:
                length = len(data)
                telephone.send(data[:at], data[at:])
            else:
                telephone.send(data)
            if name != "ACK":
                status, cseq, tag = telephone.answer()
                assert (status, cseq.split()[1]) == (200, name), f"{method} cut at {at}"
        at += 1
        if at >= length:
            return


def test_a_call_may_come_byte_by_byte(telephone: Telephone) -> None:
    tag = ""
    for name in ("INVITE", "ACK", "BYE"):
        data = telephone.message(name, tag)
        telephone.send(*(data[index : index + 1] for index in range(len(data))))
        if name != "ACK":
            status, _, tag = telephone.answer()
            assert status == 200


def test_several_messages_may_come_at_once(telephone: Telephone) -> None:
    """Ten INVITEs, then each ACK with its BYE, all of it in one write."""
    telephone.send(b"".join(telephone.message("INVITE") for _ in range(10)))
    tags = [telephone.answer()[2] for _ in range(10)]
    assert len(set(tags)) == 10
    telephone.number -= 10
    endings = b""
    for tag in tags:
        telephone.number += 1
        endings += b"\r\n\r\n" + telephone.message("ACK", tag) + telephone.message("BYE", tag)
    telephone.send(endings)
    assert [telephone.answer()[:2] for _ in range(10)] == [(200, "2 BYE")] * 10
