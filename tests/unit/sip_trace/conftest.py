"""A trace and messages for it."""

from collections.abc import Callable

import pytest

from softswitch.sip.flow import Flow
from softswitch.sip.trace import Trace

FLOW = Flow("UDP", ("192.0.2.1", 5060), ("198.51.100.7", 5062))


class Rig:
    """A trace and its clock: each message comes a second after the one before."""

    def __init__(self, mib: float) -> None:
        self.trace = Trace(mib, lambda: 1e9 + self.now)
        self.now = 99.0

    def note(self, data: bytes, *, sent: bool = False, flow: Flow = FLOW) -> None:
        self.now += 1.0
        self.trace.note(data, flow, sent=sent, now=self.now)

    def call(self, number: int, *, over: bool = True, messages: int = 6, size: int = 400) -> str:
        """Let a whole call pass; return its Call-ID."""
        call_id = f"call-{number}@host"
        for count in range(messages):
            self.note(message("INVITE" if not count else "BYE", call_id, size))
            if not count:
                self.trace.bind(call_id, f"{number}-0", now=self.now)
        if over:
            self.trace.over(f"{number}-0")
        return call_id

    def kept(self, call_id: str) -> int:
        """Return how many messages of a Call-ID are kept."""
        conversation = self.trace.of_call_id(call_id)
        return 0 if conversation is None else len(conversation.messages())


def message(method: str, call_id: str, size: int = 0) -> bytes:
    head = f"{method} sip:600@192.0.2.1 SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"
    return head.encode() + b"x" * size


@pytest.fixture
def trace_of() -> Callable[[float], Rig]:
    return Rig


@pytest.fixture
def request_of() -> Callable[..., bytes]:
    return message
