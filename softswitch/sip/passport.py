"""Signed caller IDs: PASSporT tokens (RFC 8225) of kind `shaken` (RFC 8588), and the Identity header (RFC 8224).

A carrier signs who calls whom and when, and how well it knows the caller: A, it is the customer's own number; B, the
customer is known, not the number; C, the call only passes through. The signature is ES256, by a JWT library; here are
the values, their limits, and the exact bytes that are signed: keys sorted, no space (RFC 8225 section 9).

Fourteen faults have four statuses (RFC 8224 section 6.2.2): `FAULTS` is the table, and each raises `RemoteError` with
its kind.
"""

import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from jwt.api_jws import PyJWS

from softswitch.errors import RemoteError

Attest = Literal["A", "B", "C"]

PPT: Final = "shaken"
ALGORITHM: Final = "ES256"
#: Octets of one Identity header. A signed call of one number to another has about 700.
MAX_IDENTITY: Final = 4096
#: Identity headers of one request that are looked at: a call that was diverted has one for each hop.
MAX_IDENTITIES: Final = 8
#: Numbers in `dest`: one is usual, conferences have a few.
MAX_DEST: Final = 16
#: Digits of a number (E.164 has 15) with the signs of the field, and what `origid` may be: a UUID is usual.
MAX_TN: Final = 32
MAX_ORIGID: Final = 64

#: Kind of fault -> the status that RFC 8224 section 6.2.2 gives it.
FAULTS: Final[dict[str, int]] = {
    "identity_stale": 403,
    "identity_replayed": 403,
    "identity_missing": 428,
    "identity_url": 436,
    "identity_unfetched": 436,
    "identity_algorithm": 437,
    "identity_certificate": 437,
    "identity_expired": 437,
    "identity_authority": 437,
    "identity_syntax": 438,
    "identity_claims": 438,
    "identity_caller": 438,
    "identity_called": 438,
    "identity_signature": 438,
}

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9-]+)\s*=\s*(?:<([^<>\s]*)>|"([^"\\]*)"|([^\s;,"<>]+))')
_TN = re.compile(r"[0-9*#]{1,32}")
_SEPARATORS = re.compile(r"[\s().\-/]+")
_jws = PyJWS()


def fault(kind: str, words: str) -> RemoteError:
    """Return the error of a fault, with its status."""
    return RemoteError(words, kind=kind, status=FAULTS[kind])


def canonical(number: str) -> str:
    """Return a number as it stands in a PASSporT: digits, `*` and `#` alone (RFC 8224 section 8.3); empty for none."""
    bare = _SEPARATORS.sub("", number.partition(";")[0]).removeprefix("+")
    return bare if _TN.fullmatch(bare) else ""


@dataclass(frozen=True, slots=True)
class Passport:
    """What is signed. orig: who calls; dest: whom; both as `canonical` writes them. iat: when, in seconds of the epoch.

    origid: says to who signed it, and to nobody else, where the call came from (RFC 8588 section 5).
    """

    attest: Attest
    orig: str
    dest: tuple[str, ...]
    iat: int
    origid: str

    def claims(self) -> bytes:
        """Return the bytes that are signed."""
        claims = {
            "attest": self.attest,
            "dest": {"tn": list(self.dest)},
            "iat": self.iat,
            "orig": {"tn": self.orig},
            "origid": self.origid,
        }
        return json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def read(cls, payload: bytes) -> "Passport":
        """Read the claims of a token; raise RemoteError `identity_claims` where they are no `shaken` ones."""
        claims = _json_object(payload)
        orig, dest = claims.get("orig"), claims.get("dest")
        numbers = dest.get("tn") if isinstance(dest, dict) else None
        caller = orig.get("tn") if isinstance(orig, dict) else None
        attest, iat, origid = claims.get("attest"), claims.get("iat"), claims.get("origid")
        if attest not in ("A", "B", "C"):
            raise fault("identity_claims", "the PASSporT attests to nothing (attest is not A, B or C)")
        if not isinstance(caller, str) or not canonical(caller):
            raise fault("identity_claims", "the PASSporT names no number that calls (orig)")
        if not isinstance(numbers, list) or not 0 < len(numbers) <= MAX_DEST:
            raise fault("identity_claims", "the PASSporT names no number that is called (dest)")
        called = tuple(canonical(number) if isinstance(number, str) else "" for number in numbers)
        if not all(called):
            raise fault("identity_claims", "the PASSporT names a number that is none (dest)")
        if isinstance(iat, bool) or not isinstance(iat, int) or not 0 < iat < 1 << 53:
            raise fault("identity_claims", "the PASSporT does not say when it was signed (iat)")
        if not isinstance(origid, str) or len(origid) > MAX_ORIGID:
            raise fault("identity_claims", "the PASSporT has no origin (origid)")
        return cls(attest, canonical(caller), called, iat, origid)


