"""The DTLS handshake that makes the keys of encrypted sound (RFC 5764), on the port of the sound itself.

Theory of operation. OpenSSL shakes hands over memory: `receive` takes the datagrams of the peer, `drain` gives those to
send, and who waits for one that was lost asks again when `next_timer` says. It ends in one of two ways: `keys` are
there, or `failed` says why not. The peer is who its session description says it is if its certificate has that
fingerprint (RFC 5763 section 5): nobody has signed either certificate, and nobody need have.

OpenSSL keeps the time of its repetitions itself, by the clock of the machine (1 s, then twice as long each time); how
long the whole may take is counted in `now`. Our first word is repeated sooner: it goes out with our answer, and a peer
that has not read that yet cannot make anything of it. Each step costs half a millisecond at most, for the curve of the
signatures.
"""

import contextlib
import datetime
import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from softswitch.rtp.srtp import secret_length

#: An honest handshake takes a second or two on a bad way; its peer's user has been saying "hello?" since then.
HANDSHAKE_SECONDS: Final = 10.0
#: When our first word is said again, octet by octet, as long as there is no answer; who has heard it drops it.
FIRST_WORD_AGAIN_SECONDS: Final = (0.05, 0.15, 0.35, 0.65)
#: A handshake is six datagrams, with all that is lost and comes again some dozens.
MAX_DATAGRAMS: Final = 200
#: Datagrams of ours: below what any way carries without fragments (RFC 8261 has the same).
MAX_DATAGRAM_BYTES: Final = 1200
#: Our certificate is as old as the process; who checks its dates at all checks that now is between them.
_VALID_DAYS: Final = 3650

#: RFC 5764 section 4.1.2, RFC 7714 section 14.2: the names OpenSSL has for the suites of `srtp`.
_PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": "SRTP_AES128_CM_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32": "SRTP_AES128_CM_SHA1_32",
    "AEAD_AES_128_GCM": "SRTP_AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM": "SRTP_AEAD_AES_256_GCM",
}
_SUITES: Final = {profile: suite for suite, profile in _PROFILES.items()}
#: With forward secrecy, for certificates of either kind: old phones have RSA ones.
_CIPHERS: Final = b":".join(
    b"ECDHE-%s-%s" % (signed, cipher)
    for cipher in (b"AES128-GCM-SHA256", b"CHACHA20-POLY1305", b"AES256-GCM-SHA384", b"AES128-SHA", b"AES256-SHA")
    for signed in (b"ECDSA", b"RSA")
)
_EXPORT: Final = b"EXTRACTOR-dtls_srtp"
_RECORD_HEADER_BYTES: Final = 13

#: The hashes of fingerprints, the strongest last.
_HASHES: Final = ("sha-1", "sha-224", "sha-256", "sha-384", "sha-512")


