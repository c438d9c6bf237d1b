"""One SIP connection over TCP or TLS: bytes in, whole messages out, within the limits of `StreamLimits`.

Theory of operation
-------------------
A connection is accepted, or opened because something is to be sent to its remote. Until it is open, TLS included
(`tls_link.py`, which stands between it and the socket), what is to be sent waits here. Every `Flow` under which
something was sent is remembered, so that when the connection breaks off, those who still wait for an answer are told
(RFC 3261 section 18.4). A peer that closes in good order fails nobody: it may answer over a connection of its own
(section 18.2.2).

Sending never waits: what the peer does not take is buffered up to `write_bytes`, then the connection is dropped, for a
peer that does not read does not come back by being waited for.
"""

import asyncio
import re
import socket
from typing import Final, Protocol, cast

from softswitch import clock
from softswitch.errors import RemoteError
from softswitch.net.patience import Patience, StreamLimits
from softswitch.sip.flow import Flow
from softswitch.sip.framing import PONG, StreamFramer

#: Flows remembered for one connection; they differ in the local address only, of which there are a few.
MAX_FLOWS: Final = 16

#: What may stay behind of a keep-alive: a lone CRLF, which some phones send, is no message begun.
MAX_LINE_ENDS_BYTES: Final = 3

#: Octets of a read that are cut into messages in one go: of who says more than he may, the rest is not even cut.
SLICE_BYTES: Final = 8192

#: Only for the log line of a failure.
_CALL_ID: Final = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\s]{1,128})", re.IGNORECASE | re.MULTILINE)


def call_of(data: bytes) -> str:
    """Return the Call-ID of a message for a log line, empty if none is to be seen."""
    match = _CALL_ID.search(data)
    return match.group(1).decode("ascii", "replace") if match else ""


class Owner(Protocol):
    """What a connection tells, and whom: its owner, `Streams`."""

    @property
    def limits(self) -> StreamLimits: ...

    def admit(self, connection: "Connection") -> bool:
        """Take a connection that was just opened into the books; False: there are too many."""

    def message(self, data: bytes, flow: Flow) -> None:
        """Hand up one whole message."""

    def pinged(self, flow: Flow, pings: int) -> int:
        """Take so many keep-alives; return how many of them are to be answered."""

    def note(self, what: str) -> None:
        """Count something worth a metric."""

    def dropped(self, flow: Flow, why: str) -> None:
        """Count a connection that is broken off, and log it unless that fills the log."""

    def undelivered(self, flow: Flow, words: str = "") -> None:
        """Report that something sent under `flow` did not arrive; words: why, as a predicate of the peer."""

    def opened(self, connection: "Connection") -> None:
        """Take the news that messages can go over the connection, its TLS included."""

    def tls_failed(self, connection: "Connection", kind: str, words: str) -> None:
        """Count that TLS could not be set up or broke, and log it unless that fills the log."""

    def ended(self, connection: "Connection") -> None:
        """Strike the connection from the books."""


