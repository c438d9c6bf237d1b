"""Certificates and keys in files: read with sentences for what is wrong, and one of our own where there is none."""

import contextlib
import datetime
import ipaddress
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from softswitch.errors import ResourceError
from softswitch.net.address import unspecified
from softswitch.net.tls_names import names_of, plain

#: A chain of some authorities is 10 KB, the authorities of a whole system are 300; a recording is more.
MAX_FILE_BYTES = 4 * 1024 * 1024
#: From here on there is still time to get another one, and it is said.
SOON_DAYS = 14
#: Telephones that took our own certificate for good must not be visited again next year.
OWN_DAYS = 3650
#: Made anew when so much is left of it.
OWN_AGAIN_DAYS = 30
OWN_CERTIFICATE, OWN_KEY = "own.crt", "own.key"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and the key that belongs to it: files in PEM, the certificate with its chain if it has one."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says of itself. names: whom it is for. fingerprint: SHA-256, as phones show it."""

    names: tuple[str, ...]
    begins: datetime.datetime
    ends: datetime.datetime
    fingerprint: str

    def fault(self, *, wall: datetime.datetime) -> str:
        """Return what is wrong with its dates, as a predicate, empty where nothing is."""
        if self.ends <= wall:
            return f"expired on {self.ends.date().isoformat()}"
        if self.begins > wall:
            return f"is not valid before {self.begins.date().isoformat()}"
        return ""

    def warning(self, *, wall: datetime.datetime) -> str:
        """Return that it expires soon, as a predicate, empty where it does not."""
        left = self.ends - wall
        if not datetime.timedelta(0) < left < datetime.timedelta(days=SOON_DAYS):
            return ""
        return f"expires on {self.ends.date().isoformat()}, in {left.days} {'day' if left.days == 1 else 'days'}"


def read_certificate(path: Path) -> Facts:
    """Return what the first certificate of a file says. Raises ResourceError with a sentence."""
    return _facts(_certificates(path)[0])


def read_pair(pair: KeyPair) -> Facts:
    """Read a certificate and its key; raise ResourceError with a sentence where they are none, or do not fit."""
    certificate = _certificates(pair.certificate)[0]
    data = _bytes(pair.key)
    try:
        key = serialization.load_pem_private_key(data, None)
    except TypeError:
        raise ResourceError(
            f"{pair.key} has a passphrase, and nobody is there to type it; write the key without one"
        ) from None
    except Exception:  # whatever a broken file makes the library raise, none of which may show what stands in it
        raise ResourceError(f"{pair.key} holds no key in PEM form that could be read") from None
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise ResourceError(f"{pair.key} is not the key of {pair.certificate}; name the one that it was made with")
    return _facts(certificate)


def check_authorities(path: Path) -> None:
    """Raise ResourceError with a sentence where a file holds no certificate of an authority."""
    _certificates(path)


def own_pair(folder: Path, names: Iterable[str], *, wall: datetime.datetime) -> tuple[KeyPair, bool]:
    """Return our own certificate, signed by itself, and whether it was made just now: where none was, or it runs out.

    names: hosts and addresses that it is for. Raises ResourceError with a sentence.
    """
    pair = KeyPair(folder / OWN_CERTIFICATE, folder / OWN_KEY)
    with contextlib.suppress(ResourceError):
        if read_pair(pair).ends - wall > datetime.timedelta(days=OWN_AGAIN_DAYS):
            return pair, False
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key, names, wall)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(pair.key, text, 0o600)
        _write(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError as error:
        raise ResourceError(f"a certificate cannot be written to {folder}: {error.strerror or error}") from error
    return pair, True


def _self_signed(key: ec.EllipticCurvePrivateKey, names: Iterable[str], wall: datetime.datetime) -> x509.Certificate:
    known = [_general(name) for name in dict.fromkeys(names)]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "softswitch")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wall - datetime.timedelta(days=1))  # for telephones whose clock is a little behind
        .not_valid_after(wall + datetime.timedelta(days=OWN_DAYS))
        # It signs nobody: who trusts it trusts this switch, and no other.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
    )
    if known:
        builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
    return builder.sign(key, hashes.SHA256())


def own_names(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return whom our own certificate is for: where we are seen and listen, and how this machine is called."""
    name = socket.gethostname()
    hosts = [plain(host) for host in (*addresses, "127.0.0.1") if not unspecified(host)]
    return (*dict.fromkeys(hosts), *([name] if name.isascii() and len(name) < 64 else []), "localhost")


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is whole or not there at all."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    beside.replace(path)


def _certificates(path: Path) -> list[x509.Certificate]:
    data = _bytes(path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ResourceError(f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)") from None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise ResourceError(f"{path} cannot be read: {error.strerror or error}") from error


def _facts(certificate: x509.Certificate) -> Facts:
    digest = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return Facts(names_of(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc, digest)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
