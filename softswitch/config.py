"""What the user may set, in `softswitch.yaml`: frozen models, each key with its unit, its limits and its default.

With no file at all every default here makes a switch that serves the demo dialplan on 127.0.0.1.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pydantic

from softswitch.call.carrier import Host
from softswitch.call.toll_rules import TollSection
from softswitch.call.user import MAX_USERS, User, faults_among
from softswitch.document import Document, load, off_as_text, validate, validate_each
from softswitch.errors import ConfigError, Fault
from softswitch.net.address import family
from softswitch.sdp.agreement import Silence
from softswitch.sdp.protection import Policy
from softswitch.section import GuardSection, RecordingSection, Section, networks
from softswitch.sip.digest import HASHES

DEFAULT_SIP_PORT = 5060
DEFAULT_TLS_PORT = 5061
DEFAULT_HTTP_PORT = 8080
#: RFC 8489 section 8, RFC 1035 section 4.2.
DEFAULT_STUN_PORT = 3478
DEFAULT_DNS_PORT = 53

OneSection = TypeVar("OneSection", bound=Section)

#: A host name (RFC 1123 section 2.1); one that ends in a number is a broken address.
_NAME = re.compile(
    r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*(?=[^.]*[A-Za-z])[A-Za-z0-9_-]{1,63}"
)


def _split_address(value: str, default_port: int) -> tuple[str, int]:
    """Return host and port of `host`, `host:port`, `:port` or `[v6]:port`; ValueError with a sentence otherwise."""
    text = value.strip()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port_text = rest.removeprefix(":")
    elif text.count(":") > 1:
        host, port_text = text, ""
    else:
        host, _, port_text = text.partition(":")
    host = host or "127.0.0.1"
    try:
        ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        port = int(port_text) if port_text else default_port
    except ValueError:
        raise ValueError(f"{value!r} is not an address; write IP:PORT, as in 127.0.0.1:{default_port}") from None
    if not 0 <= port <= 65535:
        raise ValueError(f"port {port} is not between 0 and 65535")
    return ("127.0.0.1" if host == "localhost" else host), port


def sip_address(value: str) -> tuple[str, int]:
    """Read a SIP listening address."""
    return _split_address(value, DEFAULT_SIP_PORT)


def http_address(value: str) -> tuple[str, int]:
    """Read an HTTP listening address."""
    return _split_address(value, DEFAULT_HTTP_PORT)


def second_address(value: str) -> tuple[str, int]:
    """Read a second SIP listening address; an empty host for none."""
    return _split_address(value, DEFAULT_SIP_PORT) if value.strip() else ("", 0)


def tls_address(value: str) -> tuple[str, int]:
    """Read a TLS listening address; an empty host for none."""
    return _split_address(value, DEFAULT_TLS_PORT) if value.strip() else ("", 0)


def stun_server(value: str) -> tuple[str, int]:
    """Read a STUN server, a name or an address with a port; an empty host for none."""
    text = value.strip()
    if not text:
        return "", 0
    bare = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if family(bare) is not None or text.startswith("["):
        return _split_address(text, DEFAULT_STUN_PORT)
    host, _, port = text.partition(":")
    if not _NAME.fullmatch(host) or (port and not (port.isdecimal() and 0 < int(port) <= 65535)):
        # A dotted number with a port is no name either: the reader of addresses says what is wrong with it.
        return _split_address(text, DEFAULT_STUN_PORT)
    return host, int(port or DEFAULT_STUN_PORT)


def port_range(value: str) -> tuple[int, int]:
    """Read `first-last`; ValueError with a sentence when it holds no even/odd pair of ports."""
    first_text, dash, last_text = value.partition("-")
    if not dash or not first_text.strip().isdecimal() or not last_text.strip().isdecimal():
        raise ValueError(f"{value!r} is not a range of ports; write first-last, as in 20000-29999")
    first, last = int(first_text), int(last_text)
    if not 1024 <= first < last <= 65535 or last - (first + first % 2) < 1:
        raise ValueError(f"{value!r} holds no pair of ports between 1024 and 65535")
    return first, last


def _nameservers(value: object) -> object:
    """Read one name server, or a list of them."""
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list):
        return () if value is None else value
    return tuple(_split_address(str(one), DEFAULT_DNS_PORT) for one in value)


def _read_with(reader: Callable[[str], object]) -> pydantic.BeforeValidator:
    def read(value: object) -> object:
        # A tuple is what an earlier reading made; YAML has none. A list would get past every check of the reader.
        return value if isinstance(value, tuple) else reader("" if value is None else str(value))

    return pydantic.BeforeValidator(read)


def _ip_or_empty(value: str) -> str:
    if value and family(value) is None:
        raise ValueError(f"{value!r} is not an IP address")
    return value


#: An IP address, or empty.
OptionalAddress = Annotated[str, pydantic.AfterValidator(_ip_or_empty)]


class KeyPairSection(Section):
    """sip.tls.names.HOST: what is shown to those who ask for that host."""

    certificate: Path
    key: Path


class TlsSection(Section):
    """sip.tls: encrypted signalling. Paths are relative to the file.

    listen: address for TLS, empty for none; listen_also: another one, of the other address family. certificate, key:
    what we show; without them one of our own is made in the data folder. names: host -> what is shown to those who ask
    for that host (SNI). verify_clients: whether those who connect must show a certificate, and client_ca: who may have
    signed it. ca: who may have signed the certificates of peers that we call and that are no carriers, the system's
    authorities where it is absent.
    """

    listen: Annotated[tuple[str, int], _read_with(tls_address)] = ("", 0)
    listen_also: Annotated[tuple[str, int], _read_with(tls_address)] = ("", 0)
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    verify_clients: Literal["none", "optional", "require"] = "none"
    names: dict[str, KeyPairSection] = pydantic.Field(default={}, max_length=256)
    ca: Path | None = None

    @pydantic.model_validator(mode="after")
    def _both_or_none(self) -> "TlsSection":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; name both, or none to have one made")
        if self.listen_also[0] and family(self.listen[0]) in (None, family(self.listen_also[0])):
            raise ValueError("listen_also is beside listen, and of the other address family")
        return self

    @pydantic.field_validator("verify_clients")
    @classmethod
    def _by_somebody(cls, value: str, info: pydantic.ValidationInfo) -> str:
        if value != "none" and info.data.get("client_ca") is None:
            raise ValueError("to verify clients, client_ca must name the authorities that sign their certificates")
        return value

    @pydantic.field_validator("names")
    @classmethod
    def _hosts(cls, value: dict[str, KeyPairSection]) -> dict[str, KeyPairSection]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a host name")
        return value


class SipSection(Section):
    """sip: where phones and carriers reach us.

    listen: address for UDP and TCP. listen_also: another one, of the other address family, with its own sound; empty
    for none. public_address: what we write into Contact and session descriptions when it
    differs from the listening address (behind NAT). stun: server that is asked for it instead, empty for none.
    nameservers: who is asked for names, empty for the system's own. trusted: networks whose callers may use every rule
    of the dialplan. session_expires: seconds after which a call that nobody refreshed is over (RFC 4028), 0 for no
    timer unless the peer wants one. min_se: the shortest such interval we let a peer ask for. tls: the same encrypted.
    server_name: how we call ourselves in Server and User-Agent; absent: `softswitch` with its version, empty: not at
    all.
    """

    listen: Annotated[tuple[str, int], _read_with(sip_address)] = ("127.0.0.1", DEFAULT_SIP_PORT)
    listen_also: Annotated[tuple[str, int], _read_with(second_address)] = ("", 0)
    public_address: OptionalAddress = ""
    stun: Annotated[tuple[str, int], _read_with(stun_server)] = ("", 0)
    nameservers: Annotated[
        tuple[tuple[str, int], ...], pydantic.BeforeValidator(_nameservers), pydantic.Field(max_length=8)
    ] = ()
    trusted: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    session_expires: int = pydantic.Field(default=1800, ge=0, le=86400)
    min_se: int = pydantic.Field(default=90, ge=90, le=3600)
    tls: TlsSection = TlsSection()
    server_name: Annotated[str, pydantic.Field(pattern=r"^[ -~]*$", max_length=128)] | None = None

    @pydantic.field_validator("session_expires")
    @classmethod
    def _long_enough(cls, value: int) -> int:
        if 0 < value < 90:
            raise ValueError(f"{value} is too short: RFC 4028 forbids less than 90 seconds; 0 asks for no timer")
        return value

    @pydantic.field_validator("trusted")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return networks(value)

    @pydantic.field_validator("listen_also")
    @classmethod
    def _the_other_family(cls, value: tuple[str, int], info: pydantic.ValidationInfo) -> tuple[str, int]:
        first = info.data.get("listen")
        if value[0] and first and family(first[0]) == family(value[0]):
            raise ValueError(f"{value[0]} is of the same address family as listen; write an IPv6 address beside IPv4")
        return value

    @pydantic.field_validator("stun")
    @classmethod
    def _one_way_to_know_it(cls, value: tuple[str, int], info: pydantic.ValidationInfo) -> tuple[str, int]:
        if value[0] and info.data.get("public_address"):
            raise ValueError("public_address says already what a STUN server would be asked for; keep one of them")
        return value


class HttpSection(Section):
    """http: health, metrics and the API. `enabled: false` opens no HTTP port."""

    listen: Annotated[tuple[str, int], _read_with(http_address)] = ("127.0.0.1", DEFAULT_HTTP_PORT)
    enabled: bool = True


class RtpSection(Section):
    """rtp: sound.

    address: where sound is received, empty for the SIP address. ports: range, used in even/odd pairs.
    quiet_seconds: how long a port must have been quiet before another call gets it. media_timeout: seconds without
    any packet from the peer after which a call is given up; first_media_timeout: the same for a peer that was never
    heard, media_timeout where it is left out. rtcp: say how we hear the peer, and read what it says of us. srtp:
    encryption of calls of whoever is no carrier and no user, and to bare SIP URIs: none, accept (as the peer offers
    it), offer or require. comfort_noise: whether session descriptions name it (RFC 3389), so that peers may send it.
    silence: what is sent while nobody speaks; comfort_noise names it too.
    """

    address: OptionalAddress = ""
    ports: Annotated[tuple[int, int], _read_with(port_range)] = (20000, 29999)
    quiet_seconds: float = pydantic.Field(default=2.0, ge=0.0, le=60.0)
    media_timeout: float = pydantic.Field(default=60.0, gt=0)
    first_media_timeout: float | None = pydantic.Field(default=None, gt=0)
    rtcp: bool = True
    srtp: Policy = "accept"
    comfort_noise: bool = False
    silence: Silence = "packets"


class SpeechSection(Section):
    """speech: which engines listen and speak, and how many worker processes the recogniser has."""

    stt: str = "pocketsphinx"
    tts: str = "espeak"
    workers: int = pydantic.Field(default=1, ge=1, le=64)
    language: str = "en"


class StoreSection(Section):
    """store: where call records go besides `calls.jsonl`. url: an SQLAlchemy URL; empty: SQLite in the data folder."""

    url: str = ""


class StirSection(Section):
    """stir: signed caller IDs of inbound calls (STIR/SHAKEN).

    verify: `off`; `note` says in the record and to the dialplan what came of it; `require` refuses what does not pass.
    A carrier may say otherwise. anchors: PEM file of the certificates that all others must lead to. certificates:
    files by the URL that calls name them by. fetch: hosts that certificates may be fetched from, over https.
    """

    verify: Annotated[Literal["off", "note", "require"], pydantic.BeforeValidator(off_as_text)] = "off"
    anchors: Path | None = pydantic.Field(default=None, validate_default=True)
    certificates: dict[str, Path] = pydantic.Field(default={}, max_length=1000)
    fetch: tuple[str, ...] = pydantic.Field(default=(), max_length=100)

    @pydantic.field_validator("anchors")
    @classmethod
    def _no_verdict_without_anchors(cls, value: Path | None, info: pydantic.ValidationInfo) -> Path | None:
        if value is None and info.data.get("verify") in ("note", "require"):
            raise ValueError("to verify, certificates to trust are needed: name a PEM file")
        return value


class RegistrarSection(Section):
    """registrar: how phones register with us.

    realm: whose passwords are asked for; a `ha1` is made for one realm. domains: names that are ours in addresses,
    besides the realm and the addresses we listen on. algorithms: offered in challenges, the favourite first. expires:
    seconds, where a phone asks for none; less than min_expires is refused, more than max_expires cut. max_contacts:
    phones of one user. max_bindings: phones of all users. keep_alive: what is sent to phones behind a NAT every
    keep_alive_seconds. sql: whether there are users in the table `users` of `store.url`, read every sql_seconds.
    """

    realm: str = pydantic.Field(default="softswitch", min_length=1, max_length=128, pattern=r"^[!-~ ]+$")
    domains: tuple[Host, ...] = pydantic.Field(default=(), max_length=64)
    algorithms: tuple[str, ...] = pydantic.Field(default=("MD5",), min_length=1)
    expires: int = pydantic.Field(default=600, ge=30, le=86400)
    min_expires: int = pydantic.Field(default=60, ge=1, le=3600)
    max_expires: int = pydantic.Field(default=7200, ge=60, le=604800)
    max_contacts: int = pydantic.Field(default=10, ge=1, le=100)
    max_bindings: int = pydantic.Field(default=20_000, ge=1, le=200_000)
    keep_alive: Literal["options", "crlf", "none"] = "options"
    keep_alive_seconds: float = pydantic.Field(default=25.0, ge=5, le=3600)
    sql: bool = False
    sql_seconds: float = pydantic.Field(default=30.0, ge=1, le=86400)

    @pydantic.field_validator("algorithms")
    @classmethod
    def _known_algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name.lower() not in HASHES]
        if unknown:
            known = ", ".join(name.upper() for name in HASHES)
            raise ValueError(f"{', '.join(unknown)} is not known here; {known} are")
        return tuple(dict.fromkeys(name.upper() for name in value))

    @pydantic.field_validator("max_expires")
    @classmethod
    def _in_order(cls, value: int, info: pydantic.ValidationInfo) -> int:
        least = max(info.data.get("expires", 0), info.data.get("min_expires", 0))
        if value < least:
            raise ValueError(f"{value} is less than expires or min_expires ({least})")
        return value


class LimitsSection(Section):
    """limits: what this switch takes on. drain_seconds: how long running calls may go on after SIGTERM."""

    max_calls: int = pydantic.Field(default=2000, ge=1)
    max_call_seconds: float = pydantic.Field(default=4 * 3600.0, gt=0)
    drain_seconds: float = pydantic.Field(default=30.0, ge=0)


class ObservabilitySection(Section):
    """observability: what is logged and kept to be looked at.

    level: debug, info, warning or error. trace_mib: memory for the SIP messages of calls, which `calls show` draws; 0
    keeps none. recent_calls: how many calls that are over it still knows. private: whether keys and the bodies of
    messages are shown there, too; credentials never are.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    trace_mib: float = pydantic.Field(default=32.0, ge=0, le=4096)
    recent_calls: int = pydantic.Field(default=1000, ge=0, le=100_000)
    private: bool = False


