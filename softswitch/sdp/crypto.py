"""a=crypto lines (RFC 4568): the keys of encrypted sound, as session descriptions carry them.

    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4

A line has one master key, which its sender encrypts with. Read are the suites below; a lifetime, which is only checked
(a call would have to last for months to reach it); an MKI of a length that is given. Not read, as RFC 4568 section
6.3.7 has it, is a line whose session parameters are not known to us, or would leave something open: then the next line
may do.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from softswitch.errors import RemoteError
from softswitch.sdp.description import number

#: Lines of one m= line that are looked at: four suites are all that we know, and eight all that anybody offers.
MAX_LINES: Final = 16
#: The longest honest line, with the longest key, lifetime and MKI, has about 160 characters.
MAX_LINE: Final = 512
#: RFC 4568 section 9.1: a tag has at most nine digits.
MAX_TAG: Final = 999_999_999
#: RFC 3711 section 9.2: no key encrypts more packets.
MAX_LIFETIME_BITS: Final = 48
#: Octets of an MKI in each packet (RFC 4568 section 6.1).
MAX_MKI_BYTES: Final = 128


class Suite(NamedTuple):
    """A row of the table below: octets of its master key and master salt."""

    key_bytes: int
    salt_bytes: int

    @property
    def secret_bytes(self) -> int:
        """Length of what stands behind `inline:`, the key and the salt in one."""
        return self.key_bytes + self.salt_bytes


#: RFC 4568 section 6.2, RFC 7714 section 14.2. In the order in which we like them.
SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": Suite(16, 14),
    "AEAD_AES_256_GCM": Suite(32, 12),
    "AEAD_AES_128_GCM": Suite(16, 12),
    "AES_CM_128_HMAC_SHA1_32": Suite(16, 14),
}


def _broken(what: str) -> RemoteError:
    """Return the error of a line; what is said never quotes it, for it holds a key."""
    return RemoteError(f"a=crypto: {what}", kind="sdp_crypto", status=488)


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One a=crypto line. secret: master key and master salt. mki: what the packets carry of it, empty for none.

    It has no `str()`: whatever prints it by mistake must not print the key. `text` does.
    """

    tag: int
    suite: str
    secret: bytes = field(repr=False)
    mki: bytes = b""

    @classmethod
    def parse(cls, value: str) -> "CryptoLine":
        """Parse what stands behind `a=crypto:`. Raises RemoteError for what is broken, or unknown to us."""
        if len(value) > MAX_LINE:
            raise _broken(f"longer than {MAX_LINE} characters")
        words = value.split()
        if len(words) < 3:
            raise _broken("tag, suite and key are not all there")
        tag, suite = number(words[0], most=MAX_TAG), SUITES.get(words[1].upper())
        if tag is None:
            raise _broken("the tag is no number")
        if suite is None:
            raise _broken("the suite is unknown")
        for parameter in words[3:]:
            _check_parameter(parameter)
        secret, mki = _read_key(words[2], suite)
        return cls(tag, words[1].upper(), secret, mki)

    def text(self) -> str:
        """Return the value of the line, key included: for a session description and nothing else."""
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.secret).decode('ascii')}"


def readable(values: Iterable[str]) -> Iterator[CryptoLine]:
    """Yield the lines that can be used, in their order; those that cannot are passed over (RFC 4568 section 7.1.2)."""
    for seen, value in enumerate(values):
        if seen >= MAX_LINES:
            return
        try:
            yield CryptoLine.parse(value)
        except RemoteError:
            continue


def _read_key(text: str, suite: Suite) -> tuple[bytes, bytes]:
    """Return secret and MKI of `inline:KEY|lifetime|MKI:length`."""
    method, colon, info = text.partition(":")
    if not colon or method.lower() != "inline":
        raise _broken("the key is not given inline")
    if ";" in info:
        raise _broken("it has several keys, and we take one")
    key, *rest = info.split("|")
    if len(rest) > 2:
        raise _broken("the key has too many parts")
    mki = b""
    for place, part in enumerate(rest):
        if ":" in part:
            if place + 1 < len(rest):
                raise _broken("something stands behind the MKI")
            mki = _read_mki(part)
        elif place == 0:
            _check_lifetime(part)
        else:
            raise _broken("the MKI has no length")
    return _decode(key, suite), mki


def _decode(key: str, suite: Suite) -> bytes:
    bare = key.rstrip("=")  # padding that some leave out
    try:
        secret = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _broken("the key is not base64") from None
    if len(secret) != suite.secret_bytes:
        raise _broken(f"key and salt have {len(secret)} octets instead of {suite.secret_bytes}")
    return secret


def _check_lifetime(text: str) -> None:
    """Read `2^20` or `1048576`."""
    base, caret, power = text.partition("^")
    if caret:
        bits = number(power, most=MAX_LIFETIME_BITS)
        if base == "2" and bits is not None:
            return
    elif number(text, most=1 << MAX_LIFETIME_BITS):
        return
    raise _broken("the lifetime is no number of packets")


def _read_mki(text: str) -> bytes:
    value, _, length = text.partition(":")
    size = number(length, most=MAX_MKI_BYTES)
    if not size:
        raise _broken("the MKI has no length")
    mki = number(value, most=(1 << min(8 * size, 64)) - 1)
    if mki is None:
        raise _broken("the MKI does not fit its length")
    return mki.to_bytes(size, "big")


def _check_parameter(text: str) -> None:
    """Raise RemoteError for a session parameter that must be understood and is not (RFC 4568 section 6.3)."""
    name, _, value = text.partition("=")
    if name.startswith("-"):
        return  # section 6.3.7: may be ignored
    if name.upper() == "WSH" and number(value, most=1 << 15):
        return  # section 6.3.6: a hint how far packets are overtaken; our window is as large as anybody asks for
    if name.upper() in ("UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"):
        raise _broken("it would leave packets open")
    raise _broken("a session parameter is unknown")
