"""SRTP (RFC 3711, RFC 7714): packets encrypted and opened, each way by an object of its own, for each way has its key.

Theory of operation. libsrtp does the work; it keeps for each SSRC the roll-over counter, which begins at 0 (section
3.3.1), and a window of 128 packets in which none is taken twice (section 3.3.2). A packet is opened only when it is
authentic, so nobody without the key can move a counter, be latched on, or be heard.

A microsecond is what a packet costs, and half of what the Session of pylibsrtp takes for it: that makes a length of its
own and looks at its arguments for each packet. So its functions are called right here, on a buffer that is kept.
"""

from typing import Any, Final

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from softswitch.errors import LocalError

#: Profile of libsrtp and octets of the authentication tag of each suite (RFC 4568 section 6.2, RFC 7714 section 14.2).
PROFILES: Final[dict[str, tuple[int, int]]] = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 10),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 4),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 16),
}
#: The longest datagram that is read or sent; libsrtp adds tag, index and MKI in place.
MAX_PACKET_BYTES: Final = 1500
_TRAILER_BYTES: Final = 4 + 16 + 128
#: Sources of one peer for which counters are kept. Each transfer or music on hold behind a peer may bring another one;
#: who changes more often loses the counters of the one that was first.
MAX_SOURCES: Final = 32

# srtp_err_status_t of libsrtp, of which pylibsrtp names only the first.
_REPLAYED: Final = (9, 10)  # the same index again, or one older than the window


def secret_length(suite: str) -> tuple[int, int]:
    """Return the octets of master key and master salt of a suite."""
    profile, _ = PROFILES[suite]
    return lib.srtp_profile_get_master_key_length(profile), lib.srtp_profile_get_master_salt_length(profile)


def _session(suite: str, secret: bytes, kind: int) -> Session:
    if suite not in PROFILES:
        raise LocalError(f"there is no SRTP suite {suite}")
    length = sum(secret_length(suite))
    if len(secret) != length:  # a longer one libsrtp would cut
        raise LocalError(f"key and salt of {suite} are {length} octets, not {len(secret)}")
    return Session(Policy(key=secret, ssrc_type=kind, srtp_profile=PROFILES[suite][0]))


class SrtpSender:
    """Encrypts the packets of one stream of ours. failed: those that could not be."""

    __slots__ = ("_buffer", "_length", "_memory", "_protect", "_session", "_srtp", "failed")

    def __init__(self, suite: str, secret: bytes) -> None:
        """secret: master key and master salt. Raises LocalError for a suite or length that does not exist."""
        self.failed = 0
        self._session = _session(suite, secret, Policy.SSRC_ANY_OUTBOUND)
        self._srtp = self._session._srtp[0]
        self._protect = lib.srtp_protect
        self._memory = ffi.new("char[]", MAX_PACKET_BYTES + _TRAILER_BYTES)
        self._buffer = ffi.buffer(self._memory)
        self._length = ffi.new("int *")

    def protect(self, packet: bytes) -> bytes | None:
        """Return the encrypted packet; None where it cannot be: too long, or a sequence number was used before."""
        return self._run(self._protect, packet)

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """Return the encrypted RTCP packet (section 3.4)."""
        return self._run(lib.srtp_protect_rtcp, packet)

    def _run(self, function: Any, packet: bytes) -> bytes | None:
        size = len(packet)
        if size > MAX_PACKET_BYTES:
            self.failed += 1
            return None
        length, buffer = self._length, self._buffer
        length[0] = size
        buffer[0:size] = packet
        if function(self._srtp, self._memory, length):
            self.failed += 1
            return None
        data: bytes = buffer[0 : length[0]]
        return data


class SrtpReceiver:
    """Opens the packets of one peer, whatever their SSRC.

    forged: packets that are not authentic. replayed: those that came before. strange: what is no SRTP, such as STUN.
    """

    __slots__ = (
        "_buffer",
        "_length",
        "_memory",
        "_mki",
        "_session",
        "_sources",
        "_srtp",
        "_ssrc",
        "_tag",
        "_unprotect",
        "forged",
        "replayed",
        "strange",
    )

    def __init__(self, suite: str, secret: bytes, *, mki: bytes = b"") -> None:
        """secret: master key and master salt. mki: what the peer's packets carry of it.

        Raises LocalError for a suite or length that does not exist.
        """
        self.forged = self.replayed = self.strange = 0
        self._session = _session(suite, secret, Policy.SSRC_ANY_INBOUND)
        self._srtp = self._session._srtp[0]
        self._unprotect = lib.srtp_unprotect
        self._memory = ffi.new("char[]", MAX_PACKET_BYTES + _TRAILER_BYTES)
        self._buffer = ffi.buffer(self._memory)
        self._length = ffi.new("int *")
        self._mki = mki
        # RFC 3711 section 3.1 has the MKI before the tag, RFC 7714 section 8.1 behind all else.
        self._tag = 0 if suite.startswith("AEAD") else PROFILES[suite][1]
        self._ssrc = b""
        self._sources: dict[bytes, None] = {}

    def unprotect(self, packet: bytes) -> bytes | None:
        """Return the packet in the clear, RTP or RTCP; None where it is forged, comes again or is broken."""
        if self._mki:
            packet = self._without_mki(packet)
        size = len(packet)
        if size > MAX_PACKET_BYTES:
            self.forged += 1
            return None
        length, buffer = self._length, self._buffer
        length[0] = size
        buffer[0:size] = packet
        status = self._unprotect(self._srtp, self._memory, length)
        if status:
            return self._refused(packet, status)
        ssrc = packet[8:12]
        if ssrc != self._ssrc:
            self._met(ssrc)
        data: bytes = buffer[0 : length[0]]
        return data

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Return a report from a port of its own in the clear, None where it is not the peer's; nothing is counted."""
        if self._mki:
            packet = self._without_mki(packet)
        return self._report(packet)[0] if 8 <= len(packet) <= MAX_PACKET_BYTES else None

    def _report(self, packet: bytes) -> tuple[bytes | None, int]:
        length, buffer = self._length, self._buffer
        length[0] = len(packet)
        buffer[0 : len(packet)] = packet
        status = lib.srtp_unprotect_rtcp(self._srtp, self._memory, length)
        if status:
            return None, status
        if packet[4:8] != self._ssrc:  # the sources of reports have counters as well
            self._met(packet[4:8])
        data: bytes = buffer[0 : length[0]]
        return data, status

    def _refused(self, packet: bytes, status: int) -> bytes | None:
        """Try RTCP, which on a port of both is told by its type (RFC 5761 section 4); else count why not."""
        if len(packet) >= 8 and 192 <= packet[1] <= 223:
            data, status = self._report(packet)
            if data is not None:
                return data
        if not packet or packet[0] & 0xC0 != 0x80:
            self.strange += 1
        elif status in _REPLAYED:
            self.replayed += 1
        else:
            self.forged += 1
        return None

    def _met(self, ssrc: bytes) -> None:
        """Note another source, for which libsrtp has made counters; let go of the one that was met first of many."""
        self._ssrc = ssrc
        self._sources.setdefault(ssrc)
        if len(self._sources) > MAX_SOURCES:
            first = next(iter(self._sources))
            del self._sources[first]
            self._session.remove_stream(int.from_bytes(first))

    def _without_mki(self, packet: bytes) -> bytes:
        end = len(packet) - self._tag
        start = end - len(self._mki)
        if start < 0 or packet[start:end] != self._mki:
            return packet  # as it stands it may still be the peer's: its tag says so
        return packet[:start] + packet[end:]