class Settings(Section):
    """softswitch.yaml. Paths are relative to the file; empty ones mean what the package ships."""

    sip: SipSection = SipSection()
    guard: GuardSection = GuardSection()
    toll: TollSection = TollSection()
    http: HttpSection = HttpSection()
    rtp: RtpSection = RtpSection()
    speech: SpeechSection = SpeechSection()
    store: StoreSection = StoreSection()
    stir: StirSection = StirSection()
    registrar: RegistrarSection = RegistrarSection()
    users: tuple[User, ...] = pydantic.Field(default=(), max_length=MAX_USERS)
    recording: RecordingSection = RecordingSection()
    limits: LimitsSection = LimitsSection()
    observability: ObservabilitySection = ObservabilitySection()
    carriers: Path | None = None
    dialplans: Path | None = None
    media: Path | None = None
    data: Path = Path("data")


def load_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read softswitch.yaml; None gives the defaults. Raises ConfigError with every fault."""
    if path is None:
        return Settings()
    document = load(path, environment)
    if document.data is None:
        document.data = {}
    if not isinstance(document.data, dict):
        raise ConfigError(document.fault((), "is not a mapping of sections", "begin with `sip:` or another section"))
    # A section whose keys are all commented out is one left at its defaults.
    document.data = {key: value for key, value in document.data.items() if value is not None}
    settings = _with_users(document)
    among = list(faults_among(settings.users, settings.registrar.algorithms))
    if among:
        raise ConfigError(*(document.fault(("users", at, key), what, hint) for at, key, what, hint in among))
    base = path.resolve().parent
    sip = settings.sip.model_copy(update={"tls": _tls_beside(settings.sip.tls, base)})
    changes: dict[str, Any] = {"stir": _beside(settings.stir, base), "sip": sip}
    for name in ("carriers", "dialplans", "media"):
        value: Path | None = getattr(settings, name)
        if value is not None:
            changes[name] = base / value
            if not changes[name].exists():
                fault = document.fault((name,), f"{name}: {changes[name]} does not exist", "check the path")
                raise ConfigError(fault)
    return settings.model_copy(update=changes)


def http_of(path: Path | None, environment: Mapping[str, str]) -> HttpSection:
    """Return where the HTTP of a switch is that runs by this file: all that a command needs which asks it.

    The rest of the file may hold faults, or read an environment that the service alone has.
    """
    if path is None:
        return HttpSection()
    document = load(path, _Unset(environment))
    section = document.data.get("http") if isinstance(document.data, dict) else None
    return validate(HttpSection, document, section or {}, ("http",))


class _Unset(dict[str, str]):
    """An environment in which every name is set, to nothing where nobody has set it."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, "" if default is None else default)


