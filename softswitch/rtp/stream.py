"""One RTP stream each way: packets in, 20 ms of coded sound out, and back.

Pure: the owner reads the socket and calls `receive` for every datagram, `take` and `packets` once each 20 ms, sends
what `packets` returned to `remote`, and drains `events`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Address = tuple[str, int]


class Profile(NamedTuple):
    """What was negotiated for one stream: a plain value, made from an `Agreement`.

    codec: `PCMU` or `PCMA`, what `packets` is given and `take` returns. payload_type: the number we send it under.
    ptime_ms: length of the packets we send, 10 to 60. receive: (payload type, codec) of everything the peer may send.
    event_payload_type, receive_events: telephone-event, as we send it (None: not at all) and as the peer may send it.
    """

    codec: str
    payload_type: int
    ptime_ms: int
    receive: tuple[tuple[int, str], ...]
    event_payload_type: int | None = None
    receive_events: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The peer pressed a key (RFC 4733); said once, when its first packet arrives."""

    digit: str


@dataclass(frozen=True, slots=True)
class KeysSent:
    """Every digit given to `send_digits` so far has been sent."""


@dataclass(frozen=True, slots=True)
class SourceLatched:
    """Valid packets come from `source`, and ours go there from now on."""

    source: Address


StreamEvent = KeyPressed | KeysSent | SourceLatched


class StreamStats(NamedTuple):
    """Counts since the stream began. lost: sequence numbers still missing. late: arrived after its turn.

    foreign: not from the locked source. bad: neither RTP of a negotiated payload type, nor RTCP, nor STUN.
    jitter_ms: interarrival jitter (RFC 3550 section 6.4.1). delay_ms: how long the newest packet waits in the buffer.
    """

    received: int
    sent: int
    lost: int
    late: int
    duplicate: int
    reordered: int
    foreign: int
    bad: int
    rtcp: int
    stun: int
    jitter_ms: float
    delay_ms: float


class RtpStream:
    """One stream each way. `remote` is where to send now; `events` is drained by the owner with `drain()`."""

    remote: Address
    events: list[StreamEvent]
    heard_at: float | None

    def __init__(
        self, profile: Profile, remote: Address, *, ssrc: int, sequence: int, timestamp: int, now: float
    ) -> None:
        """ssrc, timestamp: 32 random bits each, sequence: 16 (RFC 3550 section 5.1). remote: as the SDP says."""
        raise NotImplementedError

    def receive(self, data: bytes, source: Address, arrived: float, *, now: float) -> None:
        """Take one datagram as it came; never raises. arrived: when the kernel got it, monotonic seconds."""
        raise NotImplementedError

    def take(self, now: float) -> bytes | None:
        """Return the next 20 ms the peer says, 160 octets in the profile's codec; None is silence or loss."""
        raise NotImplementedError

    def packets(self, payload: bytes | None, now: float) -> Sequence[bytes]:
        """Return the datagrams (0, 1 or 2) that carry the next 20 ms; call it every 20 ms, with None for silence.

        payload: 160 octets in the profile's codec. While a key is being sent the payload is left out.
        """
        raise NotImplementedError

    def send_digits(self, digits: str, *, on_ms: int = 100, off_ms: int = 80) -> None:
        """Send keys `0-9*#A-D` as RFC 4733 events, after those still waiting; `KeysSent` follows.

        Raises LocalError if the profile has no event payload type, or for any other character.
        """
        raise NotImplementedError

    def stop_digits(self) -> None:
        """Forget the keys that have not begun; the one being sent ends as it should."""
        raise NotImplementedError

    def redirect(self, remote: Address, profile: Profile | None = None, *, now: float) -> None:
        """Follow a renegotiation: send to `remote`, under `profile` if given. The same address keeps the lock."""
        raise NotImplementedError

    def drain(self) -> list[StreamEvent]:
        """Return what happened since the last call, in order."""
        raise NotImplementedError

    @property
    def stats(self) -> StreamStats:
        """A snapshot of the counts."""
        raise NotImplementedError
