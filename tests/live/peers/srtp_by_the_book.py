"""SRTP as RFC 3711 and RFC 7714 write it, out of AES and HMAC alone: the other side of the switch's libsrtp.

For one stream, slowly, and without a window against replays. `tests/unit/rtp` holds it to the RFCs' own examples.
"""

import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: Octets of key, salt and tag.
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14, 10),
    "AES_CM_128_HMAC_SHA1_32": (16, 14, 4),
    "AEAD_AES_128_GCM": (16, 12, 16),
    "AEAD_AES_256_GCM": (32, 12, 16),
}
ENCRYPTION, AUTHENTICATION, SALTING = 0, 1, 2


def keystream(key: bytes, counter: int, count: int) -> bytes:
    """Return so many octets of AES in counter mode (RFC 3711 section 4.1.1)."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(counter.to_bytes(16, "big"))).encryptor()
    return encryptor.update(bytes(count))


def derive(key: bytes, salt: bytes, label: int, count: int) -> bytes:
    """Return a session key (RFC 3711 section 4.3.1, with a key derivation rate of 0; RFC 7714 section 11)."""
    x = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ label << 48
    return keystream(key, x << 16, count)


def xor(one: bytes, other: bytes) -> bytes:
    """Return the exclusive or of two strings of one length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


class Book:
    """One direction. roc: roll-over counter of the packet that was done last."""

    def __init__(self, suite: str, secret: bytes) -> None:
        key_bytes, salt_bytes, self.tag_bytes = SUITES[suite]
        assert len(secret) == key_bytes + salt_bytes, f"{suite} has no secret of {len(secret)} octets"
        key, salt = secret[:key_bytes], secret[key_bytes:]
        self.gcm = suite.startswith("AEAD")
        self.key = derive(key, salt, ENCRYPTION, key_bytes)
        self.authentication = derive(key, salt, AUTHENTICATION, 20)
        self.salt = derive(key, salt, SALTING, salt_bytes)
        self.roc = 0
        self.highest: int | None = None

    def protect(self, packet: bytes) -> bytes:
        """Return an RTP packet (twelve octets of header) encrypted."""
        self._roll(packet)
        header, payload = packet[:12], packet[12:]
        if self.gcm:
            return header + AESGCM(self.key).encrypt(self._nonce(packet), payload, header)
        data = header + xor(payload, self._keystream(packet, len(payload)))
        return data + self._tag(data)

    def unprotect(self, packet: bytes) -> bytes | None:
        """Return an RTP packet in the clear, None where it is not authentic."""
        if len(packet) < 12 + self.tag_bytes:
            return None
        before = self.roc, self.highest
        self._roll(packet)
        header = packet[:12]
        if self.gcm:
            try:
                return header + AESGCM(self.key).decrypt(self._nonce(packet), packet[12:], header)
            except InvalidTag:
                self.roc, self.highest = before
                return None
        data, tag = packet[: -self.tag_bytes], packet[-self.tag_bytes :]
        if not hmac.compare_digest(tag, self._tag(data)):
            self.roc, self.highest = before
            return None
        return header + xor(data[12:], self._keystream(packet, len(data) - 12))

    def _roll(self, packet: bytes) -> None:
        """Follow the sequence numbers; packets must come in order (RFC 3711 section 3.3.1)."""
        [sequence] = struct.unpack_from("!H", packet, 2)
        if self.highest is not None and sequence < self.highest and self.highest - sequence > 0x8000:
            self.roc += 1
        self.highest = sequence

    def _keystream(self, packet: bytes, count: int) -> bytes:
        sequence, ssrc = struct.unpack_from("!H", packet, 2)[0], struct.unpack_from("!I", packet, 8)[0]
        index = self.roc << 16 | sequence
        return keystream(self.key, int.from_bytes(self.salt, "big") << 16 ^ ssrc << 64 ^ index << 16, count)

    def _tag(self, data: bytes) -> bytes:
        return hmac.new(self.authentication, data + struct.pack("!I", self.roc), hashlib.sha1).digest()[
            : self.tag_bytes
        ]

    def _nonce(self, packet: bytes) -> bytes:
        """RFC 7714 section 8.1."""
        return xor(self.salt, b"\0\0" + packet[8:12] + struct.pack("!I", self.roc) + packet[2:4])
