"""One end of one TLS connection as a machine: bytes in, bytes out, no socket and no clock.

Theory of operation
-------------------
`handshake` takes what the peer sent and returns what to send; it is called until `open`. The signatures in it take from
0.3 ms (ECDSA) to some milliseconds (RSA), so its driver calls it in a worker thread, and touches the machine no more
until it returns. What comes afterwards costs microseconds a message and is done by the loop.

OpenSSL judges the chain of a certificate; whom it is for is judged here (`tls_names`), because OpenSSL's rules are
those of the web and not of SIP. What goes wrong is a RemoteError: `kind` for the counters, the text a predicate that
stands behind an address ("its certificate expired on 2026-01-03").
"""

import ssl
from collections.abc import Collection
from typing import Any

from cryptography import x509

from softswitch.errors import RemoteError
from softswitch.net.tls_names import names_of, proves, said

#: Plain text taken out in one go: the longest record (RFC 8446 section 5.1).
RECORD_BYTES = 16_384
#: Of a name or a word that a peer sent, so much is repeated.
MAX_WORDS = 80

#: `X509_V_ERR_…` of OpenSSL that mean the date.
_NOT_YET_VALID, _EXPIRED = 9, 10
#: Those that mean the signature leads to nobody we trust.
_UNTRUSTED = frozenset((2, 18, 19, 20, 21, 27, 33))
#: What OpenSSL calls bytes that are no TLS at all, HTTP and SIP among them.
_NO_TLS = frozenset(
    (
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "RECORD_LAYER_FAILURE",
        "UNKNOWN_PROTOCOL",
        "INVALID_SESSION_ID",
    )
)
_VERSIONS = frozenset(
    ("UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW", "TLSV1_ALERT_PROTOCOL_VERSION")
)


