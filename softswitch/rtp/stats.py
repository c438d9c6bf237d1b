"""What is known of a stream at one moment."""

from typing import NamedTuple

Address = tuple[str, int]


class StreamStats(NamedTuple):
    """Counts since the stream began. lost: sequence numbers still missing. late: arrived after its turn, not played.

    foreign: not from the locked source. bad: neither RTP of a negotiated payload type, nor RTCP, nor STUN.
    jitter_ms: interarrival jitter (RFC 3550 section 6.4.1). delay_ms: how long the newest packet waits in the buffer.
    first_at: when a packet was heard first, monotonic seconds. stranger: the last source that was not listened to.
    stray_type: the last payload type that nobody agreed to, -1 for none. gaps: how many rows of packets `lost` are.
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
    first_at: float | None = None
    stranger: Address | None = None
    stray_type: int = -1
    gaps: int = 0
