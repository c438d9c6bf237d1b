"""TLS contexts: what we show to whom, and whom we believe. Made of files, and made anew from them without a restart.

Theory of operation
-------------------
Each new connection takes the contexts of its moment, so a reload touches none that stands. All of them are made before
the first is put in place: a broken file is refused in a sentence, and everything stays as it was. `terms` are what a
connection was made on: where they have changed since, `Streams` begins nothing new over it.

No session is resumed: every connection proves anew who it is, by the certificates that are in place now, and nothing of
it stays in memory. What that costs (docs/benchmarks.md) is paid in a worker thread.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from softswitch.errors import ResourceError
from softswitch.net.address import family
from softswitch.net.tls_files import KeyPair, check_authorities, read_pair
from softswitch.net.tls_names import plain

Verify = Literal["none", "optional", "require"]

_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}
#: Where these are absent OpenSSL's own hold: a chain may end at any certificate that is trusted, so that a carrier's
#: own self-signed one can be named; and what an authority's certificate has of extensions is the authority's business.
_CHAIN = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What we show to those who connect. pair: None: we take no TLS connections.

    client_ca: who may sign the certificates that clients show; verify: whether they must. names: host -> what is shown
    to those who ask for that host (SNI). ca: who may sign the certificates of those we connect to who are no carrier,
    None for the system's authorities.
    """

    pair: KeyPair | None = None
    client_ca: Path | None = None
    verify: Verify = "none"
    names: Mapping[str, KeyPair] = field(default_factory=dict)
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class PeerTls:
    """How we connect to a carrier.

    verify: it must prove who it is. ca: who may sign its certificate, None for the system's authorities. pair: what we
    show, None for nothing. name: who it must be, empty for the host that is called or one of `hosts`.
    """

    verify: bool = True
    ca: Path | None = None
    pair: KeyPair | None = None
    name: str = ""
    hosts: tuple[str, ...] = ()


class Client(NamedTuple):
    """What a connection of ours needs. server_name: for SNI, empty for none. expected: whom the peer must be."""

    context: ssl.SSLContext
    server_name: str
    expected: tuple[str, ...]


class TlsContexts:
    """Every context of the process."""

    def __init__(self, server: ServerTls | None = None, carriers: Mapping[str, PeerTls] | None = None) -> None:
        """Raises ResourceError with a sentence where a file is no good."""
        self._shown: Mapping[Path, str] = {}
        self.put(self.make(server or ServerTls(), carriers or {}))

    @staticmethod
    def make(server: ServerTls, carriers: Mapping[str, PeerTls]) -> "Made":
        """Read every file and make every context; it takes some milliseconds for each. Raises ResourceError."""
        clients: dict[tuple[bool, Path | None, KeyPair | None], ssl.SSLContext] = {}
        by_carrier: dict[str, ssl.SSLContext] = {}
        if server.ca is not None:
            check_authorities(server.ca)
        for name, peer in carriers.items():
            key = (peer.verify, peer.ca, peer.pair)  # the system's authorities are a megabyte: many carriers share it
            if key not in clients:
                clients[key] = _client(*key)
            by_carrier[name] = clients[key]
        pairs = [server.pair, *server.names.values(), *(peer.pair for peer in carriers.values())]
        shown = {pair.certificate: read_pair(pair).fingerprint for pair in pairs if pair is not None}
        return Made(server, dict(carriers), _server(server), by_carrier, shown)

    def put(self, made: "Made") -> Sequence[Path]:
        """Let new connections have these; return the certificates that are others than before."""
        before, self._made = self._shown, made
        self._shown = made.shown
        self._anybody: ssl.SSLContext | None = None  # of who is no carrier
        return [path for path, seen in made.shown.items() if before.get(path, seen) != seen]

    @property
    def settings(self) -> tuple[ServerTls, Mapping[str, PeerTls]]:
        """What the contexts in place were made of."""
        return self._made.settings, self._made.carriers

    def terms(self, carrier: str) -> PeerTls:
        """Return on which terms a connection to a carrier is made now; empty: to whoever is none."""
        return self._made.carriers.get(carrier) or PeerTls(ca=self._made.settings.ca)

    @property
    def server(self) -> ssl.SSLContext | None:
        """The context of those who connect to us, None where nobody can."""
        return self._made.server

    def client(self, name: str, carrier: str) -> Client:
        """Return what a connection to the host `name` needs, with the keys and authorities of a carrier if it is one.

        It may take some milliseconds: the system's authorities are only read when somebody needs them.
        """
        peer = self._made.carriers.get(carrier)
        if peer is None:
            if self._anybody is None:
                self._anybody = _client(True, self._made.settings.ca, None)
            context, peer = self._anybody, PeerTls()
        else:
            context = self._made.clients[carrier]
        hosts = (peer.name,) if peer.name else tuple(dict.fromkeys(host for host in (name, *peer.hosts) if host))
        asked = next((host for host in (peer.name, name, *peer.hosts) if _is_name(host)), "")
        return Client(context, asked, hosts if peer.verify else ())


@dataclass(frozen=True, slots=True)
class Made:
    """Contexts that were made, and of what. shown: the fingerprint of each certificate that is ours, by its file."""

    settings: ServerTls
    carriers: Mapping[str, PeerTls]
    server: ssl.SSLContext | None
    clients: Mapping[str, ssl.SSLContext]
    shown: Mapping[Path, str]


def _is_name(host: str) -> bool:
    """Say whether a host can stand in SNI: no address, and no wildcard (RFC 6066 section 3)."""
    return bool(host) and family(host) is None and "*" not in host and host.isascii()


def _server(settings: ServerTls) -> ssl.SSLContext | None:
    if settings.pair is None:
        return None
    default = _serving(settings.pair, settings)
    by_name = {plain(name): _serving(pair, settings) for name, pair in settings.names.items()}
    if by_name:

        def chosen(tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            found = by_name.get(plain(name)) if name else None
            if found is not None:
                tls.context = found

        default.sni_callback = chosen
    return default


def _serving(pair: KeyPair, settings: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.num_tickets = 0
    _load_pair(context, pair)
    context.verify_mode = _VERIFY[settings.verify]
    if settings.verify != "none":
        if settings.client_ca is None:
            raise ResourceError("verify_clients needs client_ca: the authorities that sign the clients' certificates")
        _load_authorities(context, settings.client_ca)
    return context


def _client(verify: bool, ca: Path | None, pair: KeyPair | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.check_hostname = False  # by the rules of the web; `tls_machine` has those of SIP
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify and ca is not None:
        _load_authorities(context, ca)
    elif verify:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if pair is not None:
        _load_pair(context, pair)
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    # A peer could have us sign for it as often as it likes, and TLS 1.3 has done away with it (RFC 8446 section 1.2).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.verify_flags = _CHAIN


def _load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    read_pair(pair)  # its sentences say what is wrong; those of OpenSSL do not
    try:
        context.load_cert_chain(pair.certificate, pair.key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        words = getattr(error, "reason", "") or str(error)
        raise ResourceError(f"{pair.certificate} with {pair.key} cannot be used: {words}") from error


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    check_authorities(path)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        words = getattr(error, "reason", "") or str(error)
        raise ResourceError(f"{path} cannot be used: {words}") from error


def _no_passphrase() -> str:
    """Answer OpenSSL, which else would ask the terminal and wait."""
    return ""
