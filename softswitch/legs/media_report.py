"""What a leg can say of how it sounded, from the counts of its stream and socket and from what its peer reports."""

from softswitch.call.record import MediaReport, Quality
from softswitch.net.rtp_socket import RtpSocket
from softswitch.rtp.emodel import Impairment, burst_ratio, impairment_of, mos, rating
from softswitch.rtp.reports import Reports
from softswitch.rtp.stats import StreamStats
from softswitch.rtp.stream import RtpStream

#: Fewer packets (a second of them) say nothing of how a call sounds.
MIN_PACKETS = 50
#: What the jitter buffer of a peer is taken for that says nothing of it: two packets, as most have at least.
PEER_BUFFER_MS = 40.0
#: RFC 3611 section 4.7.2: rates are parts of 256.
_PARTS = 256


def of_stream(
    stream: RtpStream,
    socket: RtpSocket,
    reports: Reports | None,
    *,
    codec: str,
    clock_hz: int,
    ptime_ms: int,
    now: float,
    began: float,
) -> MediaReport:
    """Return what stream and socket know, and the peer has reported.

    codec, clock_hz, ptime_ms: as agreed. began: when the first description was agreed, monotonic seconds.
    """
    stats = stream.stats
    trip_ms = None if reports is None or reports.round_trip is None else reports.round_trip * 1000
    cost = impairment_of(codec, conceals=True)  # we cover what is lost; so do telephones
    return MediaReport(
        remote=shown(stream.remote),
        received=_received(stats, cost, (trip_ms or 0.0) / 2 + ptime_ms),
        sent=_sent(stats, reports, cost, (trip_ms or 0.0) / 2 + ptime_ms, clock_hz),
        first_ms=None if stats.first_at is None else (stats.first_at - began) * 1000,
        quiet_ms=None if stream.heard_at is None else (now - stream.heard_at) * 1000,
        foreign=stats.foreign,
        stranger="" if stats.stranger is None else shown(stats.stranger[:2]),
        bad=stats.bad,
        stray_type=stats.stray_type,
        unsent=socket.send_errors,
        unsent_why=socket.send_error,
        round_trip_ms=trip_ms,
    )


def _received(stats: StreamStats, cost: Impairment, way_ms: float) -> Quality:
    expected = stats.received + stats.lost
    score = None
    if stats.received >= MIN_PACKETS:
        # What came too late to be played is lost to who listens.
        useless = min(stats.lost + stats.late, expected)
        score = mos(
            rating(
                cost,
                loss_percent=100.0 * useless / expected,
                burst=burst_ratio(stats.lost, stats.gaps, stats.received),
                delay_ms=way_ms + max(0.0, stats.delay_ms) + cost.delay_ms,
            )
        )
    return Quality(
        packets=stats.received,
        lost=stats.lost,
        late=stats.late,
        jitter_ms=stats.jitter_ms,
        loss_percent=100.0 * stats.lost / expected if expected else 0.0,
        mos=score,
    )


def _sent(stats: StreamStats, reports: Reports | None, cost: Impairment, way_ms: float, clock_hz: int) -> Quality:
    """Return how the peer hears us, as far as it says so."""
    heard = None if reports is None else reports.heard
    if reports is None or heard is None:
        return Quality(packets=stats.sent)
    voip = reports.theirs
    lost, buffer_ms = heard.loss_percent, PEER_BUFFER_MS
    if voip is not None:
        lost += 100.0 * voip.discards / _PARTS
        buffer_ms = float(voip.buffer_ms) or PEER_BUFFER_MS
    score = None
    if heard.expected >= MIN_PACKETS:
        score = mos(rating(cost, loss_percent=lost, delay_ms=way_ms + buffer_ms + cost.delay_ms))
    return Quality(
        packets=stats.sent,
        lost=max(0, heard.lost),
        jitter_ms=1000.0 * heard.jitter / clock_hz,
        loss_percent=heard.loss_percent,
        mos=score,
    )


def shown(address: tuple[str, int]) -> str:
    """Return `host:port` as people write it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