def _with_users(document: Document) -> Settings:
    """Return the settings of a document; users one by one, for they are many, and calls go on meanwhile."""
    users, faults = document.data.get("users"), list[Fault]()
    found: tuple[User, ...] = ()
    if isinstance(users, list) and len(users) <= MAX_USERS:
        document.data = {key: value for key, value in document.data.items() if key != "users"}
        try:
            found = validate_each(User, document, users, ("users",))
        except ConfigError as error:
            faults.extend(error.faults)
    try:
        settings = validate(Settings, document)
    except ConfigError as error:
        raise ConfigError(*error.faults, *faults) from error
    if faults:
        raise ConfigError(*faults)
    return settings.model_copy(update={"users": found or settings.users})


def _beside(stir: StirSection, base: Path) -> StirSection:
    """Return the section with its paths relative to the file; who reads them says what is wrong with them."""
    found = {url: base / file for url, file in stir.certificates.items()}
    return stir.model_copy(update={"anchors": stir.anchors and base / stir.anchors, "certificates": found})


def _tls_beside(tls: TlsSection, base: Path) -> TlsSection:
    """Return the section with its files relative to softswitch.yaml, as all of it is."""
    files = {name: getattr(tls, name) for name in ("certificate", "key", "client_ca", "ca")}
    changes: dict[str, object] = {name: base / file for name, file in files.items() if file is not None}
    changes["names"] = {
        name: KeyPairSection(certificate=base / pair.certificate, key=base / pair.key)
        for name, pair in tls.names.items()
    }
    return tls.model_copy(update=changes)


def store_url(settings: Settings) -> str:
    """Return the URL of the database: SQLite in the data folder where none is configured."""
    return settings.store.url or f"sqlite+aiosqlite:///{(settings.data / 'softswitch.db').resolve()}"


def override(settings: Settings, section: str, key: str, value: str, option: str) -> Settings:
    """Return the settings with one value from the command line; ConfigError names the option when it is wrong."""
    changed = override_section(getattr(settings, section), key, value, option)
    return settings.model_copy(update={section: changed})


def override_section(part: OneSection, key: str, value: str, option: str) -> OneSection:
    """Return a section with one value from the command line; ConfigError names the option when it is wrong."""
    try:
        return type(part).model_validate({**part.model_dump(), key: value})
    except pydantic.ValidationError as error:
        context = error.errors()[0]
        reason = context.get("ctx", {}).get("error") or context["msg"]
        raise ConfigError(Fault(option, str(reason))) from error
