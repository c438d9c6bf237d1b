"""The torture messages cut off, with a byte lost and with bits flipped: answered, dropped or taken, and never slow.

Slow is counted, not clocked: the calls that Python makes for one message, which do not depend on the machine.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import AckReceived, BadMessage, RequestReceived, SipCore, Transmit
from softswitch.sip.flow import Flow
from tests.data.torture import MESSAGES, Torture

FLOWS = (
    Flow("UDP", ("203.0.113.1", 5060), ("203.0.113.9", 5062)),
    Flow("TCP", ("203.0.113.1", 5060), ("203.0.113.9", 5062), 3),
)
#: Places in each message; `make fuzz` goes to more.
PLACES = 30
#: Calls for one message: linear in its length. The worst of these takes 2 000 for 1 140 bytes.
MAX_CALLS, MAX_CALLS_A_BYTE = 500, 2


def broken(data: bytes) -> list[bytes]:
    """Return variants of a message, broken at places spread over it."""
    found = []
    for place in range(0, len(data), max(1, len(data) // PLACES)):
        bit = 1 << place % 8
        found.append(data[:place])
        found.append(data[:place] + data[place + 1 :])
        found.append(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        found.append(data[:place] + bytes([data[place]]) * 500 + data[place + 1 :])
    return found


def counted(work: Callable[[], None]) -> int:
    """Return how many calls the work took."""
    calls = 0

    def note(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def take(core: SipCore, data: bytes, flow: Flow) -> None:
    """Let a core take a message, and answer what it hands up; nothing may go to anybody but the sender."""
    core.receive(data, flow, now=0.0)
    for output in core.drain():
        match output:
            case Transmit():
                assert output.flow.remote[0] == flow.remote[0]
                assert output.data.startswith(b"SIP/2.0 ")
            case RequestReceived():
                assert core.send_response(output.key, output.request.reply(486, to_tag="x"), now=0.0)
            case BadMessage():
                assert output.kind.isidentifier()
            case _:
                assert isinstance(output, AckReceived), output
    assert all(isinstance(output, Transmit) and output.flow.remote[0] == flow.remote[0] for output in core.drain())


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_no_variant_raises_or_takes_long(message: Torture) -> None:
    core = SipCore(CoreSettings(), token=seeded_token(1))
    for number, data in enumerate(broken(message.wire)):
        calls = counted(lambda data=data, number=number: take(core, data, FLOWS[number % 2]))  # type: ignore[misc]
        assert calls <= MAX_CALLS + MAX_CALLS_A_BYTE * len(data), (calls, data)
    core.handle_timer(now=100.0)
    core.drain()
    core.handle_timer(now=200.0)
    assert len(core) == 0, "nothing of them stays"


@pytest.mark.parametrize(
    "filling", [b'"', b"<", b"\\", b",", b";", b" ", b"\r\n ", b"\n\t", b"%", b"=", b"[", b"\xff", b":"]
)
@pytest.mark.parametrize(
    "header", [b"Via: ", b"To: ", b"Contact: <sip:a@b>", b"Call-ID: ", b"X: ", b"CSeq: 1", b"Route: "]
)
def test_a_long_run_of_one_character_costs_little(header: bytes, filling: bytes) -> None:
    start = (
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    )
    data = start + b"Call-ID: x\r\nCSeq: 1 OPTIONS\r\n" + header + filling * (30_000 // len(filling)) + b"\r\n\r\n"
    core = SipCore(CoreSettings(), token=seeded_token(1))
    assert counted(lambda: take(core, data, FLOWS[0])) <= MAX_CALLS + MAX_CALLS_A_BYTE * len(data)
