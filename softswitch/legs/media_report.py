"""What a leg can say of how it sounded, from the counts of its stream and its socket."""

from softswitch.call.record import MediaReport, Quality
from softswitch.net.rtp_socket import RtpSocket
from softswitch.rtp.stream import RtpStream


def of_stream(stream: RtpStream, socket: RtpSocket, *, now: float, began: float) -> MediaReport:
    """Return what stream and socket know. began: when the first description was agreed, monotonic seconds."""
    stats = stream.stats
    expected = stats.received + stats.lost
    received = Quality(
        packets=stats.received,
        lost=stats.lost,
        late=stats.late,
        jitter_ms=stats.jitter_ms,
        loss_percent=100.0 * stats.lost / expected if expected else 0.0,
    )
    return MediaReport(
        remote=shown(stream.remote),
        received=received,
        sent=Quality(packets=stats.sent),
        first_ms=None if stats.first_at is None else (stats.first_at - began) * 1000,
        quiet_ms=None if stream.heard_at is None else (now - stream.heard_at) * 1000,
        foreign=stats.foreign,
        stranger="" if stats.stranger is None else shown(stats.stranger[:2]),
        bad=stats.bad,
        stray_type=stats.stray_type,
        unsent=socket.send_errors,
        unsent_why=socket.send_error,
    )


def shown(address: tuple[str, int]) -> str:
    """Return `host:port` as people write it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
