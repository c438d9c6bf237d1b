"""What two parties tell each other of how they hear: when to report, what, and what is learnt of it (RFC 3550 6.2-6.4).

Theory of operation. The owner looks once a second: he gives the counts of his stream and the datagrams of the peer,
and gets a datagram where it is time for one. With two parties the bandwidth that reports may take is never the limit,
so the interval is the least one, 5 s, made longer or shorter by chance that not all calls of a process report at once;
the first comes after half of it (section 6.2). A round trip is what lies between our report and the peer's that names
it, without the time that the peer kept it (section 6.4.1).

Whatever a peer says here is believed only of how it hears us. Nothing is sent elsewhere, ended or slowed down by it.
"""

from typing import Final, NamedTuple

from softswitch.errors import RemoteError
from softswitch.rtp.rtcp import (
    Block,
    Bye,
    Description,
    Extended,
    ExtendedBlock,
    LastReference,
    ReceiverReport,
    ReferenceTime,
    Report,
    SenderReport,
    Voip,
    compound,
    parse,
)

#: RFC 3550 section 6.2: the least interval, and half of it before the first report.
INTERVAL_SECONDS: Final = 5.0
#: RFC 3550 section 6.3.1: what makes up for reconsideration, which brings the intervals below what was wanted.
_COMPENSATION: Final = 2.71828 - 1.5
#: A round trip beyond this is no measurement: the peer has mixed up its times.
MAX_ROUND_TRIP: Final = 20.0
#: Seconds from the epoch of NTP (1900) to that of Unix.
_NTP_EPOCH: Final = 2_208_988_800
_MASK: Final = 0xFFFFFFFF


class Counts(NamedTuple):
    """What a stream knows now.

    source: SSRC of the peer, -1 while none is heard. sequence: the highest number of it, 16 bits. received, lost:
    packets since the stream began. jitter: in units of the timestamp. sent, octets: ours; timestamp: of our sound, now.
    """

    source: int
    sequence: int
    received: int
    lost: int
    jitter: int
    sent: int
    octets: int
    timestamp: int


class Heard(NamedTuple):
    """What the peer says of how it hears us. at: when it said so; lost: since the beginning; expected: packets of ours.

    jitter: in units of the timestamp. voip: its last block of VoIP metrics, None where it sends none.
    """

    at: float
    lost: int
    expected: int
    jitter: int
    voip: Voip | None = None

    @property
    def loss_percent(self) -> float:
        """How much of what we have sent was lost on the way."""
        return 100.0 * max(0, min(self.lost, self.expected)) / self.expected if self.expected > 0 else 0.0