class Identity:
    """Our certificate and its key. One does for all calls of a process: who calls is said by the signalling."""

    def __init__(self, *, wall: datetime.datetime) -> None:
        """wall: the time of day. The key is of OpenSSL's own randomness; making it takes some milliseconds."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "softswitch")])
        certificate = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=wall - datetime.timedelta(days=1),
            not_valid_after=wall + datetime.timedelta(days=_VALID_DAYS),
        ).sign(key, hashes.SHA256())
        self._der = certificate.public_bytes(serialization.Encoding.DER)
        self._key, self._certificate = key, certificate
        self._contexts: dict[tuple[str, ...], SSL.Context] = {}

    def digest(self, name: str) -> bytes:
        """Return the fingerprint of the certificate under a hash."""
        return _digest(self._der, name)

    def context(self, suites: Sequence[str]) -> SSL.Context:
        """Return what handshakes that offer these suites have in common."""
        wanted = tuple(suite for suite in suites if suite in _PROFILES)
        context = self._contexts.get(wanted)
        if context is None:
            context = self._contexts[wanted] = self._made(wanted)
        return context

    def _made(self, suites: tuple[str, ...]) -> SSL.Context:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # The peer must have a certificate, whoever signed it: its fingerprint is looked at afterwards.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _take_any)
        context.set_cipher_list(_CIPHERS)
        context.use_certificate(self._certificate)
        context.use_privatekey(self._key)
        context.set_tlsext_use_srtp(b":".join(_PROFILES[suite].encode() for suite in suites))
        return context


class Keys(NamedTuple):
    """What came of a handshake: the suite, and what each side encrypts with."""

    suite: str
    ours: bytes
    theirs: bytes

    def __repr__(self) -> str:
        return f"Keys({self.suite})"


class Handshake:
    """One handshake. keys: its result. failed: why there is none, in words; empty while it goes on."""

    __slots__ = (
        "_active",
        "_connection",
        "_ends_at",
        "_expected",
        "_first",
        "_first_at",
        "_out",
        "_received",
        "_repeat_at",
        "_taken",
        "failed",
        "keys",
    )

    def __init__(
        self,
        identity: Identity,
        *,
        active: bool,
        suites: Sequence[str],
        expected: Sequence[tuple[str, bytes]],
        now: float,
    ) -> None:
        """Begin: the first flight, where we are active; from now on it has `HANDSHAKE_SECONDS`.

        expected: fingerprints of the peer's certificate, (hash, digest); any one of the strongest hash will do.
        """
        self.keys: Keys | None = None
        self.failed = ""
        self._active = active
        self._expected = tuple(expected)
        self._out: list[bytes] = []
        self._received = 0
        self._taken = False
        self._repeat_at: float | None = None
        self._ends_at = now + HANDSHAKE_SECONDS
        self._connection = SSL.Connection(identity.context(suites), None)
        self._connection.set_ciphertext_mtu(MAX_DATAGRAM_BYTES)
        if active:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._step(now)
        self._first = tuple(self._out)
        self._first_at = [now + seconds for seconds in FIRST_WORD_AGAIN_SECONDS] if active else []

    @property
    def over(self) -> bool:
        """True when it has come to an end, good or bad."""
        return self.keys is not None or bool(self.failed)

    def take_keys(self) -> Keys | None:
        """Return the keys once, when they are there."""
        keys = None if self._taken else self.keys
        self._taken = self._taken or keys is not None
        return keys

    def receive(self, datagram: bytes, *, now: float) -> None:
        """Take one datagram of the peer; never raises. Once it is over, only lost flights are sent again."""
        if datagram and not self.failed and self._received < MAX_DATAGRAMS:
            self._received += 1
            said = len(self._out)
            self._connection.bio_write(datagram)
            self._step(now)
            if len(self._out) > said:  # an answer, and no left-over of another handshake
                self._first_at.clear()

    def drain(self) -> list[bytes]:
        """Return the datagrams to send."""
        out, self._out = self._out, []
        return out

    def next_timer(self) -> float | None:
        """Return when to look at the clock; None when it is over."""
        if self.over:
            return None
        times = (self._ends_at, self._repeat_at, next(iter(self._first_at), None))
        return min(time for time in times if time is not None)

    def handle_timer(self, *, now: float) -> None:
        """Repeat what was lost, or give up."""
        if self.over:
            return
        if self._first_at and now >= self._first_at[0]:
            self._first_at = [at for at in self._first_at if at > now]
            self._out.extend(self._first)
        if now >= self._ends_at:
            self.failed = "it did not come to an end in time" if self._received else "the peer said nothing at all"
        elif self._repeat_at is not None and now >= self._repeat_at:
            self._connection.DTLSv1_handle_timeout()
            self._collect(now)

    # Inside --------------------------------------------------------------------------------------------------------

    def _step(self, now: float) -> None:
        connection = self._connection
        try:
            if self.keys is None:
                connection.do_handshake()
                self._finish(connection)
            else:
                connection.recv(1)  # looks at what came: a flight that was lost is sent again
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            if self.keys is None:
                self.failed = _words(error)
        self._collect(now)

    def _finish(self, connection: SSL.Connection) -> None:
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            self.failed = "the peer has no certificate"
            return
        if not _is_one_of(certificate.public_bytes(serialization.Encoding.DER), self._expected):
            self.failed = "the certificate of the peer has another fingerprint than its session description says"
            return
        suite = _SUITES.get(connection.get_selected_srtp_profile().decode("ascii", "replace"))
        if suite is None:
            self.failed = "the peer has no SRTP suite in common with us"
            return
        key, salt = secret_length(suite)
        # RFC 5764 section 4.2: the key of the client, of the server, the salt of the client, of the server.
        made = connection.export_keying_material(_EXPORT, 2 * (key + salt), None)
        client = made[:key] + made[2 * key : 2 * key + salt]
        server = made[key : 2 * key] + made[2 * key + salt :]
        self.keys = Keys(suite, client, server) if self._active else Keys(suite, server, client)

    def _collect(self, now: float) -> None:
        with contextlib.suppress(SSL.Error):  # there is nothing to send
            self._out.extend(_datagrams(self._connection.bio_read(1 << 16)))
        left = None if self.over else self._connection.DTLSv1_get_timeout()
        self._repeat_at = None if left is None else now + left


def _take_any(*_: object) -> bool:
    return True


def _digest(der: bytes, name: str) -> bytes:
    return hashlib.new(name.replace("-", ""), der).digest()


def _is_one_of(der: bytes, expected: Sequence[tuple[str, bytes]]) -> bool:
    """Tell whether a certificate is one of those described: of several hashes the strongest counts (RFC 8122 5)."""
    strongest = max((_HASHES.index(name) for name, _ in expected if name in _HASHES), default=None)
    if strongest is None:
        return False
    name = _HASHES[strongest]
    return (name, _digest(der, name)) in expected


def _datagrams(data: bytes) -> list[bytes]:
    """Cut what OpenSSL has written, record after record, into datagrams that hold whole ones."""
    datagrams: list[bytes] = []
    place, begun = 0, 0
    while place + _RECORD_HEADER_BYTES <= len(data):
        end = place + _RECORD_HEADER_BYTES + int.from_bytes(data[place + 11 : place + 13])
        if end - begun > MAX_DATAGRAM_BYTES and place > begun:
            datagrams.append(data[begun:place])
            begun = place
        place = end
    datagrams.append(data[begun:])
    return datagrams


def _words(error: SSL.Error) -> str:
    """Return what OpenSSL says went wrong, such as `no shared cipher`."""
    for entry in error.args[0] if error.args and isinstance(error.args[0], list) else ():
        if entry and entry[-1]:
            return str(entry[-1])
    return "the peer broke it off"
