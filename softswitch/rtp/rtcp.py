"""RTCP packets as values: read and written (RFC 3550 section 6, RFC 3611, RFC 5506).

A datagram holds one packet or several. `parse` takes both, for a peer may send them reduced (RFC 5506), and leaves out
what it does not know: other packet types, other blocks, source descriptions but for the CNAME. What is known and broken
makes the whole datagram worth nothing.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from softswitch.errors import RemoteError

#: RFC 3550 section 12.1, RFC 3611 section 2.
SENDER, RECEIVER, DESCRIPTION, BYE, EXTENDED = 200, 201, 202, 203, 207
#: RFC 3611 section 4: the types of the blocks that we know.
_REFERENCE_TIME, _LAST_REFERENCE, _VOIP = 4, 5, 7
_CNAME: Final = 1
#: RFC 3611 section 4.7: what stands for "not known" in an octet of the VoIP block.
UNKNOWN: Final = 127
#: Packets of one datagram that are read: an honest one has five at most.
MAX_PACKETS: Final = 16
#: Report blocks, DLRR blocks and descriptions of one packet fit into five bits; there is one of each for us.
MAX_BLOCKS: Final = 31

_HEADER = struct.Struct("!BBH")
_WORD = struct.Struct("!I")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IB3sIIII")
_DLRR = struct.Struct("!III")
_VOIP_BLOCK = struct.Struct("!IBBBBHHHHbbBBBBBBBBHHH")


class Block(NamedTuple):
    """What somebody says of a source that it hears (RFC 3550 section 6.4.1).

    fraction: of 256, since the last report. lost: since the beginning, below zero where packets came twice. highest:
    extended sequence number. jitter: in units of the timestamp. last, delay: of the sender report heard last, the
    middle 32 bits of its time, and how long ago that is in 1/65536 s; both 0 where there was none.
    """

    ssrc: int
    fraction: int = 0
    lost: int = 0
    highest: int = 0
    jitter: int = 0
    last: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """Who sends says so. ntp: 64 bits; timestamp: of its sound, at the same moment; packets, octets: sent so far."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[Block, ...] = ()

    def __bytes__(self) -> bytes:
        fixed = _SENDER.pack(self.ssrc, self.ntp, self.timestamp, self.packets, self.octets)
        return _packet(SENDER, len(self.blocks), fixed + b"".join(map(_block, self.blocks)))


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """Who only hears says so."""

    ssrc: int
    blocks: tuple[Block, ...] = ()

    def __bytes__(self) -> bytes:
        return _packet(RECEIVER, len(self.blocks), _WORD.pack(self.ssrc) + b"".join(map(_block, self.blocks)))


@dataclass(frozen=True, slots=True)
class Description:
    """The name that a source goes by in this session; no other item is ever written, for they tell of persons."""

    ssrc: int
    cname: str

    def __bytes__(self) -> bytes:
        name = self.cname.encode()[:255]
        item = _WORD.pack(self.ssrc) + bytes((_CNAME, len(name))) + name + b"\0"
        return _packet(DESCRIPTION, 1, item + b"\0" * (-len(item) % 4))


@dataclass(frozen=True, slots=True)
class Bye:
    """Sources that are gone."""

    ssrcs: tuple[int, ...]

    def __bytes__(self) -> bytes:
        return _packet(BYE, len(self.ssrcs), b"".join(map(_WORD.pack, self.ssrcs)))


@dataclass(frozen=True, slots=True)
class ReferenceTime:
    """Somebody who need not send asks how long the way there and back is (RFC 3611 section 4.4)."""

    ntp: int

    def __bytes__(self) -> bytes:
        return struct.pack("!BBHQ", _REFERENCE_TIME, 0, 2, self.ntp)


