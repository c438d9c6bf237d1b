"""A capture file of SIP messages, for Wireshark, tshark and sngrep: what was said, as packets with their addresses.

Classic pcap (draft-ietf-opsawg-pcap), link type RAW: each packet begins with its IP header. A datagram is one packet
of UDP. What came over a connection is TCP with sequence numbers that count the octets of each direction, so that a
message is put together again whatever its length; the handshake, which nobody recorded, is left out. What came over
TLS is written as it was inside of it.
"""

import ipaddress
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from softswitch.net.address import Address

_MAGIC_MICROSECONDS: Final = 0xA1B2C3D4
_LINKTYPE_RAW: Final = 101
#: What no packet exceeds (tcpdump's own).
_SNAPLEN: Final = 262_144
#: Octets of a message in one packet of TCP: below what IPv4 can count, headers included.
_SEGMENT: Final = 16_384
#: The longest body of a UDP packet over IPv4 (RFC 768, RFC 791).
_DATAGRAM: Final = 65_507
_UDP: Final = 17
_TCP: Final = 6
_PUSH_ACK: Final = 0x18
_WINDOW: Final = 65_535
#: Class Selector 5, as our own signalling is sent (RFC 4594 section 4.2).
_TRAFFIC_CLASS: Final = 40 << 2


class Packet(NamedTuple):
    """One message on its way. wall: seconds since the epoch. transport: `UDP`, `TCP` or `TLS`."""

    wall: float
    transport: str
    source: Address
    target: Address
    data: bytes


def capture(packets: Iterable[Packet]) -> bytes:
    """Return a capture file of these messages, in their order."""
    pieces = [struct.pack("<IHHiIII", _MAGIC_MICROSECONDS, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_RAW)]
    sent: dict[tuple[Address, Address], int] = {}
    for packet in packets:
        for data in _frames(packet, sent):
            seconds, rest = divmod(round(packet.wall * 1e6), 1_000_000)
            pieces.append(struct.pack("<IIII", seconds & 0xFFFFFFFF, rest, len(data), len(data)))
            pieces.append(data)
    return b"".join(pieces)


def _frames(packet: Packet, sent: dict[tuple[Address, Address], int]) -> Iterable[bytes]:
    """Yield the IP packets of one message. sent: octets so far, of each direction of each connection."""
    source, target = _address(packet.source), _address(packet.target)
    if packet.transport == "UDP":
        data = packet.data[:_DATAGRAM]
        header = struct.pack("!HHHH", packet.source[1], packet.target[1], 8 + len(data), 0)
        yield _ip(source, target, _UDP, header, data, checksum_at=6)
        return
    way, back = (packet.source, packet.target), (packet.target, packet.source)
    for begin in range(0, len(packet.data), _SEGMENT):
        data = packet.data[begin : begin + _SEGMENT]
        # Sequence numbers begin with 1, as Wireshark shows them.
        sequence, acknowledged = 1 + sent.get(way, 0), 1 + sent.get(back, 0)
        sent[way] = sent.get(way, 0) + len(data)
        header = struct.pack(
            "!HHIIBBHHH",
            *(packet.source[1], packet.target[1], sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF),
            *(5 << 4, _PUSH_ACK, _WINDOW, 0, 0),
        )
        yield _ip(source, target, _TCP, header, data, checksum_at=16)


def _address(address: Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an IP address without its scope, which is a matter of one machine."""
    return ipaddress.ip_address(address[0].partition("%")[0] or "0.0.0.0")  # noqa: S104 - written, not bound


def _ip(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address,
    target: ipaddress.IPv4Address | ipaddress.IPv6Address,
    protocol: int,
    header: bytes,
    data: bytes,
    *,
    checksum_at: int,
) -> bytes:
    """Return one IP packet; checksum_at: where the checksum of the inner header stands (RFC 768, RFC 9293 3.1)."""
    length = len(header) + len(data)
    addresses = source.packed + target.packed
    if source.version == 4:
        pseudo = addresses + struct.pack("!BBH", 0, protocol, length)
        outer = struct.pack("!BBHHHBBH", 0x45, _TRAFFIC_CLASS, 20 + length, 0, 0x4000, 64, protocol, 0) + addresses
        outer = outer[:10] + struct.pack("!H", _checksum(outer)) + outer[12:]
    else:
        pseudo = addresses + struct.pack("!IHBB", length, 0, 0, protocol)
        outer = struct.pack("!IHBB", 6 << 28 | _TRAFFIC_CLASS << 20, length, protocol, 64) + addresses
    total = _checksum(pseudo + header + data) or 0xFFFF
    return outer + header[:checksum_at] + struct.pack("!H", total) + header[checksum_at + 2 :] + data


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