class Reports:
    """The reports of one stream. received, bad: datagrams of the peer, and those of them that cannot be read.

    heard: what the peer says of us, None where it has said nothing. round_trip: seconds, None while it is not known.
    sent: datagrams so far.
    """

    __slots__ = (
        "_asked",
        "_base",
        "_cname",
        "_due",
        "_epoch",
        "_first",
        "_highest",
        "_looked",
        "_reference",
        "_sent",
        "_source",
        "_ssrc",
        "bad",
        "heard",
        "received",
        "round_trip",
        "sent",
        "theirs",
    )

    def __init__(self, *, ssrc: int, first: int, cname: str, wall: float, now: float, chance: float) -> None:
        """ssrc: of our packets. first: the first sequence number. cname: tells nothing of anybody (RFC 7022).

        wall: seconds since the epoch at `now`; the clock of the reports then runs with `now`. chance: from 0 up to 1.
        """
        self.received = self.bad = self.sent = 0
        self.heard: Heard | None = None
        self.round_trip: float | None = None
        #: The peer's VoIP metrics, as they came last.
        self.theirs: Voip | None = None
        self._ssrc, self._first, self._cname = ssrc & _MASK, first, cname
        self._epoch = wall - now + _NTP_EPOCH
        self._due = now + _interval(chance) / 2
        self._source = -1
        self._highest = 0
        self._base = self._looked = 0  # lost when this source began, and when the owner looked last
        self._sent = (0, 0, 0)  # received, lost, and packets of ours when we reported last
        self._reference = (0, 0.0)  # of the peer's last sender report: the middle of its time, and when it came
        self._asked: tuple[int, int, float] | None = None  # the same of a receiver reference time: who, what, when

    # The peer ------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, arrived: float) -> bool:
        """Take a datagram of the peer, and tell whether it can be read; never raises."""
        try:
            found = parse(data)
        except RemoteError:
            self.bad += 1
            return False
        self.received += 1
        for report in found:
            self._take(report, arrived)
        return True

    def _take(self, report: Report, arrived: float) -> None:
        match report:
            case SenderReport(ssrc=ssrc, ntp=ntp, blocks=blocks):
                if self._source in (-1, ssrc):
                    self._reference = (ntp >> 16 & _MASK, arrived)
                self._told(blocks, arrived)
            case ReceiverReport(blocks=blocks):
                self._told(blocks, arrived)
            case Extended(ssrc=ssrc, blocks=extended):
                for block in extended:
                    self._take_more(ssrc, block, arrived)
            case Description() | Bye():
                pass  # who leaves says so by SIP as well

    def _take_more(self, sender: int, block: ExtendedBlock, arrived: float) -> None:
        match block:
            case ReferenceTime(ntp=ntp):
                self._asked = (sender, ntp >> 16 & _MASK, arrived)
            case LastReference(answers=answers):
                for who, last, delay in answers:
                    if who == self._ssrc:
                        self._measure(last, delay, arrived)
            case Voip(ssrc=who) if who == self._ssrc:
                self.theirs = block
            case _:
                pass

    def _told(self, blocks: tuple[Block, ...], arrived: float) -> None:
        for block in blocks:
            if block.ssrc == self._ssrc:
                expected = max(0, block.highest - self._first + 1)
                self.heard = Heard(arrived, block.lost, expected, block.jitter, self.theirs)
                self._measure(block.last, block.delay, arrived)

    def _measure(self, last: int, delay: int, arrived: float) -> None:
        """Take the time since our report `last`, `delay` of which the peer has kept it, for the round trip."""
        if not last:
            return
        ticks = ((self._ntp(arrived) >> 16) - last - delay) & _MASK
        if ticks > _MASK - 0x10000:  # the peer's clock is coarse, or fast: an echo cannot come before its shout
            ticks = 0
        seconds = ticks / 65536
        if seconds <= MAX_ROUND_TRIP:
            self.round_trip = seconds

    # Ours ----------------------------------------------------------------------------------------------------------

    def look(self, counts: Counts, *, now: float, chance: float) -> bytes:
        """Return the datagram to send now, empty where it is not time for one. Call it once a second.

        Less often than each 600 s it may miss that the sequence numbers began anew.
        """
        self._follow(counts)
        if now < self._due:
            return b""
        self._due = now + _interval(chance)
        return self._made(counts, now)

    def leave(self, counts: Counts, *, now: float) -> bytes:
        """Return the last datagram: we are gone (RFC 3550 section 6.3.7)."""
        self._follow(counts)
        return self._made(counts, now) + bytes(Bye((self._ssrc,)))

    def _follow(self, counts: Counts) -> None:
        """Count how often the sequence numbers of the source have begun anew."""
        if counts.source < 0:
            return
        if counts.source != self._source:
            if self._source != -1:  # another one: what is said of it begins with it
                self._base, self._reference = self._looked, (0, 0.0)
            self._source, self._highest = counts.source, counts.sequence
        ahead = (counts.sequence - self._highest) & 0xFFFF
        self._highest = (self._highest + (ahead if ahead < 0x8000 else ahead - 0x10000)) & _MASK
        self._looked = counts.lost

    def _made(self, counts: Counts, now: float) -> bytes:
        blocks = self._blocks(counts, now)
        if counts.sent > self._sent[2]:
            report: Report = SenderReport(
                self._ssrc,
                self._ntp(now),
                counts.timestamp & _MASK,
                counts.sent & _MASK,
                counts.octets & _MASK,
                blocks,
            )
        else:
            report = ReceiverReport(self._ssrc, blocks)
        self._sent = (counts.received, counts.lost, counts.sent)
        said: list[Report] = [report, Description(self._ssrc, self._cname)]
        if self._asked is not None:
            who, last, arrived = self._asked
            self._asked = None
            said.append(Extended(self._ssrc, (LastReference(((who, last, _ticks(now - arrived)),)),)))
        self.sent += 1
        return compound(said)

    def _blocks(self, counts: Counts, now: float) -> tuple[Block, ...]:
        if counts.source < 0:
            return ()
        received, lost = counts.received - self._sent[0], counts.lost - self._sent[1]
        expected = received + lost
        last, arrived = self._reference
        block = Block(
            counts.source & _MASK,
            min(255, 256 * lost // expected) if expected > 0 and lost > 0 else 0,
            counts.lost - self._base,
            self._highest,
            max(0, min(counts.jitter, _MASK)),
            last,
            _ticks(now - arrived) if last else 0,
        )
        return (block,)

    def _ntp(self, now: float) -> int:
        return int((self._epoch + now) * 4294967296.0) & 0xFFFFFFFFFFFFFFFF


def _interval(chance: float) -> float:
    """RFC 3550 section 6.3.1: from half of the interval to one and a half of it, and what makes up for that."""
    return INTERVAL_SECONDS * (0.5 + chance) / _COMPENSATION


def _ticks(seconds: float) -> int:
    return int(max(0.0, seconds) * 65536) & _MASK
