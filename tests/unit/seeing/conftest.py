"""A call that never was: its messages and moments in virtual time, and what is shown of it."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.api.sight import as_json, lines_of, seen
from softswitch.call.leg import LegEvent
from softswitch.call.record import CallRecord
from softswitch.call.story import Story
from softswitch.sip.flow import Flow
from softswitch.sip.trace import Trace

WALL = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
HERE = ("192.0.2.1", 5060)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


class Staged:
    """A call as it would be traced. now: advances by 10 ms with each message."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.trace = Trace(8, lambda: WALL.timestamp() + self.now - 1000)
        self.story = Story("in-0", wall=WALL, now=self.now)
        self.story.meet("in-0", "phone", "", "1001", now=self.now)
        self.trace.bind("in-0@h", "in-0", now=self.now)
        self._flows = {"in-0": Flow("UDP", HERE, ("198.51.100.7", 5062))}

    def party(self, leg: str, kind: str, name: str, number: str, transport: str = "UDP") -> None:
        self.story.meet(leg, kind, name, number, now=self.now)  # type: ignore[arg-type]
        if kind != "AI":
            self.trace.bind(f"{leg}@h", leg, now=self.now)
            self._flows[leg] = Flow(transport, HERE, (f"203.0.113.{len(self._flows)}", 5060))

    def said(
        self, leg: str, start: str, *, by_us: bool, method: str = "INVITE", sdp: bool = False, again: int = 0
    ) -> None:
        """Let a message pass, and `again` copies of it, a second after each other."""
        body = SDP.format(host=HERE[0] if by_us else self._flows[leg].remote[0], port=4000) if sdp else ""
        start = start if start.startswith("SIP/") else f"{start} sip:x@h SIP/2.0"
        kind = "Content-Type: application/sdp\r\n" if sdp else ""
        head = f"{start}\r\nVia: SIP/2.0/UDP h;branch=z9{method}\r\nCall-ID: {leg}@h\r\nCSeq: 1 {method}\r\n{kind}\r\n"
        for copy in range(again + 1):
            self.now += 1.0 if copy else 0.01
            data = (head + body).encode()
            self.trace.note(data, self._flows[leg], sent=by_us, now=self.now)

    def happened(self, leg: str, event: LegEvent) -> None:
        self.story.happened(leg, event, now=self.now)

    def shown(self, record: CallRecord | None = None, *, private: bool = False, **live: Any) -> dict[str, Any]:
        """Return it as the API tells it."""
        sight = seen(self.story, lines_of(self.trace, self.story), record=record, live=live)
        return as_json(sight, private=private)


@pytest.fixture
def staged() -> Callable[[], Staged]:
    return Staged
