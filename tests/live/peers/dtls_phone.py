"""A telephone over a bare socket that makes its keys by a DTLS handshake, and encrypts by the book."""

import contextlib
import datetime
import re
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.srtp_by_the_book import SUITES, Book

SUITE_OF = {
    b"SRTP_AES128_CM_SHA1_80": "AES_CM_128_HMAC_SHA1_80",
    b"SRTP_AES128_CM_SHA1_32": "AES_CM_128_HMAC_SHA1_32",
    b"SRTP_AEAD_AES_128_GCM": "AEAD_AES_128_GCM",
    b"SRTP_AEAD_AES_256_GCM": "AEAD_AES_256_GCM",
}


class Certificate:
    """A key and a certificate that nobody else has signed."""

    def __init__(self, kind: str = "ecdsa") -> None:
        key: Any = ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phone")])
        now = datetime.datetime.now(datetime.UTC)
        ends = now + datetime.timedelta(days=2)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - datetime.timedelta(days=1), ends)
        self.key, self.certificate = key, builder.sign(key, hashes.SHA256())

    def fingerprint(self) -> str:
        """Return it as a=fingerprint has it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()


class DtlsPhone(RawPhone):
    """As a `RawPhone`. setup: its a=setup. profiles: for SRTP. lose: loses once its `hello`, `certificate` or `last`.

    mute: it never shakes hands. said: the certificate its description names, where that is not its own.
    """

    def __init__(
        self,
        rig: Any,
        probe: RtpProbe,
        name: str = "phone",
        *,
        profile: str = "UDP/TLS/RTP/SAVP",
        setup: str = "actpass",
        profiles: bytes = b"SRTP_AES128_CM_SHA1_80",
        kind: str = "ecdsa",
        lose: str = "",
        mute: bool = False,
        said: Certificate | None = None,
    ) -> None:
        self.profile, self.setup, self.profiles, self.lose, self.mute = profile, setup, profiles, lose, mute
        self.certificate = Certificate(kind)
        self.said = said or self.certificate
        self._connection: SSL.Connection | None = None
        #: How it went: the suite, empty as long as it goes on.
        self.suite = ""
        self.failed = ""
        #: Fingerprint and role that the switch has said.
        self.theirs: tuple[bytes, bytes] | None = None
        super().__init__(rig, probe, name)

    @property
    def sdp(self) -> str:
        """Our session description."""
        plain = super().sdp.replace("RTP/AVP", self.profile)
        return f"{plain}a=fingerprint:sha-256 {self.said.fingerprint()}\r\na=setup:{self.setup}\r\na=rtcp-mux\r\n"

    def described(self, body: bytes) -> None:
        """Shake hands, unless the switch says what it said before."""
        found = re.search(rb"a=fingerprint:sha-256 (\S+)", body), re.search(rb"a=setup:(\w+)", body)
        super().described(body)
        if not all(found) or self.mute:
            return
        theirs = found[0][1], found[1][1]  # type: ignore[index]
        if theirs == self.theirs:
            return
        self.theirs = theirs
        active = self.setup == "active" or (self.setup == "actpass" and theirs[1] == b"passive")
        if self.setup == "actpass" and theirs[1] == b"actpass":
            active = False
        self._begin(active)

    def _begin(self, active: bool) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(self.certificate.certificate)
        context.use_privatekey(self.certificate.key)
        context.set_tlsext_use_srtp(self.profiles)
        connection = SSL.Connection(context, None)
        connection.set_ciphertext_mtu(1200)
        connection.set_connect_state() if active else connection.set_accept_state()
        step = self._stepper(connection, active)
        self.probe.handshake = step
        self._connection = connection
        if active:
            for data in step(b""):
                self.probe.send_raw(data)

    def forget(self) -> None:
        """Forget the handshake and say nothing until there was another one, as Asterisk does at each re-INVITE."""
        assert self.theirs is not None
        self.suite = ""
        self.probe.begin_anew()
        self.probe.sealed = None
        self.probe.silent = True
        self._begin(self.theirs[1] == b"passive")

    def repeat(self) -> None:
        """Send the last flight again, as telephones do when nothing comes for a second."""
        assert self._connection is not None and self.probe.handshake is not None
        self._connection.DTLSv1_handle_timeout()
        for data in self.probe.handshake(b""):
            self.probe.send_raw(data)

    def _stepper(self, connection: SSL.Connection, active: bool) -> Callable[[bytes], list[bytes]]:
        def step(data: bytes) -> list[bytes]:
            if data and self.lose == _kind(data):
                self.lose = ""
                return []
            if data:
                connection.bio_write(data)
            try:
                if not self.suite:
                    connection.do_handshake()
                    self._made(connection, active)
                else:
                    connection.recv(1)
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                self.failed = str(error)
            with contextlib.suppress(SSL.Error):
                return [connection.bio_read(65536)]
            return []

        return step

    def _made(self, connection: SSL.Connection, active: bool) -> None:
        certificate = connection.get_peer_certificate(as_cryptography=True)
        assert certificate is not None and self.theirs is not None
        assert certificate.fingerprint(hashes.SHA256()).hex(":").upper().encode() == self.theirs[0]
        suite = SUITE_OF.get(connection.get_selected_srtp_profile(), "")
        if not suite:
            return
        key, salt, _ = SUITES[suite]
        made = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt), None)
        keys, salts = made[: 2 * key], made[2 * key :]
        client, server = keys[:key] + salts[:salt], keys[key:] + salts[salt:]
        ours, theirs = (client, server) if active else (server, client)
        self.probe.encrypt(Book(suite, ours), Book(suite, theirs))
        self.probe.silent = False
        self.suite = suite


def _kind(data: bytes) -> str:
    """Name a datagram of a handshake: the first of a client, one with a certificate, the last."""
    if data[0] == 22 and data[13] == 1:
        return "hello"
    return "certificate" if len(data) > 300 else "last"
