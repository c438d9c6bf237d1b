"""What the switch counts, under the names of the contract, gathered when somebody asks."""

import asyncio
import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from softswitch import clock
from softswitch.api.health import Family, Histogram, Histograms
from softswitch.apps.recordings import Recordings
from softswitch.audio.frame import FRAMES_PER_SECOND
from softswitch.call.record import CallRecord
from softswitch.call.toll import Toll
from softswitch.legs.guard import Guard
from softswitch.legs.stir import Vouching
from softswitch.legs.trunk import TrunkStatus
from softswitch.legs.trunks import Trunks
from softswitch.legs.user_agent import UserAgent
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.sip_socket import SipSockets
from softswitch.net.ticker import Ticker
from softswitch.people import People
from softswitch.reload import Reloader
from softswitch.sip.core import SipCore
from softswitch.store.records import CallRecords
from softswitch.switchboard import Switchboard


class Spread:
    """A histogram that grows. bounds: upper ones; counts has one more, for what is beyond them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, *bounds: float) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class MediaTotals:
    """RTP of the legs that are over. suites: calls with sound, by what encrypted it.

    scores, jitter_ms: of each leg, `in` as we heard it, `out` as it heard us where it said so.
    """

    received: int = 0
    sent: int = 0
    lost: int = 0
    forged: int = 0
    suites: Counter[str] = field(default_factory=Counter)
    scores: dict[str, Spread] = field(
        default_factory=lambda: {way: Spread(1.5, 2.0, 2.5, 3.1, 3.6, 4.0, 4.2, 4.3, 4.4) for way in ("in", "out")}
    )
    jitter_ms: dict[str, Spread] = field(
        default_factory=lambda: {
            way: Spread(1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0) for way in ("in", "out")
        }
    )

    def add(self, record: CallRecord) -> None:
        """Count a finished call's packets."""
        self.received += record.media.received.packets
        self.sent += record.media.sent.packets
        self.lost += record.media.received.lost
        self.forged += record.media.forged
        if record.media.codec:
            self.suites[record.media.srtp or "none"] += 1
        for leg in record.legs:
            for way, quality in (("in", leg.media.received), ("out", leg.media.sent)):
                if quality.mos is not None:
                    self.scores[way].observe(quality.mos)
                    self.jitter_ms[way].observe(quality.jitter_ms)


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that counts something."""

    switchboard: Switchboard
    user_agent: UserAgent
    ports: Sequence[RtpPorts]
    ticker: Ticker
    records: CallRecords
    media: MediaTotals
    trunks: Trunks
    reloads: Reloader
    vouching: Vouching
    people: People
    recordings: Recordings


def measure(app: Sources) -> Iterator[Family | Histogram | Histograms]:
    """Yield every metric of a running switch."""
    yield from _of_calls(app.switchboard)
    yield from _of_trunks(tuple(app.trunks.statuses()))
    core = app.user_agent.core
    yield from _of_core(core)
    yield from _of_tolls(app.trunks.tolls.toll)
    yield from _of_people(app.people)
    yield from _of_guard(app.user_agent.guard)
    turns = app.user_agent.sockets.turns
    yield _gauge("sip_waiting", "SIP messages that wait for their turn to be handled.", len(turns))
    yield Family(
        "softswitch_sip_overrun_total", "counter", "SIP messages that found no place to wait.", (), (((), turns.lost),)
    )
    yield from _of_sockets(app.user_agent.sockets)
    yield _gauge("sip_transactions", "SIP transactions, those that linger included.", len(core))
    yield _gauge("sip_legs", "SIP legs, those whose last messages are on their way included.", app.user_agent.legs)
    yield from _of_media(app.media)
    yield _gauge("rtp_ports_open", "RTP sockets, those in quarantine included.", sum(one.sockets for one in app.ports))
    yield _gauge("trace_bytes", "Memory that the SIP messages of calls take.", app.user_agent.trace.size)
    yield _gauge("tasks", "Tasks of the event loop.", len(asyncio.all_tasks()))
    yield _gauge("records_waiting", "Call records not yet written.", app.records.waiting)
    yield from _of_recordings(app.recordings)
    yield from _of_reloads(app.reloads)
    yield Family(
        "softswitch_signed_calls_total",
        "counter",
        "Inbound calls whose signature was looked at.",
        ("result",),
        tuple(((result,), float(count)) for result, count in app.vouching.counts.items()),
    )
    late = app.ticker.late_ms
    yield Histogram(
        "softswitch_tick_late_ms",
        "How late phases of the 20 ms clock were served, in milliseconds.",
        tuple(_cumulative(late.BOUNDS_MS, late.counts)),
        late.sum_ms,
    )
    yield Family(
        "softswitch_tick_skipped_total", "counter", "Ticks given up after stalls.", (), (((), app.ticker.skipped),)
    )


def _of_recordings(recordings: Recordings) -> Iterator[Family]:
    yield _gauge("recordings_active", "Recordings being written.", recordings.active)
    waiting = recordings.waiting_frames / FRAMES_PER_SECOND
    yield _gauge("recording_waiting_seconds", "Recorded sound that waits for the disk.", waiting)
    yield Family(
        "softswitch_recordings_failed_total",
        "counter",
        "Recordings that ended before their time, or never began.",
        (),
        (((), recordings.failed),),
    )


def _of_core(core: SipCore) -> Iterator[Family]:
    yield Family(
        "softswitch_sip_messages_total",
        "counter",
        "SIP messages, copies not counted; code 0 is a request.",
        ("method", "code", "direction"),
        tuple(((method, str(code), way), float(count)) for (method, code, way), count in core.counts.items()),
    )
    yield Family(
        "softswitch_sip_bad_messages_total",
        "counter",
        "SIP messages answered with an error or dropped.",
        ("reason",),
        tuple(((kind,), float(count)) for kind, count in core.bad.items()),
    )


def _of_sockets(sockets: SipSockets) -> Iterator[Family]:
    yield _gauge(
        "sip_connections", "SIP connections over TCP and TLS, those being opened included.", sockets.connections
    )
    yield Family(
        "softswitch_sip_socket_events_total",
        "counter",
        "What happened to SIP sockets and connections.",
        ("event",),
        tuple(((event,), float(count)) for event, count in sockets.counts.items()),
    )
    yield Family(
        "softswitch_tls_failures_total",
        "counter",
        "TLS connections that did not come about or broke; side is in for those that peers opened.",
        ("side", "reason"),
        tuple((key, float(count)) for key, count in sockets.streams.tls_failures.items()),
    )


def _of_media(media: MediaTotals) -> Iterator[Family | Histograms]:
    yield Family(
        "softswitch_rtp_packets_total",
        "counter",
        "RTP packets of legs that are over.",
        ("direction",),
        ((("in",), float(media.received)), (("out",), float(media.sent))),
    )
    yield Family(
        "softswitch_rtp_lost_total",
        "counter",
        "RTP packets that never came, of legs that are over.",
        (),
        (((), float(media.lost)),),
    )
    for name, help, spreads in (
        ("mos", "Opinion score of legs that are over, by direction.", media.scores),
        ("rtp_jitter_ms", "Jitter of legs that are over, by direction, in milliseconds.", media.jitter_ms),
    ):
        series = tuple(
            (way, tuple(_cumulative(spread.bounds, spread.counts)), spread.total) for way, spread in spreads.items()
        )
        yield Histograms(f"softswitch_{name}", help, "direction", series)
    yield Family(
        "softswitch_srtp_calls_total",
        "counter",
        "Calls with sound that are over, by the suite that encrypted it.",
        ("suite",),
        tuple(((suite,), float(count)) for suite, count in media.suites.items()),
    )
    yield Family(
        "softswitch_srtp_rejected_total",
        "counter",
        "Packets that were not encrypted with the peer's key, of legs that are over.",
        (),
        (((), float(media.forged)),),
    )


def _of_tolls(toll: Toll) -> Iterator[Family]:
    yield Family(
        "softswitch_toll_refused_total",
        "counter",
        "Calls that were not placed, by whose rule and which.",
        ("scope", "reason"),
        tuple((key, float(count)) for key, count in toll.refused.items()),
    )
    yield Family(
        "softswitch_toll_ended_total",
        "counter",
        "Calls that were ended because the minutes of the day were used up, by whose.",
        ("scope",),
        tuple(((scope,), float(count)) for scope, count in toll.ended.items()),
    )


def _of_guard(guard: Guard) -> Iterator[Family]:
    gate = guard.gate
    yield _gauge("guard_stranger_calls", "Calls of strangers, those being set up included.", guard.strangers.calls)
    yield Family(
        "softswitch_guard_dropped_total",
        "counter",
        "SIP messages and connections that nobody looked at.",
        ("reason",),
        tuple(((reason,), float(count)) for reason, count in gate.dropped.items()),
    )
    yield Family(
        "softswitch_guard_offences_total",
        "counter",
        "What sources of SIP did wrong.",
        ("kind",),
        tuple(((kind,), float(count)) for kind, count in gate.offences.items()),
    )
    yield Family(
        "softswitch_guard_banned_total",
        "counter",
        "Sources of SIP that were banned, by the offence that did it.",
        ("kind",),
        tuple(((kind,), float(count)) for kind, count in gate.banned.items()),
    )
    yield _gauge("guard_bans", "Sources of SIP that are banned.", len(gate.running_bans(now=clock.now())))
    yield _gauge("guard_sources", "Sources of SIP that are remembered.", gate.sources)


def _of_calls(switchboard: Switchboard) -> Iterator[Family | Histogram]:
    yield _gauge("calls_active", "Calls that are up or being set up.", switchboard.active)
    yield Family(
        "softswitch_calls_total",
        "counter",
        "Calls that are over.",
        ("direction", "outcome", "carrier"),
        tuple((key, float(count)) for key, count in switchboard.tally.totals.items()),
    )
    yield Family(
        "softswitch_transfers_total",
        "counter",
        "Transfers that are over.",
        ("mode", "outcome"),
        tuple((key, float(count)) for key, count in switchboard.tally.transfers.items()),
    )
    setup = switchboard.tally.setup
    yield Histogram(
        "softswitch_call_setup_seconds",
        "Time from INVITE to answer of calls that are over, in seconds.",
        tuple(_cumulative(setup.BOUNDS, setup.counts)),
        setup.sum_seconds,
    )


def _of_people(people: People) -> Iterator[Family]:
    yield _gauge("phones_registered", "Telephones that are registered.", len(people.users.location))
    yield _gauge("users", "Users, of softswitch.yaml and of SQL.", len(people.users.book))
    yield Family(
        "softswitch_credentials_total",
        "counter",
        "What credentials of telephones and carriers were worth, and challenges sent.",
        ("outcome",),
        tuple(((outcome,), float(count)) for outcome, count in people.proof.counts.items()),
    )


def _of_trunks(trunks: Sequence[TrunkStatus]) -> Iterator[Family]:
    yield Family(
        "softswitch_registrations",
        "gauge",
        "1 for the state that the registration with a carrier is in.",
        ("carrier", "state"),
        tuple(((one.name, one.state), 1.0) for one in trunks if one.registers),
    )
    yield Family(
        "softswitch_trunk_calls",
        "gauge",
        "Calls of a carrier, both directions, those being set up included.",
        ("carrier",),
        tuple(((one.name,), float(one.calls)) for one in trunks),
    )
    yield Family(
        "softswitch_gateway_up",
        "gauge",
        "1 while a gateway answers checks, 0 while it does not.",
        ("carrier", "gateway"),
        tuple(
            ((one.name, gateway.name), float(gateway.state == "up"))
            for one in trunks
            for gateway in one.gateways
            if gateway.state != "unknown"
        ),
    )


def _of_reloads(reloads: Reloader) -> Iterator[Family]:
    yield Family(
        "softswitch_reloads_total",
        "counter",
        "Reloads of the configuration.",
        ("outcome",),
        tuple(((outcome,), float(count)) for outcome, count in reloads.counts.items()),
    )
    refused = reloads.last is not None and reloads.last.outcome == "refused"
    yield _gauge("reload_refused", "1 while the last reload was refused: the files hold a fault.", float(refused))


def _gauge(name: str, help: str, value: float) -> Family:
    return Family(f"softswitch_{name}", "gauge", help, (), (((), float(value)),))


def _cumulative(bounds: tuple[float, ...], counts: list[int]) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, count in zip([*(str(bound) for bound in bounds), "+Inf"], counts, strict=True):
        total += count
        yield bound, float(total)
