"""A small public-key infrastructure of telephone carriers, and calls that they sign."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from softswitch.sip.passport import Passport, Signer
from softswitch.sip.tn_authority import Anchors, Chain
from softswitch.sip.vouching import Asked, Verdict, Verifier

NOW = datetime.datetime(2026, 11, 28, 12, 0, tzinfo=datetime.UTC)
URL = "https://certs.example.org/carrier.pem"
CALLER, CALLED = "+12155551212", "+12155551213"
PASSPORT = Passport("A", "12155551212", ("12155551213",), int(NOW.timestamp()), "de305d54-75b4-431b-adb2-eb6b9e546014")
#: DER of TNAuthLists (RFC 8226): a provider's code, one number, a range of ten numbers.
PROVIDER = bytes.fromhex("3008a006160437303944")
NUMBER = b"\x30\x0f\xa2\x0d\x16\x0b12155551212"
RANGE = b"\x30\x14\xa1\x12\x30\x10\x16\x0b12155551210\x02\x01\x0a"
ELSEWHERE = b"\x30\x14\xa1\x12\x30\x10\x16\x0b12155551220\x02\x01\x0a"

_KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
    numbers: bytes = b"",
    days: tuple[float, float] = (-1, 30),
) -> x509.Certificate:
    """Make a certificate that is valid between so many days from now."""

    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(issuer))
        .public_key(key.public_key())
        .serial_number(1 + len(name))
        .not_valid_before(NOW + datetime.timedelta(days=days[0]))
        .not_valid_after(NOW + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "content_commitment", "encipher_only"), False
    )
    made = made.add_extension(
        x509.KeyUsage(
            digital_signature=not authority,
            key_cert_sign=authority,
            crl_sign=authority,
            decipher_only=False,
            **usage,
        ),
        True,
    )
    if numbers:
        oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
        made = made.add_extension(x509.UnrecognizedExtension(oid, numbers), False)
    return made.sign(issuer_key, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


@dataclass
class World:
    """Who signs, who issues certificates, and a verifier that trusts them."""

    numbers: bytes = PROVIDER
    days: tuple[float, float] = (-1, 30)
    seen: dict[str, Chain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        root, middle, self.key, self.other_key = _KEYS
        self.root = certificate("Root", root, "Root", root, authority=True)
        self.middle = certificate("Issuer", middle, "Root", root, authority=True)
        self.leaf = certificate("SHAKEN 709D", self.key, "Issuer", middle, numbers=self.numbers, days=self.days)
        self.direct = certificate("SHAKEN 709D", self.key, "Root", root, numbers=self.numbers, days=self.days)
        self.chain = pem(self.leaf, self.middle)
        self.signer = Signer(self.key, URL)
        self.seen[URL] = Chain.read(self.chain)
        self.verifier = Verifier(Anchors.read(pem(self.root)), self.seen.get)

    def identity(self, passport: Passport = PASSPORT) -> str:
        return str(self.signer.sign(passport))

    def verdict(self, *headers: str, after: float = 0.0, **asked: Any) -> Verdict:
        """Return the verdict on a call with these headers, so many seconds later."""
        call = {"caller": CALLER, "called": (CALLED,), "call_id": "one", **asked}
        wall = NOW + datetime.timedelta(seconds=after)
        return self.verifier.verify(headers, Asked(**call), wall=wall, now=1000.0 + after)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World