class TlsMachine:
    """One end. names: the domains that the peer has proved, empty where it was asked for no proof or gave none.

    expected: whom the peer must be, one of these; empty: anybody whose chain is good. server_name: for SNI, empty
    for none; of a client. serving: this is the side that was connected to.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        serving: bool = False,
        server_name: str = "",
        expected: Collection[str] = (),
    ) -> None:
        self.names: tuple[str, ...] = ()
        self.open = False
        self._expected = tuple(expected)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=serving, server_hostname=server_name or None
        )
        self._serving = serving
        self._checked = context.verify_mode is not ssl.CERT_NONE

    def handshake(self, data: bytes) -> bytes:
        """Take what came, return what to send. `open` says whether the handshake is over.

        Raises RemoteError; `leftover` then has the alert that tells the peer.
        """
        if data:
            self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return self._outgoing.read()
        except ssl.SSLError as error:
            raise self._explained(error) from error
        self._judge()
        self.open = True
        return self._outgoing.read()

    def receive(self, data: bytes) -> tuple[list[bytes], bool]:
        """Take what came; return the plain text in it, and whether the peer has said that no more comes.

        Raises RemoteError. What it makes us send is in `leftover`.
        """
        if data:
            self._incoming.write(data)
        texts: list[bytes] = []
        try:
            while text := self._tls.read(RECORD_BYTES):
                texts.append(text)
        except ssl.SSLWantReadError:
            return texts, False
        except ssl.SSLZeroReturnError:
            return texts, True
        except ssl.SSLError as error:
            raise self._explained(error) from error
        return texts, True

    def send(self, text: bytes) -> bytes:
        """Return what to send for a message. Raises RemoteError where the connection is broken."""
        try:
            self._tls.write(text)
        except ssl.SSLError as error:
            raise self._explained(error) from error
        return self._outgoing.read()

    def close(self) -> bytes:
        """Return what tells the peer that no more comes (RFC 8446 section 6.1)."""
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError):  # the peer's own farewell is not waited for
            pass
        return self._outgoing.read()

    def leftover(self) -> bytes:
        """Return what the machine itself wants to say: an alert, an answer to a change of keys."""
        return self._outgoing.read()

    @property
    def version(self) -> str:
        """The version of the protocol, as `TLSv1.3`, empty before the handshake."""
        return self._tls.version() or ""

    # ----------------------------------------------------------------

    def _judge(self) -> None:
        """Learn who the peer is, and whether that is who was expected."""
        certificate = self._certificate() if self._checked else None
        if certificate is not None:
            self.names = names_of(certificate)
        if self._checked and self._expected and not proves(self.names, self._expected):
            raise RemoteError(
                f"its certificate is for {said(self.names)[: 3 * MAX_WORDS]}, not for {said(self._expected)}: "
                "set tls_name where that is whom you mean",
                kind="wrong_name",
            )

    def _certificate(self) -> x509.Certificate | None:
        data = self._tls.getpeercert(binary_form=True)
        return _read(data) if data else None

    def _explained(self, error: ssl.SSLError) -> RemoteError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._unverified(error)
        reason = error.reason or ""
        if isinstance(error, ssl.SSLEOFError) or reason == "UNEXPECTED_EOF_WHILE_READING":
            return RemoteError("it closed the connection while TLS was set up", kind="closed")
        if reason in _NO_TLS:
            return RemoteError("it answers in plain text: that port is not one for TLS", kind="plain_text")
        if reason in _VERSIONS:
            return RemoteError("it speaks no TLS of version 1.2 or later", kind="version")
        if "CERTIFICATE_REQUIRED" in reason:
            words = "it wants a certificate of ours: set tls_certificate and tls_key"
            return RemoteError(words, kind="refused")
        if "ALERT" in reason:
            said_so = reason.partition("ALERT_")[2].replace("_", " ").lower()[:MAX_WORDS]
            if said_so == "handshake failure" and not self._serving:  # the only word that TLS 1.2 has for all of that
                said_so += ", which may be that it wants a certificate of ours (tls_certificate)"
            return RemoteError(f"it refused the TLS handshake: {said_so}", kind="refused")
        if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return RemoteError("it gave no certificate, and verify_clients is require", kind="no_certificate")
        if reason == "NO_SHARED_CIPHER":
            return RemoteError("it has no cipher in common with us", kind="refused")
        words = (reason or str(error)).replace("_", " ").lower()[:MAX_WORDS]
        return RemoteError(f"what it sends is no good TLS: {words}", kind="broken")

    def _unverified(self, error: ssl.SSLCertVerificationError) -> RemoteError:
        """Say what is wrong with the peer's certificate."""
        chain = [] if self._serving else self._chain()
        leaf = chain[0] if chain else None
        match error.verify_code:
            case code if code == _EXPIRED:
                # Which of the chain it is OpenSSL does not tell; the one whose time was over first has been it longest.
                ends = min((one.not_valid_after_utc for one in chain), default=None)
                when = f" on {ends.date().isoformat()}" if ends else ""
                return RemoteError(f"its certificate expired{when}", kind="expired")
            case code if code == _NOT_YET_VALID:
                begins = max((one.not_valid_before_utc for one in chain), default=None)
                when = f" before {begins.date().isoformat()}" if begins else " yet"
                return RemoteError(f"its certificate is not valid{when}", kind="not_yet_valid")
            case code if code in _UNTRUSTED:
                # Of a client OpenSSL does not say whose certificate it refused.
                signed = f"by {_issuer(leaf)}, whom nobody here trusts" if leaf else "by nobody who is trusted here"
                key = "client_ca" if self._serving else "tls_ca"
                words = f"its certificate is signed {signed}: name its authority with {key}"
                return RemoteError(words, kind="untrusted")
            case _:
                return RemoteError(f"its certificate is no good: {error.verify_message[:MAX_WORDS]}", kind="untrusted")

    def _chain(self) -> list[x509.Certificate]:
        """Return what the peer sent of certificates, its own first; none where Python does not give them."""
        inner: Any = self._tls
        ask = getattr(inner, "get_unverified_chain", None)  # public from Python 3.13 on
        if ask is None:
            ask = getattr(getattr(inner, "_sslobj", None), "get_unverified_chain", None)
        found = (ask() if ask is not None else None) or []
        read = [_read(one if isinstance(one, bytes) else bytes(one.public_bytes(_DER))) for one in found[:10]]
        return [one for one in read if one is not None]


#: How the chain's certificates are asked for before Python 3.13 (`_ssl.ENCODING_DER`).
_DER = 2


def _read(data: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError:
        return None


def _issuer(certificate: x509.Certificate) -> str:
    """Return who signed a certificate, in words."""
    try:
        if certificate.issuer == certificate.subject:
            return "itself"
        return certificate.issuer.rfc4514_string()[:MAX_WORDS] or "somebody"
    except ValueError:
        return "somebody"
