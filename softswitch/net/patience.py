"""How long one connection may keep us waiting: pure, in virtual time."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["handshake", "first_message", "unfinished", "idle"]


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What the peers of SIP connections can make us hold, and for how long. Seconds, unless the name says bytes.

    first_message: a connection that has not said one whole message by then is nobody's phone.
    unfinished: a message that was begun must be whole by then; one octet a second (slow loris) is not a message.
    idle: far above the CRLF keep-alives of RFC 5626 section 4.4.1 (2 minutes) and the usual registration (1 hour).
    connect: well below timer B (32 s), so that the caller still has time for another destination.
    handshake: TLS must stand by then; a telephone on a bad line needs three round trips, each of less than a second.
    connections: accepted and opened ones together; each holds a file and up to `write_bytes`.
    per_host: accepted of one remote host that is not known; an office behind one NAT address has less telephones.
    handshakes, handshakes_per_host: accepted ones whose TLS does not stand yet, of all hosts and of one that is not
    known: a half-open connection costs a file and little memory, and the ones of others must find a place beside it.
    write_bytes: unsent bytes, about 200 messages: the peer does not read any more.
    close: what peers get to take our last messages when we shut down.
    """

    first_message: float = 10.0
    unfinished: float = 10.0
    idle: float = 3900.0
    connect: float = 5.0
    handshake: float = 5.0
    connections: int = 4000
    per_host: int = 200
    handshakes: int = 512
    handshakes_per_host: int = 32
    write_bytes: int = 256 * 1024
    close: float = 1.0


class Patience:
    """The time limits of one connection, opened at `now`.

    accepted: the peer opened it, so it must speak first. handshake: TLS has to be set up before.
    """

    __slots__ = ("_accepted", "_first_by", "_handshake_by", "_heard_at", "_limits", "_unfinished_by")

    def __init__(self, limits: StreamLimits, *, accepted: bool, now: float, handshake: bool = False) -> None:
        self._limits = limits
        self._accepted = accepted
        self._heard_at = now
        self._handshake_by: float | None = now + limits.handshake if handshake else None
        self._first_by: float | None = now + limits.first_message if accepted and not handshake else None
        self._unfinished_by: float | None = None

    def ready(self, *, now: float) -> None:
        """Note that TLS stands: from now on messages are waited for."""
        if self._handshake_by is not None:
            self._handshake_by, self._heard_at = None, now
            self._first_by = now + self._limits.first_message if self._accepted else None

    def heard(self, *, messages: int, unfinished: bool, now: float) -> None:
        """Note that bytes came which made so many whole messages. unfinished: they left the beginning of another."""
        self._heard_at = now
        if messages:
            self._first_by = None
        if not unfinished:
            self._unfinished_by = None
        elif messages or self._unfinished_by is None:
            self._unfinished_by = now + self._limits.unfinished

    def used(self, *, now: float) -> None:
        """Note that we sent something: the connection is in use."""
        self._heard_at = now

    def next_timer(self) -> float:
        """Return when patience ends if nothing happens before."""
        if self._handshake_by is not None:
            return self._handshake_by
        end = self._heard_at + self._limits.idle
        if self._first_by is not None and self._first_by < end:
            end = self._first_by
        if self._unfinished_by is not None and self._unfinished_by < end:
            end = self._unfinished_by
        return end

    def lost(self, *, now: float) -> Reason | None:
        """Return which limit the peer has passed, None if none."""
        if self._handshake_by is not None:
            return "handshake" if self._handshake_by <= now else None
        if self._first_by is not None and self._first_by <= now:
            return "first_message"
        if self._unfinished_by is not None and self._unfinished_by <= now:
            return "unfinished"
        return "idle" if self._heard_at + self._limits.idle <= now else None
