"""RTP packets (RFC 3550 section 5.1): reading, writing, and telling apart what else arrives on the port.

The fast path of `stream` reads the twelve octets of a plain packet itself; everything unusual (padding, extension,
contributing sources, other protocols, garbage) comes through here.
"""

import struct
from typing import NamedTuple

from softswitch.errors import RemoteError

HEADER_BYTES = 12
#: The two octets before the sequence number are read as one number: version 2 and no flags, then marker and type.
HEADER = struct.Struct("!HHII")
VERSION_2 = 0x8000
MARKER = 0x0080
SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFFFFFF

#: RFC 3389; never a key or a sound, whether it was negotiated or not.
COMFORT_NOISE = 13

#: 200 ms of G.711: longer than any packet that could be played in time, or that passes without fragments.
MAX_PAYLOAD_BYTES = 1600


class Packet(NamedTuple):
    """One RTP packet; padding, extension and contributing sources are left out."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    def __bytes__(self) -> bytes:
        word = VERSION_2 | (MARKER if self.marker else 0) | self.payload_type
        return HEADER.pack(word, self.sequence, self.timestamp, self.ssrc) + self.payload


def parse(data: bytes) -> Packet:
    """Read one RTP packet, with the checks of RFC 3550 appendix A.1.

    Raises RemoteError: kind `stun`, `rtcp` or `dtls` for the protocols that share a port with RTP (RFC 7983, RFC 5761),
    `rtp_short`, `rtp_version`, `rtp_header`, `rtp_padding` or `rtp_long` for what is broken.
    """
    if not data:
        raise RemoteError("empty datagram", kind="rtp_short")
    first = data[0]
    if first & 0xC0 != 0x80:
        raise RemoteError(f"no RTP: first octet {first}", kind=_other(first))
    if len(data) >= 2 and 192 <= data[1] <= 223:
        # RFC 5761 section 4: RTCP types; as RTP they would be payload types 64 to 95, which nobody may use.
        raise RemoteError("RTCP", kind="rtcp")
    if len(data) < HEADER_BYTES:
        raise RemoteError(f"{len(data)} octets are no RTP packet", kind="rtp_short")
    word, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        # RFC 3550 section 5.3.1: 16 bits of anything, then the length in words, without these four octets.
        if len(data) < start + 4:
            raise RemoteError("RTP header runs past the end", kind="rtp_header")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    end = len(data)
    if first & 0x20:
        padding = data[-1]
        if not 0 < padding <= end - min(start, end):
            raise RemoteError(f"RTP padding of {padding} octets", kind="rtp_padding")
        end -= padding
    if start > end:
        raise RemoteError("RTP header runs past the end", kind="rtp_header")
    if end - start > MAX_PAYLOAD_BYTES:
        raise RemoteError(f"RTP payload of {end - start} octets", kind="rtp_long")
    return Packet(word & 0x7F, bool(word & MARKER), sequence, timestamp, ssrc, data[start:end])


def _other(first: int) -> str:
    """Name what is not version 2 by its first octet (RFC 7983 section 7)."""
    if first <= 3:
        return "stun"
    return "dtls" if 20 <= first <= 63 else "rtp_version"