class Connection(asyncio.Protocol):
    """One connection. `flow` is what its messages are handed up with. names: whom the peer has proved to be by TLS."""

    def __init__(self, owner: Owner, number: int, flow: Flow, *, accepted: bool) -> None:
        self.number = number
        self.flow = flow
        self.accepted = accepted
        self.names: tuple[str, ...] = ()
        self._owner = owner
        self._framer = StreamFramer()
        self._patience = Patience(owner.limits, accepted=accepted, now=clock.now(), handshake=flow.secure)
        self._socket: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._flows: dict[Flow, None] = {}
        #: No more is sent over it: it is being closed, by us or by the peer.
        self.closing = False
        #: The peer has said anything at all.
        self.heard = False
        self._over = False

    # ---------------------------------------------------------------- what the owner does

    def send(self, data: bytes, flow: Flow) -> None:
        """Send a message, or keep it until the connection stands. `flow`: under which a failure is reported."""
        if self._over or self.closing:
            self._owner.undelivered(flow)
            return
        if len(self._flows) < MAX_FLOWS:
            self._flows[flow] = None
        self._patience.used(now=clock.now())
        transport = self._transport
        waiting_bytes = self._pending_bytes if transport is None else transport.get_write_buffer_size()
        if waiting_bytes + len(data) > self._owner.limits.write_bytes:
            self.drop("write_buffer_full")
        elif transport is None:
            self._pending.append(data)
            self._pending_bytes += len(data)
        else:
            transport.write(data)

    def drop(self, why: str) -> None:
        """Break off at once: unsent bytes are lost, and those who wait for answers are told."""
        self._owner.dropped(self.flow, why)
        self.fail()

    def fail(self, words: str = "") -> None:
        """End the connection as failed; also when it was never opened. words: why, as a predicate of the peer."""
        below = self._transport or self._socket
        self._end(failed=True, words=words)
        if below is not None:
            below.abort()

    def close(self) -> None:
        """Send what is waiting, then close."""
        self.closing = True
        if self._transport is not None:
            self._transport.close()
        elif self._socket is not None:
            self.fail()
        else:
            self._end(failed=bool(self._pending))

    @property
    def is_open(self) -> bool:
        """True while bytes can be written."""
        return self._transport is not None

    def check(self, *, now: float) -> None:
        """Drop the connection if its peer has kept us waiting too long."""
        lost = self._patience.lost(now=now)
        if lost == "handshake":
            words = f"TLS was not set up within {self._owner.limits.handshake:g} s"
            self._owner.tls_failed(self, "timeout", words)
            self.fail(words)
        elif lost == "idle" and not self.closing:
            self._owner.note(lost)
            self.close()
        elif lost is not None:
            self.drop(lost)

    # ---------------------------------------------------------------- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        if self.arrived(stream):
            self.ready(stream)
        else:
            stream.abort()

    def arrived(self, stream: asyncio.Transport) -> bool:
        """Take the news that there is a socket; False: it is not wanted (any more)."""
        if self.accepted:
            peer, local = stream.get_extra_info("peername"), stream.get_extra_info("sockname")
            if not peer or not local:  # gone before we looked
                self._end(failed=False)
                return False
            self.flow = Flow(self.flow.transport, local[:2], peer[:2], self.number)
        if self._over or not self._owner.admit(self):
            self._over = True
            return False
        self._socket = stream
        _find_dead_peers(stream)
        return True

    def ready(self, stream: asyncio.Transport, names: tuple[str, ...] = ()) -> None:
        """Take the news that bytes can be written, by this transport. names: whom the peer has proved to be."""
        self._transport, self.names = stream, names
        self._patience.ready(now=clock.now())
        self._owner.opened(self)
        for data in self._pending:
            stream.write(data)
        self._pending.clear()
        self._pending_bytes = 0

    def unready(self, kind: str, words: str) -> None:
        """Take the news that TLS failed; the connection is over."""
        if not self._over:
            self._owner.tls_failed(self, kind, words)
            self._end(failed=True, words=words)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self.heard = True
        for start in range(0, len(data), SLICE_BYTES):
            if not self._take(data[start : start + SLICE_BYTES]):
                return

    def _take(self, data: bytes) -> bool:
        """Hand up the messages that some octets complete; False where the connection has come to its end."""
        try:
            messages = self._framer.feed(data)
        except RemoteError as error:
            self._owner.note(error.kind)
            self.drop("unreadable_stream")
            return False
        unfinished = self._framer.pending_bytes > MAX_LINE_ENDS_BYTES
        pings = sum(message is PONG for message in messages)
        self._patience.heard(messages=len(messages) - pings, unfinished=unfinished, now=clock.now())
        for message in messages:
            if self._transport is None:  # what a message led to has ended the connection
                return False
            if message is not PONG:
                self._owner.message(message, self.flow)
        if pings and not self.closing:
            self._pong(pings)
        if (fault := self._framer.fault) is not None:  # the last message was answered; nothing after it can be read
            self._owner.note(fault.kind)
            self.close()
        return self._transport is not None

    def eof_received(self) -> bool:
        self.closing = True  # the peer says no more; what it was sent is still flushed before the transport closes
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(failed=exc is not None)

    # ----------------------------------------------------------------

    def _pong(self, pings: int) -> None:
        """Answer keep-alives (RFC 5626 section 4.4.1), unless the peer only sends and never reads."""
        answers = self._owner.pinged(self.flow, pings)
        transport = self._transport
        if answers and transport is not None and transport.get_write_buffer_size() < self._owner.limits.write_bytes:
            transport.write(PONG * answers)

    def _end(self, *, failed: bool, words: str = "") -> None:
        if self._over:
            return
        self._over = True
        self._transport = self._socket = None
        self._pending.clear()
        self._owner.ended(self)
        if failed:
            for flow in self._flows:
                self._owner.undelivered(flow, words)
        self._flows.clear()


def _find_dead_peers(transport: asyncio.Transport) -> None:
    """Let the system find out which peers vanished without a word."""
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
