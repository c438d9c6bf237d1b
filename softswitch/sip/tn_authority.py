"""Certificates of those who sign caller IDs (RFC 8226): a chain to an anchor, and the numbers that it speaks for.

A certificate names who may sign by a code of the provider, by numbers or by ranges of numbers (TNAuthList). A code says
nothing of single numbers: who has one may sign for all of its customers. Where only numbers are listed, the caller's
must be one of them.

The chain is built and judged by a library. The certificate itself stands under no rule of web certificates: it names no
host, and needs no purpose.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from softswitch.sip.passport import fault

#: Octets of a file or an answer with a chain: ten certificates.
MAX_CHAIN_BYTES = 32 * 1024
#: Certificates between one that signs and an anchor; the rules of SHAKEN know one or two.
MAX_INTERMEDIATES = 4
#: Entries of a TNAuthList: more than any certificate of one customer has.
MAX_ENTRIES = 4096

_TN_AUTH_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
#: ASN.1 tags: the choices of a TNEntry, and what they are made of (RFC 8226 appendix A: explicit tags).
_SEQUENCE, _INTEGER, _IA5 = 0x30, 0x02, 0x16


@dataclass(frozen=True, slots=True)
class TnAuthList:
    """Whom a certificate speaks for. ranges: first number and how many."""

    providers: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()
    ranges: tuple[tuple[str, int], ...] = ()

    def covers(self, number: str) -> bool:
        """Say whether it may sign for a number, written as `passport.canonical` does."""
        if self.providers or number in self.numbers:
            return True
        return any(
            number.isdigit() and len(number) == len(first) and 0 <= int(number) - int(first) < count
            for first, count in self.ranges
        )

    @classmethod
    def read(cls, der: bytes) -> "TnAuthList":
        """Read the extension; raise ValueError where it is none."""
        ((tag, body),) = _elements(der)
        if tag != _SEQUENCE:
            raise ValueError("not a sequence")
        providers, numbers, ranges = list[str](), list[str](), list[tuple[str, int]]()
        for count, (tag, inner) in enumerate(_elements(body)):
            if count >= MAX_ENTRIES:
                raise ValueError("too many entries")
            ((kind, value),) = _elements(inner)
            match tag, kind:
                case (0xA0, 0x16):  # a code of a provider
                    providers.append(value.decode("ascii"))
                case (0xA1, 0x30):  # a range
                    (first_kind, first), (count_kind, many) = _elements(value)
                    if (first_kind, count_kind) != (_IA5, _INTEGER):
                        raise ValueError("not a range")
                    ranges.append((_digits(first), int.from_bytes(many, "big")))
                case (0xA2, 0x16):  # one number
                    numbers.append(value.decode("ascii"))
                case _:
                    raise ValueError("not an entry")
        return cls(tuple(providers), frozenset(numbers), tuple(ranges))


def _digits(value: bytes) -> str:
    text = value.decode("ascii")
    if not text.isdigit() or len(text) > 15:
        raise ValueError("not a number")
    return text


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element of DER; raise ValueError where it is cut or no DER."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise ValueError("cut off")
        tag, length, at = der[at], der[at + 1], at + 2
        if length > 0x80:
            octets = length & 0x7F
            if octets > 3 or at + octets > len(der):
                raise ValueError("a length that cannot be")
            length, at = int.from_bytes(der[at : at + octets], "big"), at + octets
        elif length == 0x80:
            raise ValueError("an indefinite length")
        if at + length > len(der):
            raise ValueError("cut off")
        yield tag, der[at : at + length]
        at += length


@dataclass(frozen=True, eq=False)
class Chain:
    """A certificate that signs, and those between it and an anchor. authority: None where it lists nobody."""

    leaf: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    key: EllipticCurvePublicKey
    authority: TnAuthList | None

    @classmethod
    def read(cls, pem: bytes) -> "Chain":
        """Read PEM text, the one that signs first; raise ValueError with a sentence where that makes no sense."""
        if len(pem) > MAX_CHAIN_BYTES:
            raise ValueError(f"it is longer than {MAX_CHAIN_BYTES} octets")
        try:
            leaf, *more = x509.load_pem_x509_certificates(pem)
            key = leaf.public_key()
            extensions = leaf.extensions
        except Exception as error:  # what a library says of foreign bytes is its own business
            raise ValueError("it holds no certificate in PEM form that can be read") from error
        if len(more) > MAX_INTERMEDIATES:
            raise ValueError(f"it holds more than {MAX_INTERMEDIATES} certificates besides the first")
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError("its key is not on the curve P-256, which ES256 needs")
        try:
            found = extensions.get_extension_for_oid(_TN_AUTH_LIST).value
        except x509.ExtensionNotFound:
            return cls(leaf, tuple(more), key, None)
        try:
            authority = TnAuthList.read(found.public_bytes())
        except (ValueError, UnicodeDecodeError) as error:
            raise ValueError("its list of numbers (TNAuthList) cannot be read") from error
        return cls(leaf, tuple(more), key, authority)


class Anchors:
    """The certificates that every chain must lead to."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._store = Store(list(certificates))

    @classmethod
    def read(cls, pem: bytes) -> "Anchors":
        """Read PEM text; raise ValueError with a sentence where it holds no certificate."""
        try:
            return cls(x509.load_pem_x509_certificates(pem))
        except Exception as error:  # as above
            raise ValueError("it holds no certificate in PEM form that can be read") from error

    def check(self, chain: Chain, wall: datetime.datetime) -> None:
        """Raise RemoteError where a chain does not lead to an anchor, or is not valid at a time."""
        leaf = chain.leaf
        if not leaf.not_valid_before_utc <= wall <= leaf.not_valid_after_utc:
            raise fault("identity_expired", f"the certificate is valid from {_dates(leaf)} only")
        policy = PolicyBuilder().store(self._store).time(wall).max_chain_depth(MAX_INTERMEDIATES)
        policy = policy.extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
        )
        try:
            policy.build_client_verifier().verify(leaf, list(chain.intermediates))
        except VerificationError:
            raise fault("identity_certificate", "the certificate does not lead to one of the anchors") from None


def _dates(certificate: x509.Certificate) -> str:
    return f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
