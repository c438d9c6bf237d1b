"""One RTP stream each way: packets in, 20 ms of coded sound out, and back.

Pure: the owner reads the socket and calls `receive` for every datagram, `take` and `packets` once each 20 ms, sends
what `packets` returned to `remote`, and drains `events`.

Source lock (symmetric RTP, RFC 4961; the "latching" of RFC 7362). Until the peer is heard we send where its description
says. Then `remote` is the address its packets come from:

* a packet from the described address locks at once; from anywhere else two in sequence are needed;
* a stream is not stolen: while the locked source is heard, other sources are counted as foreign and not listened to.
  It must be silent for `SOURCE_SILENCE_SECONDS` first;
* but in the first `SETTLE_SECONDS` the described address takes the lock back from whoever was faster;
* nobody's guess holds: the port of the next call can be guessed, and whoever sends to it before the peer does is locked
  on. So a source that is neither where the description says, nor the host that signals, gives way to one that is;
* `redirect` to another address sends there at once and opens the lock; the old source is still heard, and gets our
  packets back if after `SETTLE_SECONDS` nobody else came (a peer behind NAT describes addresses that mean nothing).
"""

from collections.abc import Sequence
from functools import partial

from softswitch.errors import RemoteError
from softswitch.rtp.dtmf import EventReceiver
from softswitch.rtp.jitter import Jitter
from softswitch.rtp.law import LAWS
from softswitch.rtp.packet import (
    COMFORT_NOISE,
    HEADER,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    SEQUENCE_MASK,
    TIMESTAMP_MASK,
    VERSION_2,
    Packet,
    parse,
)
from softswitch.rtp.profile import Address, CodecHeard, KeyPressed, KeysSent, Profile, SourceLatched, StreamEvent
from softswitch.rtp.reports import Counts
from softswitch.rtp.sender import Sender
from softswitch.rtp.shape import SHAPES
from softswitch.rtp.stats import StreamStats

#: A source that was silent for this long may be followed by another one: longer than the gaps of loss and hand-over,
#: shorter than a caller's patience. Silence suppression makes such gaps too, but then comes the same source again.
SOURCE_SILENCE_SECONDS = 2.0
#: Time in which a lock may still be corrected: some round trips, and what a peer's change of address needs.
SETTLE_SECONDS = 1.0
#: RFC 3550 appendix A.1: a jump forward of less is loss, a step back of less is reordering.
MAX_DROPOUT = 3000
MAX_MISORDER = 100
#: Missing sequence numbers we remember, to tell a packet that was overtaken from one that comes twice.
MAX_MISSING = 256
#: Events the owner did not drain yet; he drains every 20 ms, and nobody presses more keys in that time.
MAX_EVENTS = 64
#: Reports of the peer that wait to be looked at: once a second there is one, rarely two.
MAX_REPORTS = 8
#: Packets that the first one may have overtaken: 160 ms of them.
MAX_OVERTAKEN = 8

_HALF = 0x80000000
_MAX_DATAGRAM = HEADER_BYTES + MAX_PAYLOAD_BYTES


