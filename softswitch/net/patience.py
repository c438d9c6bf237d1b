"""How long one connection may keep us waiting: pure, in virtual time."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["first_message", "unfinished", "idle"]


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What the peers of SIP connections can make us hold, and for how long. Seconds, unless the name says bytes.

    first_message: a connection that has not said one whole message by then is nobody's phone.
    unfinished: a message that was begun must be whole by then; one octet a second (slow loris) is not a message.
    idle: far above the CRLF keep-alives of RFC 5626 section 4.4.1 (2 minutes) and the usual registration (1 hour).
    connect: well below timer B (32 s), so that the caller still has time for another destination.
    connections: accepted and opened ones together; each holds a file and up to `write_bytes`.
    write_bytes: unsent bytes, about 200 messages: the peer does not read any more.
    close: what peers get to take our last messages when we shut down.
    """

    first_message: float = 10.0
    unfinished: float = 10.0
    idle: float = 3900.0
    connect: float = 5.0
    connections: int = 4000
    write_bytes: int = 256 * 1024
    close: float = 1.0


class Patience:
    """The time limits of one connection, opened at `now`. accepted: the peer opened it, so it must speak first."""

    __slots__ = ("_first_by", "_heard_at", "_limits", "_unfinished_by")

    def __init__(self, limits: StreamLimits, *, accepted: bool, now: float) -> None:
        self._limits = limits
        self._heard_at = now
        self._first_by: float | None = now + limits.first_message if accepted else None
        self._unfinished_by: float | None = None

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
        end = self._heard_at + self._limits.idle
        if self._first_by is not None and self._first_by < end:
            end = self._first_by
        if self._unfinished_by is not None and self._unfinished_by < end:
            end = self._unfinished_by
        return end

    def lost(self, *, now: float) -> Reason | None:
        """Return which limit the peer has passed, None if none."""
        if self._first_by is not None and self._first_by <= now:
            return "first_message"
        if self._unfinished_by is not None and self._unfinished_by <= now:
            return "unfinished"
        return "idle" if self._heard_at + self._limits.idle <= now else None