@dataclass(frozen=True, slots=True)
class LastReference:
    """The answer to that: (SSRC of who asked, middle 32 bits of its time, delay in 1/65536 s) (section 4.5)."""

    answers: tuple[tuple[int, int, int], ...]

    def __bytes__(self) -> bytes:
        said = b"".join(_DLRR.pack(*answer) for answer in self.answers)
        return struct.pack("!BBH", _LAST_REFERENCE, 0, len(said) // 4) + said


@dataclass(frozen=True, slots=True)
class Voip:
    """How a call sounds to who hears it (RFC 3611 section 4.7).

    loss, discards, burst_density, gap_density: of 256. The durations, delays and buffers are milliseconds. signal,
    noise: dBm, 127 where unknown; likewise 127 for echo loss, R factors and MOS times ten.
    """

    ssrc: int
    loss: int = 0
    discards: int = 0
    burst_density: int = 0
    gap_density: int = 0
    burst_ms: int = 0
    gap_ms: int = 0
    round_trip_ms: int = 0
    system_ms: int = 0
    signal: int = UNKNOWN
    noise: int = UNKNOWN
    echo_loss: int = UNKNOWN
    gap_minimum: int = 16
    r_factor: int = UNKNOWN
    external_r_factor: int = UNKNOWN
    mos_listening: int = UNKNOWN
    mos_conversing: int = UNKNOWN
    config: int = 0
    buffer_ms: int = 0
    buffer_most_ms: int = 0
    buffer_limit_ms: int = 0

    def __bytes__(self) -> bytes:
        values = (
            *(self.ssrc, self.loss, self.discards, self.burst_density, self.gap_density),
            *(self.burst_ms, self.gap_ms, self.round_trip_ms, self.system_ms),
            *(self.signal, self.noise, self.echo_loss, self.gap_minimum),
            *(self.r_factor, self.external_r_factor, self.mos_listening, self.mos_conversing),
            *(self.config, 0, self.buffer_ms, self.buffer_most_ms, self.buffer_limit_ms),
        )
        return struct.pack("!BBH", _VOIP, 0, 8) + _VOIP_BLOCK.pack(*values)


ExtendedBlock = ReferenceTime | LastReference | Voip


@dataclass(frozen=True, slots=True)
class Extended:
    """An extended report of a source (RFC 3611)."""

    ssrc: int
    blocks: tuple[ExtendedBlock, ...]

    def __bytes__(self) -> bytes:
        return _packet(EXTENDED, 0, _WORD.pack(self.ssrc) + b"".join(map(bytes, self.blocks)))


Report = SenderReport | ReceiverReport | Description | Bye | Extended


def compound(reports: Sequence[Report]) -> bytes:
    """Return one datagram; it is up to the caller that the first is a report of sender or receiver (section 6.1)."""
    return b"".join(map(bytes, reports))


def parse(data: bytes) -> tuple[Report, ...]:
    """Read a datagram, reduced or not. Raises RemoteError: kind `rtcp_short`, `rtcp_version` or `rtcp_broken`."""
    found: list[Report] = []
    place = count = 0
    while place < len(data):
        if len(data) - place < 4:
            raise RemoteError("RTCP packet of less than four octets", kind="rtcp_short")
        first, kind, words = _HEADER.unpack_from(data, place)
        end = place + 4 + 4 * words
        if first & 0xC0 != 0x80 or not 192 <= kind <= 223:
            raise RemoteError(f"no RTCP: it begins with {first}, {kind}", kind="rtcp_version")
        count += 1
        if end > len(data) or count > MAX_PACKETS:
            raise RemoteError("RTCP packets run past the end of their datagram", kind="rtcp_short")
        body = data[place + 4 : end]
        if first & 0x20:
            # RFC 3550 section 6.4.1: only the last packet may be padded.
            if end != len(data) or not body or not 0 < body[-1] <= len(body):
                raise RemoteError("RTCP padding that cannot be", kind="rtcp_broken")
            body = body[: -body[-1]]
        try:
            found.extend(_read(kind, first & 0x1F, body))
        except (struct.error, IndexError) as error:
            raise RemoteError(f"an RTCP packet of type {kind} is shorter than it says", kind="rtcp_broken") from error
        place = end
    if not count:
        raise RemoteError("empty RTCP datagram", kind="rtcp_short")
    return tuple(found)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _block(block: Block) -> bytes:
    # Section 6.4.1: 24 bits with a sign; what does not fit is as much as fits.
    lost = max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF
    return _BLOCK.pack(block[0], block[1], lost.to_bytes(3), *block[3:])


def _read(kind: int, count: int, body: bytes) -> Sequence[Report]:
    """Read one packet without its header; struct.error or IndexError where it ends too early."""
    match kind:
        case 200:
            ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
            return (SenderReport(ssrc, ntp, timestamp, packets, octets, _blocks(body, _SENDER.size, count)),)
        case 201:
            return (ReceiverReport(_WORD.unpack_from(body)[0], _blocks(body, 4, count)),)
        case 202:
            return _descriptions(body, count)
        case 203:
            return (Bye(struct.unpack_from(f"!{count}I", body)),)
        case 207:
            return (Extended(_WORD.unpack_from(body)[0], tuple(_extended(body))),)
    return ()


def _blocks(body: bytes, start: int, count: int) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for number in range(count):
        ssrc, fraction, lost, *rest = _BLOCK.unpack_from(body, start + number * _BLOCK.size)
        blocks.append(Block(ssrc, fraction, int.from_bytes(lost, signed=True), *rest))
    return tuple(blocks)


def _descriptions(body: bytes, count: int) -> list[Report]:
    """Read the chunks of a source description (section 6.5); of each only the name is kept."""
    found: list[Report] = []
    place = 0
    for _ in range(count):
        (ssrc,) = _WORD.unpack_from(body, place)
        start, place = place, place + 4
        while body[place]:
            item, length = body[place], body[place + 1]
            text = body[place + 2 : place + 2 + length]
            if len(text) < length:
                raise IndexError
            if item == _CNAME:
                found.append(Description(ssrc, text.decode("utf-8", "replace")))
            place += 2 + length
        place += 4 - (place - start) % 4  # at least one octet of zero ends the list
    return found


def _extended(body: bytes) -> list[ExtendedBlock]:
    found: list[ExtendedBlock] = []
    place = 4
    while place < len(body):
        kind, _, words = _HEADER.unpack_from(body, place)
        start, place = place + 4, place + 4 + 4 * words
        if place > len(body):
            raise IndexError
        if kind == _REFERENCE_TIME and words == 2:
            found.append(ReferenceTime(int.from_bytes(body[start:place])))
        elif kind == _LAST_REFERENCE:
            answers = [_DLRR.unpack_from(body, at) for at in range(start, place - 11, 12)]
            found.append(LastReference(tuple(answers[:MAX_BLOCKS])))
        elif kind == _VOIP and words == 8:
            values = _VOIP_BLOCK.unpack_from(body, start)
            found.append(Voip(*values[:18], *values[19:]))
    return found