class RtpStream:
    """One stream each way. `remote` is where to send now; `heard_at` when a valid packet came last (None: never).

    reports: datagrams of RTCP that came from the peer on the port of the sound, (data, arrived), for the owner to take.
    """

    __slots__ = (
        "_audio",
        "_bad",
        "_candidate",
        "_codecs",
        "_described",
        "_duplicate",
        "_event_types",
        "_first_at",
        "_foreign",
        "_foreign_types",
        "_gaps",
        "_jitter",
        "_jitter_seconds",
        "_keys",
        "_last_arrived",
        "_last_timestamp",
        "_lost",
        "_missing",
        "_next",
        "_plain",
        "_profile",
        "_received",
        "_reordered",
        "_rtcp",
        "_seconds",
        "_sender",
        "_settle_until",
        "_source",
        "_ssrc",
        "_stranger",
        "_stray_type",
        "_stun",
        "events",
        "heard_at",
        "hearing",
        "home",
        "remote",
        "reports",
    )

    def __init__(
        self, profile: Profile, remote: Address, *, ssrc: int, sequence: int, timestamp: int, now: float
    ) -> None:
        """ssrc, timestamp: 32 random bits each, sequence: 16 (RFC 3550 section 5.1). remote: as the SDP says."""
        #: The codec of what is taken.
        self.hearing = profile.codec
        shape = SHAPES[profile.codec]
        self._seconds = 1 / shape.clock_hz
        self.remote = self._described = remote
        #: The host that the peer signals from, empty where it is not known.
        self.home = ""
        self.events: list[StreamEvent] = []
        self.heard_at: float | None = None
        self.reports: list[tuple[bytes, float]] = []
        self._jitter = Jitter(shape)
        self._keys = EventReceiver()
        self._received = self._lost = self._duplicate = self._reordered = 0
        self._foreign = self._bad = self._rtcp = self._stun = self._gaps = 0
        self._first_at: float | None = None
        self._stranger: Address | None = None
        self._stray_type = -1
        # Receiving: the lock, then the sequence of the source.
        self._source: Address | None = None
        self._settle_until: float | None = None
        self._candidate: tuple[Address, Packet, float] | None = None
        self._ssrc = self._next = -1
        self._missing: dict[int, int] = {}  # sequence number -> how often it is counted as lost
        self._last_arrived = now
        self._last_timestamp = 0
        self._jitter_seconds = 0.0
        # The list's own method, not one of ours: no cycle then keeps a dead stream until the next collection.
        on_keys_sent = partial(self.events.append, KeysSent())
        self._sender = Sender(ssrc=ssrc, sequence=sequence, timestamp=timestamp, on_keys_sent=on_keys_sent)
        self._apply(profile)

    def _apply(self, profile: Profile) -> None:
        self._profile = profile
        self._codecs = dict(profile.receive)
        self._hear()
        self._event_types = frozenset(profile.receive_events)
        self._sender.follow(
            profile.payload_type,
            profile.ptime_ms,
            profile.event_payload_type,
            SHAPES[profile.codec],
            profile.event_hz,
        )

    def _hear(self) -> None:
        """Sort the payload types by what is to be done with them: nothing, another law, another codec altogether."""
        hearing = self.hearing
        law = LAWS.get(hearing)
        self._audio = {
            payload_type: LAWS[codec].other if law is not None and codec in LAWS and codec != hearing else None
            for payload_type, codec in self._codecs.items()
        }
        # The one word that a packet of the fast path begins with: no flags, no marker, our codec.
        plain = next((number for number, codec in self._codecs.items() if codec == hearing), None)
        self._plain = -1 if plain is None else VERSION_2 | plain
        self._foreign_types = frozenset(
            number
            for number, codec in self._codecs.items()
            if codec != hearing and not (law is not None and codec in LAWS)
        )

    def _switch(self, payload_type: int) -> None:
        """Follow the peer to another codec of those it may send: what waits is forgotten."""
        self.hearing = self._codecs[payload_type]
        shape = SHAPES[self.hearing]
        self._seconds = 1 / shape.clock_hz
        self._jitter.recode(shape)
        self._hear()
        self._say(CodecHeard(self.hearing))

    # Receiving.

    def receive(self, data: bytes, source: Address, arrived: float, *, now: float) -> None:
        """Take one datagram as it came; never raises. arrived: when the kernel got it, monotonic seconds."""
        if source == self._source and HEADER_BYTES < len(data) <= _MAX_DATAGRAM:
            word, sequence, timestamp, ssrc = HEADER.unpack_from(data)
            if word == self._plain and sequence == self._next and ssrc == self._ssrc and self._settle_until is None:
                self._next = (sequence + 1) & SEQUENCE_MASK
                self._received += 1
                self.heard_at = now
                step = (timestamp - self._last_timestamp) & TIMESTAMP_MASK
                deviation = arrived - self._last_arrived - step * self._seconds
                self._last_arrived = arrived
                self._last_timestamp = timestamp
                if deviation < 0.0:
                    deviation = -deviation
                if deviation < 1.0:
                    self._jitter_seconds += (deviation - self._jitter_seconds) * 0.0625
                elif step >= _HALF:
                    self._jitter.restart()
                self._jitter.put(timestamp, data[HEADER_BYTES:], arrived)
                return
        self._receive_unusual(data, source, arrived, now)

    def _receive_unusual(self, data: bytes, source: Address, arrived: float, now: float) -> None:
        try:
            packet = parse(data)
        except RemoteError as error:
            if error.kind == "stun":
                self._stun += 1
            elif error.kind == "rtcp":
                self._hear_report(data, source, arrived)
            else:
                self._bad += 1
            return
        payload_type = packet.payload_type
        if payload_type not in self._audio and payload_type not in self._event_types and payload_type != COMFORT_NOISE:
            self._bad += 1
            self._stray_type = payload_type
            return
        if source == self._source:
            if self._settle_until is not None and now >= self._settle_until:
                self._settled(source)
        elif not self._admit(packet, source, arrived, now):
            return
        self._sequenced(packet, source, arrived, now)

    def _hear_report(self, data: bytes, source: Address, arrived: float) -> None:
        """Keep a report of the peer (RFC 5761): of the locked source, or of the described one while there is none."""
        self._rtcp += 1
        if source == self._source or (self._source is None and source[:2] == self._described[:2]):
            if len(self.reports) < MAX_REPORTS:
                self.reports.append((data, arrived))

    def _settled(self, source: Address) -> None:
        """Close the lock on the source that is still there when the time to correct it is over."""
        self._settle_until = None
        if self.remote != source[:2]:
            self._latch(source)

    def _latch(self, source: Address) -> None:
        self._source = source
        self.remote = source[:2]  # an IPv6 socket adds flow and scope
        self._say(SourceLatched(self.remote))

    def _say(self, event: StreamEvent) -> None:
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)

    def _admit(self, packet: Packet, source: Address, arrived: float, now: float) -> bool:
        """Tell whether a packet from a source that is not the locked one may be listened to, and lock on it."""
        described = source[:2] == self._described[:2]
        settling = self._settle_until is not None and now < self._settle_until
        opened = settling and self._source is not None and self.remote != self._source[:2]
        silent = self.heard_at is None or now - self.heard_at >= SOURCE_SILENCE_SECONDS
        better = self._source is not None and self._is_expected(source) and not self._is_expected(self._source)
        if not (self._source is None or silent or opened or better or (settling and described)):
            self._foreign += 1
            self._stranger = source
            return False
        first, self._candidate = self._candidate, (source, packet, arrived)
        if not described:
            if first is None or first[0] != source or not _follows(first[1], packet):
                self._foreign += first is not None
                self._stranger = source
                return False
        self._candidate = None
        self._ssrc = -1
        self._settle_until = None if described else now + SETTLE_SECONDS
        self._latch(source)
        if not described and first is not None:
            self._sequenced(first[1], source, first[2], now)
        return True

    def _is_expected(self, source: Address) -> bool:
        """Tell whether a source is where the peer says it is, or the host that it signals from; where none is known
        nobody is more expected than others."""
        return not self.home or source[0] == self.home or source[:2] == self._described[:2]

    def _sequenced(self, packet: Packet, source: Address, arrived: float, now: float) -> None:
        """Put a packet of the locked source into the order of its sequence numbers (RFC 3550 appendix A.1)."""
        if self._first_at is None:
            self._first_at = now
        self.heard_at = now
        ahead = (packet.sequence - self._next) & SEQUENCE_MASK
        if self._ssrc != packet.ssrc or MAX_DROPOUT <= ahead <= SEQUENCE_MASK - MAX_MISORDER:
            # Another SSRC or another place in the sequence. A first packet is believed, a later one once confirmed.
            first, self._candidate = self._candidate, (source, packet, arrived)
            if self._ssrc >= 0:
                if first is None or first[0] != source or not _follows(first[1], packet):
                    self._bad += first is not None
                    return
            self._candidate = None
            began = self._ssrc < 0
            if began or first is None:
                self._adopt(packet, arrived)
            else:
                self._adopt(first[1], first[2])
                self._count(first[1], first[2])
            ahead = (packet.sequence - self._next) & SEQUENCE_MASK
        if ahead > SEQUENCE_MASK - MAX_MISORDER:
            counted = self._missing.pop(packet.sequence, None)
            if counted is None:
                self._duplicate += 1
                return
            self._lost -= counted
            if counted:
                self._gaps += self._missing_beside(packet.sequence) - 1
            self._reordered += 1
            self._received += 1
            self._deliver(packet, arrived)
            return
        if ahead:
            self._skipped(ahead)
        elif packet.marker and packet.payload_type in self._audio:
            # RFC 3551 section 4.1: nothing was sent before it, and no number is missing.
            self._jitter.spurt(packet.timestamp)
        self._count(packet, arrived)

    def _adopt(self, packet: Packet, arrived: float) -> None:
        """Begin anew with a packet: another source, or the same one elsewhere."""
        self._ssrc = packet.ssrc
        self._next = packet.sequence
        # What the very first packet overtook was sent before it, but never missed.
        self._missing = {(packet.sequence - back) & SEQUENCE_MASK: 0 for back in range(MAX_OVERTAKEN, 0, -1)}
        self._last_arrived, self._last_timestamp = arrived, packet.timestamp
        self._keys = EventReceiver()
        self._jitter.restart()

    def _missing_beside(self, sequence: int) -> int:
        """Return how many neighbours of a packet are missing: of both, it has cut their gap in two."""
        before, after = (sequence - 1) & SEQUENCE_MASK, (sequence + 1) & SEQUENCE_MASK
        return self._missing.get(before, 0) + self._missing.get(after, 0)

    def _skipped(self, count: int) -> None:
        self._lost += count
        self._gaps += 1
        for sequence in range(self._next + max(0, count - MAX_MISORDER), self._next + count):
            self._missing[sequence & SEQUENCE_MASK] = 1
        while len(self._missing) > MAX_MISSING:
            del self._missing[next(iter(self._missing))]

    def _count(self, packet: Packet, arrived: float) -> None:
        """Count a packet that moves the sequence on, and measure the jitter of its arrival."""
        self._next = (packet.sequence + 1) & SEQUENCE_MASK
        self._received += 1
        if packet.payload_type in self._audio:
            # Events keep their timestamp and would be taken for jitter (RFC 3550 section 6.4.1 is about sound).
            step = (packet.timestamp - self._last_timestamp) & TIMESTAMP_MASK
            deviation = abs(arrived - self._last_arrived - step * self._seconds)
            if deviation < 1.0:
                self._jitter_seconds += (deviation - self._jitter_seconds) * 0.0625
            elif step >= _HALF:
                # The next packet in sequence is older than the last one: the peer's clock was set back.
                self._jitter.restart()
            self._last_arrived, self._last_timestamp = arrived, packet.timestamp
        self._deliver(packet, arrived)

    def _deliver(self, packet: Packet, arrived: float) -> None:
        if packet.payload_type in self._audio:
            if packet.payload_type in self._foreign_types:
                self._switch(packet.payload_type)
            table = self._audio[packet.payload_type]
            if packet.payload:
                self._jitter.put(
                    packet.timestamp, packet.payload.translate(table) if table else packet.payload, arrived
                )
        elif packet.payload_type in self._event_types:
            key = self._keys.hear(packet.timestamp, packet.payload, marker=packet.marker)
            if key is not None:
                self._say(KeyPressed(key))
            self._jitter.pause(packet.timestamp)  # telephones send the key instead of sound (RFC 4733 section 2.6)
        else:
            self._jitter.pause(packet.timestamp, packet.payload or b"\x7f")

    def take(self, now: float) -> bytes | None:
        """Return the next 20 ms the peer says, in the codec `hearing`; None is silence or loss.

        It is `Parts` where it has holes, or does not follow what was taken before.
        """
        return self._jitter.take(now)

    @property
    def missing(self) -> bytes | None:
        """Why there was nothing to take, or holes: see `Jitter.missing`."""
        return self._jitter.missing

    # Sending.

    def packets(self, payload: bytes | None, now: float, noise: bytes = b"") -> Sequence[bytes]:
        """Return the datagrams that carry the next 20 ms; call it every 20 ms, with None for silence.

        Mostly one; none in silence or while a packet longer than 20 ms fills; two of 10 ms. payload: 20 ms in the
        profile's codec. While a key is being sent the payload is left out. noise: of comfort noise (RFC 3389), to be
        sent in silence.
        """
        return self._sender.packets(payload, now, noise)

    def send_digits(self, digits: str, *, on_ms: int = 100, off_ms: int = 80) -> None:
        """Send keys `0-9*#A-D` as RFC 4733 events, after those still waiting; `KeysSent` follows.

        Raises LocalError if the profile has no event payload type, or for any other character.
        """
        self._sender.send_digits(digits, on_ms=on_ms, off_ms=off_ms)

    def stop_digits(self) -> None:
        """Forget the keys that have not begun; the one being sent ends as it should."""
        self._sender.stop_digits()

    # Both.

    def redirect(self, remote: Address, profile: Profile | None = None, *, now: float) -> None:
        """Follow a renegotiation: send to `remote`, under `profile` if given. The same address keeps the lock."""
        if remote != self._described and remote[0] not in ("0.0.0.0", "::"):  # the old way to hold says nothing new
            self._described = self.remote = remote
            self._candidate = None
            self._settle_until = now + SETTLE_SECONDS if self._source is not None else None
            if self._source is not None and self._source[:2] == remote:
                self._settle_until = None
        if profile is not None and profile != self._profile:
            if profile.codec != self.hearing:
                self._recode(profile.codec)
            self._apply(profile)

    def _recode(self, codec: str) -> None:
        """Hear by another codec, as was agreed."""
        before, shape = LAWS.get(self.hearing), SHAPES[codec]
        self.hearing, self._seconds = codec, 1 / shape.clock_hz
        self._jitter.recode(shape, before.other if before is not None and codec in LAWS else None)

    def drain(self) -> list[StreamEvent]:
        """Return what happened since the last call, in order."""
        events = self.events[:]
        self.events.clear()
        return events

    @property
    def received(self) -> int:
        """How many packets of the peer were taken."""
        return self._received

    def locked(self, *, now: float) -> Address | None:
        """Return the source that alone is listened to now, None while another one could still take its place."""
        source = self._source
        if source is None or self.heard_at is None or not self._is_expected(source):
            return None
        return source if self._settle_until is None or now >= self._settle_until else None

    @property
    def ours(self) -> tuple[int, int]:
        """Our SSRC, and the first of our sequence numbers."""
        return self._sender.ssrc, self._sender.first

    def counts(self, now: float) -> Counts:
        """Return what reports say of the stream (RFC 3550 section 6.4)."""
        sender = self._sender
        return Counts(
            self._ssrc,
            (self._next - 1) & SEQUENCE_MASK,
            self._received,
            self._lost,
            int(self._jitter_seconds / self._seconds),
            sender.sent,
            sender.octets,
            sender.timestamp_at(now),
        )

    @property
    def stats(self) -> StreamStats:
        """A snapshot of the counts."""
        return StreamStats(
            self._received,
            self._sender.sent,
            self._lost,
            self._jitter.late,
            self._duplicate + self._jitter.duplicate,
            self._reordered,
            self._foreign,
            self._bad,
            self._rtcp,
            self._stun,
            self._jitter_seconds * 1000,
            self._jitter.lead * 1000,
            self._first_at,
            self._stranger,
            self._stray_type,
            max(0, self._gaps),
        )


def _follows(first: Packet, second: Packet) -> bool:
    return second.ssrc == first.ssrc and second.sequence == (first.sequence + 1) & SEQUENCE_MASK
