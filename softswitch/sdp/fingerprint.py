"""What a session description says of the DTLS handshake that makes keys (RFC 5763): a=fingerprint, a=setup.

a=fingerprint:sha-256 6B:8B:F0:65:…
a=setup:actpass
"""

import re
from typing import Final, Literal, NamedTuple

from softswitch.errors import RemoteError
from softswitch.sdp.description import Media, SessionDescription

Setup = Literal["active", "passive", "actpass", "holdconn", ""]
SETUPS: Final[tuple[Setup, ...]] = ("active", "passive", "actpass", "holdconn")

#: Octets of each hash that a fingerprint may be of (RFC 8122 section 5, but for the broken md2 and md5).
HASHES: Final = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
#: Fingerprints that are looked at: one for each hash would be five.
MAX_FINGERPRINTS: Final = 8

_HEX = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+")


class Fingerprint(NamedTuple):
    """The hash of a certificate. hash: a name of `HASHES`."""

    hash: str
    digest: bytes

    @classmethod
    def parse(cls, value: str) -> "Fingerprint":
        """Parse what stands behind `a=fingerprint:`. Raises RemoteError."""
        name, _, digest = value.strip().partition(" ")
        length, digest = HASHES.get(name.lower()), digest.strip()
        if length is None:
            raise RemoteError("a=fingerprint: the hash is unknown", kind="sdp_fingerprint", status=488)
        if len(digest) != 3 * length - 1 or not _HEX.fullmatch(digest):
            raise RemoteError("a=fingerprint: it is no hash of that length", kind="sdp_fingerprint", status=488)
        return cls(name.lower(), bytes.fromhex(digest.replace(":", "")))

    def __str__(self) -> str:
        return f"{self.hash} {self.digest.hex(':').upper()}"


def fingerprints_of(description: SessionDescription, medium: Media) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of a medium that can be read: its own, else those of the session (RFC 8122 section 5)."""
    for place in (medium, description):
        found: list[Fingerprint] = []
        for value in [*place.all_attributes("fingerprint")][:MAX_FINGERPRINTS]:
            try:
                found.append(Fingerprint.parse(value))
            except RemoteError:
                continue
        if found:
            return tuple(dict.fromkeys(found))
    return ()


def setup_of(description: SessionDescription, medium: Media) -> Setup:
    """Return who is to begin the handshake, as this side says it; empty where it does not, or in no word we know."""
    value = (medium.attribute("setup") or description.attribute("setup") or "").lower()
    return next((known for known in SETUPS if known == value), "")
