"""An authority of the tests' own, and the certificates it signs: good ones, and ones with every kind of fault."""

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from softswitch.net.tls_files import KeyPair

_NONE = serialization.NoEncryption()
#: What an authority's key is for; clients that read RFC 5280 to the letter want it said.
_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Signed:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    def write(self, folder: Path, name: str) -> KeyPair:
        """Write both in PEM form."""
        pair = KeyPair(folder / f"{name}.crt", folder / f"{name}.key")
        pair.certificate.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        pair.key.write_bytes(
            self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _NONE)
        )
        return pair


class Authority:
    """Signs certificates. `file`, once written, is what others trust."""

    def __init__(self, name: str = "Authority of the tests") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key(), -10, 3650)
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(basic, critical=True).add_extension(_SIGNS, critical=True)
        self.certificate = builder.add_extension(self._id, critical=False).sign(self._key, hashes.SHA256())

    def write(self, folder: Path, name: str = "ca") -> Path:
        """Write the authority's own certificate; return the file."""
        path = folder / f"{name}.crt"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def sign(
        self,
        *names: str,
        common: str = "somebody",
        begins: float = -1,
        ends: float = 365,
        rsa_bits: int = 0,
    ) -> Signed:
        """Return a certificate for names: `sip:` URIs, addresses and host names. begins, ends: days from now."""
        key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        builder = _builder(subject, self._name, key.public_key(), begins, ends)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(_general(names))), critical=False)
        basic = x509.BasicConstraints(ca=False, path_length=None)
        signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._id)
        builder = builder.add_extension(signer, critical=False)
        return Signed(builder.add_extension(basic, critical=True).sign(self._key, hashes.SHA256()), key)


def _general(names: Iterable[str]) -> Iterable[x509.GeneralName]:
    for name in names:
        if name.startswith(("sip:", "sips:", "urn:")):
            yield x509.UniformResourceIdentifier(name)
            continue
        try:
            yield x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            yield x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, begins: float, ends: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins))
        .not_valid_after(now + datetime.timedelta(days=ends))
    )
