"""Each limit of a message, exceeded at a running switch: it is answered, counted, and the next call is as any other."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.switch import SwitchProcess

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
TOO_MANY_LINES = SDP + "a=x\r\n" * 2500
TOO_MANY_MEDIA = SDP + "m=video 0 RTP/AVP 99\r\n" * 32
TOO_LONG = SDP + "a=" + "x" * 33_000 + "\r\n"


@contextmanager
def connected(switch: SwitchProcess, transport: str) -> Iterator[socket.socket]:
    kind = socket.SOCK_STREAM if transport == "TCP" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as line:
        line.bind((LOOPBACK, 0))
        line.settimeout(5)
        line.connect((LOOPBACK, switch.sip_port))
        yield line


def request(
    line: socket.socket, transport: str, call: str, *, more: str = "", body: str = SDP, says: int = -1
) -> bytes:
    """Return an INVITE of 605; more: header lines; says: what Content-Length says, where it is not the truth."""
    here = "{}:{}".format(*line.getsockname())
    return (
        f"INVITE sip:605@{LOOPBACK} SIP/2.0\r\nVia: SIP/2.0/{transport} {here};branch=z9hG4bK{call}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:large@{here}>;tag=ours\r\nTo: <sip:605@{LOOPBACK}>\r\nCall-ID: {call}\r\n"
        f"CSeq: 1 INVITE\r\nContact: <sip:large@{here}>\r\n{more}"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body) if says < 0 else says}\r\n\r\n{body}"
    ).encode()


def final(line: socket.socket) -> str:
    """Return the first response that is no 1xx."""
    read = b""
    while True:
        data = line.recv(65_536)
        assert data, f"the switch closed the connection without an answer: {read!r}"
        read += data
        for one in read.split(b"SIP/2.0 ")[1:]:
            if b"\r\n\r\n" in one and one[:1] != b"1":
                return one.decode()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize(
    ("more", "body", "status", "counted"),
    [
        ("Subject: " + "x" * 33_000 + "\r\n", SDP, "513", "head_too_large"),
        ("X-Many: x\r\n" * 260, SDP, "513", "too_many_headers"),
        ("Subject: x\r\n" + " x\r\n" * 600, SDP, "513", "too_many_headers"),
        ("", TOO_LONG, "400", "sdp_too_long"),
        ("", TOO_MANY_LINES, "400", "sdp_too_long"),
        ("", TOO_MANY_MEDIA, "400", "sdp_media"),
    ],
    ids=["head", "headers", "folded", "description", "lines", "media"],
)
def test_a_request_above_a_limit(
    switch: SwitchProcess, request_id: str, transport: str, more: str, body: str, status: str, counted: str
) -> None:
    name = f'softswitch_sip_bad_messages_total{{reason="{counted}"}}'
    before = switch.metrics().get(name, 0)
    with connected(switch, transport) as line:
        line.sendall(request(line, transport, request_id, more=more, body=body))
        answer = final(line)
        assert answer.startswith(status), answer
        assert f"Call-ID: {request_id}\r\n" in answer
        after = {n: v for n, v in switch.metrics().items() if "bad_messages" in n}
        assert after.get(name) == before + 1, after
    an_ordinary_call_is_served(switch, request_id + "-next")


def test_a_stream_that_announces_too_much_is_answered_and_closed(switch: SwitchProcess, request_id: str) -> None:
    with connected(switch, "TCP") as line:
        line.sendall(request(line, "TCP", request_id, says=70_000))
        assert final(line).startswith("513")
        assert line.recv(1) == b"", "what would follow is nothing that could be read"
    an_ordinary_call_is_served(switch, request_id + "-next")


def an_ordinary_call_is_served(switch: SwitchProcess, call: str) -> None:
    with connected(switch, "UDP") as line:
        line.sendall(request(line, "UDP", call))
        assert final(line).startswith("486")


@pytest.fixture
def request_id(request: pytest.FixtureRequest) -> str:
    """A Call-ID of the test's own."""
    return f"large-{abs(hash(request.node.nodeid))}"