@dataclass(frozen=True, slots=True)
class Identity:
    """One value of an Identity header: a token, and where the certificate is that it was signed with."""

    token: str
    info: str
    alg: str = ALGORITHM
    ppt: str = PPT

    def __str__(self) -> str:
        return f"{self.token};info=<{self.info}>;alg={self.alg};ppt={self.ppt}"

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """Read a header value; raise RemoteError `identity_syntax` where it is none.

        Parameters that are left out mean what RFC 8224 section 4.1 says: ES256, and a PASSporT of the plain kind.
        """
        if len(text) > MAX_IDENTITY:
            raise fault("identity_syntax", f"an Identity header has more than {MAX_IDENTITY} characters")
        token = _TOKEN.match(text.strip())
        if token is None:
            raise fault("identity_syntax", "an Identity header holds no token in its full form")
        text, at = text.strip(), token.end()
        found: dict[str, str] = {}
        while at < len(text):
            parameter = _PARAMETER.match(text, at)
            if parameter is None:
                raise fault("identity_syntax", "an Identity header has a parameter that cannot be read")
            name, *values = parameter.groups()
            found.setdefault(name.lower(), next((value for value in values if value is not None), ""))
            at = parameter.end()
        if not found.get("info"):
            raise fault("identity_syntax", "an Identity header does not say where its certificate is (info)")
        return cls(token[0], found["info"], found.get("alg", ALGORITHM), found.get("ppt", ""))

    def header(self) -> dict[str, Any]:
        """Return the token's own header; raise RemoteError where it cannot be, or contradicts the parameters."""
        try:
            header = jwt.get_unverified_header(self.token)
        except (jwt.InvalidTokenError, binascii.Error, ValueError, RecursionError):
            raise fault("identity_syntax", "an Identity header holds a token that cannot be read") from None
        if header.get("alg") != ALGORITHM or self.alg != ALGORITHM:
            raise fault("identity_algorithm", "an Identity header is signed by another algorithm than ES256")
        if header.get("typ") != "passport" or header.get("ppt") != self.ppt:
            raise fault("identity_syntax", "the token of an Identity header is not the PASSporT it says it is")
        if header.get("x5u") != self.info:
            raise fault("identity_url", "an Identity header names two certificates (info and x5u)")
        return header

    def open(self, key: EllipticCurvePublicKey) -> Passport:
        """Return what was signed, if `key` is the one it was signed with; raise RemoteError otherwise."""
        self.header()
        try:
            payload = _jws.decode(self.token, key, algorithms=[ALGORITHM])
        except jwt.InvalidSignatureError:
            raise fault("identity_signature", "the signature of an Identity header is wrong") from None
        except (jwt.InvalidTokenError, binascii.Error, ValueError, RecursionError):
            raise fault("identity_syntax", "an Identity header holds a token that cannot be read") from None
        return Passport.read(payload if isinstance(payload, bytes) else str(payload).encode())


class Signer:
    """Signs calls with one key. url: where everybody finds its certificate."""

    def __init__(self, key: EllipticCurvePrivateKey, url: str) -> None:
        if not isinstance(key.curve, SECP256R1):
            raise ValueError("the key is not on the curve P-256, which ES256 needs")
        self._key = key
        self.url = url

    def __repr__(self) -> str:
        return f"Signer({self.url!r})"

    def sign(self, passport: Passport) -> Identity:
        """Return the Identity header of a call."""
        header = {"ppt": PPT, "typ": "passport", "x5u": self.url}
        token = _jws.encode(passport.claims(), self._key, algorithm=ALGORITHM, headers=header, sort_headers=True)
        return Identity(token, self.url)


def identities(values: Sequence[str]) -> list[Identity]:
    """Return the Identity headers of kind `shaken`; those of another kind say nothing to us (RFC 8224 section 6.2).

    Raises RemoteError where one of them cannot be read, or there are too many.
    """
    if len(values) > MAX_IDENTITIES:
        raise fault("identity_syntax", f"a request has more than {MAX_IDENTITIES} Identity headers")
    return [found for found in map(Identity.parse, values) if found.ppt.lower() == PPT]


def _json_object(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        raise fault("identity_claims", "the PASSporT holds no JSON") from None
    if not isinstance(found, dict):
        raise fault("identity_claims", "the PASSporT holds no claims")
    return found
