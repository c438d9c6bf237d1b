"""What a stream is told to do, and what it tells: plain values."""

from dataclasses import dataclass
from typing import NamedTuple

Address = tuple[str, int]


class Profile(NamedTuple):
    """What was negotiated for one stream: a plain value, made from an `Agreement`.

    codec: what `packets` is given, and `take` returns until the peer sends another. payload_type: the number we send it
    under. ptime_ms: length of the packets we send, 10 to 60. receive: (payload type, codec) of everything the peer may
    send. event_payload_type, receive_events: telephone-event, as we send it (None: not at all) and as the peer may send
    it. event_hz: the clock of the events we send.
    """

    codec: str
    payload_type: int
    ptime_ms: int
    receive: tuple[tuple[int, str], ...]
    event_payload_type: int | None = None
    receive_events: tuple[int, ...] = ()
    event_hz: int = 8000


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The peer pressed a key (RFC 4733); said once, when its first packet arrives."""

    digit: str


@dataclass(frozen=True, slots=True)
class KeysSent:
    """Every digit given to `send_digits` so far has been sent."""


@dataclass(frozen=True, slots=True)
class CodecHeard:
    """What is taken from now on is in this codec: the peer changed to another that was agreed."""

    codec: str


@dataclass(frozen=True, slots=True)
class SourceLatched:
    """Valid packets come from `source`, and ours go there from now on."""

    source: Address


StreamEvent = KeyPressed | KeysSent | CodecHeard | SourceLatched
