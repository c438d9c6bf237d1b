"""A carrier: one entry of `carriers.yaml`, checked when it is loaded. `docs/carriers.md` explains each key.

Everything that calls over a trunk, registers it or takes calls from it reads this model and no other. The password is
a `SecretStr`: it is in no repr, log, fault or JSON; only `get_secret_value()` where a digest is computed says it.
"""

import ipaddress
import re
from collections.abc import Container, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from softswitch.audio.codecs import CODECS, usable
from softswitch.call.numbers import REGIONS
from softswitch.call.pattern import compile_pattern
from softswitch.document import digits_as_text, load, off_as_text, validate
from softswitch.errors import ConfigError, RemoteError
from softswitch.sdp.crypto import SUITES
from softswitch.sdp.protection import Encryption, KeyMethod, Policy
from softswitch.sip.uri import Uri

#: Codecs that may stand in `codecs`. Those that this machine does not have are known, but not offered.
KNOWN_CODECS = tuple(CODECS)
#: Gateways of one carrier: more than any carrier publishes, and what one call could ever try.
MAX_GATEWAYS = 32
#: Numbers of one pool: the largest campaigns present some hundred.
MAX_POOL = 10_000

#: The user part of a SIP URI without escapes (RFC 3261 section 25.1), no longer than a record keeps.
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/-]{1,64}")
#: RFC 1123 section 2.1, and the underscore that container networks have in their names.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_CARRIER_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: What may stand in front of a number: the signs of a telephone, as `+`, `00` or `8123#`.
_PREFIX = re.compile(r"[0-9+*#]{0,16}")


def is_address(host: str) -> bool:
    """Say whether `host` is an IPv4 or IPv6 literal, written without brackets."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host(value: str) -> str:
    host = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not host or is_address(host):
        return host
    # A name that ends in a number would be taken for a broken address by resolvers (RFC 3696 section 2).
    if len(host) > 253 or not _NAME.fullmatch(host) or host.rstrip(".").rpartition(".")[2].isdecimal():
        raise ValueError(
            f"{value!r} is neither a name nor an IP address; write sip.example.com or 192.0.2.1, and the port in `port`"
        )
    return host


def _tls_name(value: str) -> str:
    return "*." + _host(value[2:]) if value.startswith("*.") else _host(value)


def _caller_id(value: str) -> str:
    if value and not _USER.fullmatch(value):
        raise ValueError(f"{value!r} is not a caller ID; write a number or a name, as in +4930123450")
    return value


def _pool(value: Any) -> Any:
    """Read one number as a pool of one, an empty one as an empty pool."""
    if isinstance(value, bool | float):
        raise ValueError(f"{value} is no caller ID; put it in quotes if it is")
    value = digits_as_text(value)
    if isinstance(value, str):
        return [value] if value else []
    return [] if value is None else value


def _prefix(value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise ValueError(f"{value!r} is not a prefix; write digits, + * and #, at most 16")
    return value


def _pattern(value: str) -> str:
    if value:
        compile_pattern(value)
    return value


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return compile_pattern(pattern)


def _secret(value: Any) -> Any:
    # pydantic's own sentence for a wrong type shows the value: this one comes before it and does not.
    if not isinstance(value, str | pydantic.SecretStr):
        raise ValueError("it must be text; put it in quotes")
    return value


def _known_codecs(value: tuple[str, ...]) -> tuple[str, ...]:
    spelling = {name.lower(): name for name in KNOWN_CODECS}
    unknown = [name for name in value if name.lower() not in spelling]
    if unknown:
        raise ValueError(f"codec {', '.join(unknown)} is not known; {', '.join(KNOWN_CODECS)} are")
    names = tuple(dict.fromkeys(spelling[name.lower()] for name in value))
    if not any(usable(name) for name in names):
        raise ValueError(f"no codec here can be used on this machine; add {' or '.join(filter(usable, CODECS))}")
    return names


def offered(codecs: tuple[str, ...]) -> tuple[str, ...]:
    """Return those codecs that can be used on this machine, in their order."""
    return tuple(name for name in codecs if usable(name))


def lacking(whose: str, codecs: tuple[str, ...]) -> tuple[str, ...]:
    """Return a sentence for each codec that cannot be used on this machine. whose: whom the settings are about."""
    return tuple(
        f"{whose}: codec {name} is not offered, because {CODECS[name].missing()}" for name in codecs if not usable(name)
    )


def _country(value: Any) -> Any:
    """Norway's code is `no`, which YAML reads as false."""
    return "NO" if value is False else value


Host = Annotated[str, pydantic.AfterValidator(_host)]
CallerId = Annotated[str, pydantic.AfterValidator(_caller_id), pydantic.BeforeValidator(digits_as_text)]
#: A name that may be of digits alone, as an account's often is.
Name = Annotated[str, pydantic.BeforeValidator(digits_as_text)]
Pool = Annotated[tuple[CallerId, ...], pydantic.Field(max_length=MAX_POOL), pydantic.BeforeValidator(_pool)]
Prefix = Annotated[str, pydantic.AfterValidator(_prefix), pydantic.BeforeValidator(digits_as_text)]
Pattern = Annotated[str, pydantic.AfterValidator(_pattern), pydantic.BeforeValidator(digits_as_text)]
Port = Annotated[int, pydantic.Field(ge=1, le=65535)]
#: Whom a certificate must name. A wildcard is no SIP domain (RFC 5922 section 7.2), but some carriers have no other.
TlsName = Annotated[str, pydantic.AfterValidator(_tls_name)]
Secret = Annotated[pydantic.SecretStr, pydantic.BeforeValidator(_secret)]
Codecs = Annotated[tuple[str, ...], pydantic.AfterValidator(_known_codecs)]
Dtmf = Literal["rfc4733", "info", "inband", "auto"]


class Entry(pydantic.BaseModel):
    """What may hold a password: a traceback must not show what stands in it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class GatewayModel(Entry):
    """One gateway of a carrier. priority: lower first; weight: share among those of one priority (RFC 2782)."""

    host: Host = pydantic.Field(min_length=1)
    port: Port | None = None
    priority: int = pydantic.Field(default=1, ge=0, le=65535)
    weight: int = pydantic.Field(default=1, ge=0, le=65535)


class CallerIdRule(Entry):
    """Which caller ID a call gets. number: pattern of the called number in E.164; caller: of the call's own caller ID.

    Without `caller` the rule is for calls that bring no caller ID of their own.
    """

    number: Pattern = ""
    caller: Pattern = ""
    caller_id: Pool = pydantic.Field(min_length=1)

    def matches(self, number: str, caller: str) -> bool:
        """Say whether the rule is for a call to `number` that brought the caller ID `caller` (empty: none)."""
        if bool(self.caller) != bool(caller):
            return False
        return (not self.number or bool(_compiled(self.number).fullmatch(number))) and (
            not self.caller or bool(_compiled(self.caller).fullmatch(caller))
        )


class IdentitySign(Entry):
    """How calls are signed (STIR/SHAKEN). key: file with the private key. certificate_url: where its certificate is.

    attest: A, B or C; `auto` is A for the caller IDs of this entry, B for others that our users present, else C.
    origid: names where our calls come from, to those who trace them; empty: one that follows from the entry.
    """

    key: Path
    certificate_url: str = pydantic.Field(pattern=r"^https?://[^\s<>\"]{1,1024}$")
    attest: Literal["auto", "A", "B", "C"] = "auto"
    origid: str = pydantic.Field(default="", pattern=r"^[A-Za-z0-9-]{0,64}$")


class Carrier(Entry):
    """One entry of carriers.yaml: a trunk. `docs/carriers.md` explains each key."""

    name: str
    # Where it is
    host: Host = ""
    port: Port | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    outbound_proxy: str = ""
    gateways: tuple[GatewayModel, ...] = pydantic.Field(default=(), max_length=MAX_GATEWAYS)
    # How it proves who it is, and we who we are
    tls_verify: bool = True
    tls_name: TlsName = ""
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    # Who we are there
    username: Name = pydantic.Field(default="", max_length=128)
    password: Secret = pydantic.Field(default=pydantic.SecretStr(""), validate_default=True)
    auth_username: Name = pydantic.Field(default="", max_length=128)
    realm: str = pydantic.Field(default="", max_length=253)
    registers: bool = pydantic.Field(default=False, alias="register")
    expires: int = pydantic.Field(default=600, ge=5, le=86400)
    keep_alive: Literal["crlf", "options", "none"] = "crlf"
    # How calls sound
    codecs: Codecs = ("PCMU", "PCMA")
    dtmf: Dtmf = "auto"
    srtp: Policy = "accept"
    srtp_keys: KeyMethod = "sdes"
    srtp_suites: tuple[str, ...] = ()
    late_offer: bool = False
    session_expires: int = pydantic.Field(default=1800, ge=0, le=86400)
    # How much it carries, and how we notice that it does not
    max_calls: int | None = pydantic.Field(default=None, ge=1)
    max_cps: float | None = pydantic.Field(default=None, gt=0)
    health_seconds: float = pydantic.Field(default=30.0, ge=0, le=3600)
    try_seconds: float = pydantic.Field(default=4.0, ge=0.2, le=32)
    allow: tuple[str, ...] = ()
    recognise: Literal["address", "credentials", "both"] = "address"
    # Numbers
    country: Annotated[str, pydantic.BeforeValidator(_country)] = ""
    number_format: Literal["e164", "digits", "national", "as_dialled"] = "e164"
    prefix_strip: Prefix = ""
    prefix_add: Prefix = ""
    # Who calls
    caller_id: Pool = ()
    caller_id_rules: tuple[CallerIdRule, ...] = pydantic.Field(default=(), max_length=1000)
    identity: Literal["none", "pai", "ppi", "rpid"] = "none"
    privacy: bool = False
    from_user: CallerId = ""
    from_domain: Host = ""
    diversion: Literal["auto", "none", "diversion", "history_info", "both"] = "auto"
    identity_sign: IdentitySign | None = None
    identity_verify: Annotated[Literal["default", "off", "note", "require"], pydantic.BeforeValidator(off_as_text)] = (
        "default"
    )
    tariff: str = pydantic.Field(default="", max_length=64)

    @property
    def login(self) -> str:
        """The user name that answers challenges, empty where the carrier knows us by our address."""
        return self.auth_username or self.username

    @property
    def offered(self) -> tuple[str, ...]:
        """Those of `codecs` that can be used on this machine, in their order."""
        return offered(self.codecs)

    @property
    def secure(self) -> bool:
        """True where its calls go by TLS."""
        proxy = Uri.parse(self.outbound_proxy).transport if self.outbound_proxy else ""
        return (proxy or self.transport) == "tls"

    @cached_property
    def encryption(self) -> Encryption:
        """How the sound of its calls is encrypted."""
        return Encryption(self.srtp, self.srtp_keys, self.srtp_suites)

    @cached_property
    def all_gateways(self) -> tuple[GatewayModel, ...]:
        """The gateways, or the carrier's own host as the only one."""
        return self.gateways or (GatewayModel(host=self.host, port=self.port),)

    @property
    def advice(self) -> tuple[str, ...]:
        """What works as it is written, and is better written otherwise: sentences."""
        in_clear = self.srtp in ("offer", "require") and self.srtp_keys != "dtls" and not self.secure
        if not in_clear:
            return ()
        return (
            f"carrier {self.name}: the keys of encrypted sound travel in the clear over {self.transport}; "
            "use transport: tls, or srtp_keys: dtls",
        )

    @pydantic.field_validator("srtp_suites")
    @classmethod
    def _known_suites(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name.upper() not in SUITES]
        if unknown:
            raise ValueError(f"SRTP suite {', '.join(unknown)} is not known; {', '.join(SUITES)} are")
        return tuple(dict.fromkeys(name.upper() for name in value))

    @pydantic.field_validator("outbound_proxy")
    @classmethod
    def _proxy_is_an_address(cls, value: str) -> str:
        return _proxy(value) if value else ""

    @pydantic.field_validator("name")
    @classmethod
    def _a_plain_name(cls, value: str) -> str:
        if not _CARRIER_NAME.fullmatch(value):
            raise ValueError(f"{value[:64]!r} is no name for a carrier; use up to 64 letters, digits, `-` and `_`")
        return value

    @pydantic.field_validator("gateways")
    @classmethod
    def _gateways_differ(cls, value: tuple[GatewayModel, ...]) -> tuple[GatewayModel, ...]:
        if len({(gateway.host, gateway.port) for gateway in value}) < len(value):
            raise ValueError("a gateway stands here twice; give it more weight instead")
        return value

    @pydantic.field_validator("password")
    @classmethod
    def _an_account_is_whole(cls, value: pydantic.SecretStr, info: pydantic.ValidationInfo) -> pydantic.SecretStr:
        username = info.data.get("username")
        if username and not value.get_secret_value():
            raise ValueError("username needs a password; write password: ${NAME}, and set NAME in the environment")
        if value.get_secret_value() and username == "":
            raise ValueError("it stands without a username")
        return value

    @pydantic.field_validator("registers")
    @classmethod
    def _an_account_to_register(cls, value: bool, info: pydantic.ValidationInfo) -> bool:
        if value and info.data.get("username") == "":
            raise ValueError("to register, an account is needed: add username and password")
        return value

    @pydantic.field_validator("session_expires")
    @classmethod
    def _not_below_the_least_interval(cls, value: int) -> int:
        if 0 < value < 90:
            raise ValueError(f"{value} s is below 90, the least that RFC 4028 allows; 0 asks for no session timer")
        return value

    @pydantic.field_validator("health_seconds")
    @classmethod
    def _options_that_keep_alive_are_sent(cls, value: float, info: pydantic.ValidationInfo) -> float:
        if not value and info.data.get("keep_alive") == "options":
            raise ValueError("keep_alive is options, and 0 sends none; write seconds, or keep_alive: crlf")
        return value

    @pydantic.field_validator("recognise")
    @classmethod
    def _an_account_to_be_known_by(cls, value: str, info: pydantic.ValidationInfo) -> str:
        if value != "address" and info.data.get("username") == "":
            raise ValueError(f"{value}: the carrier proves itself with the entry's own username and password; add them")
        return value

    @pydantic.field_validator("allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"{error}; write a network, as in 192.0.2.0/24, or an address") from None
        return value

    @pydantic.field_validator("country")
    @classmethod
    def _a_country(cls, value: str) -> str:
        if value and value.upper() not in REGIONS:
            raise ValueError(f"{value!r} is not the code of a country; write two letters, as in DE, CN or US")
        return value.upper()

    @pydantic.field_validator("number_format")
    @classmethod
    def _national_numbers_of_a_country(cls, value: str, info: pydantic.ValidationInfo) -> str:
        if value == "national" and info.data.get("country") == "":
            raise ValueError("national numbers are those of a country; add country, as in DE")
        return value

    @pydantic.field_validator("tls_key")
    @classmethod
    def _a_key_with_its_certificate(cls, value: Path | None, info: pydantic.ValidationInfo) -> Path | None:
        if value is not None and info.data.get("tls_certificate") is None:
            raise ValueError("it stands without tls_certificate, the certificate that it is the key of")
        return value

    @pydantic.model_validator(mode="after")
    def _tls_only_over_tls(self) -> "Carrier":
        if self.tls_certificate is not None and self.tls_key is None:
            raise ValueError("tls_certificate needs its key; add tls_key")
        said = [
            name for name in ("tls_name", "tls_ca", "tls_certificate", "tls_verify") if name in self.model_fields_set
        ]
        if said and not self.secure:
            raise ValueError(f"{said[0]} is for TLS, and nothing here goes by TLS; add transport: tls")
        return self

    @pydantic.model_validator(mode="after")
    def _a_host_or_gateways(self) -> "Carrier":
        if not self.host and not self.gateways:
            raise ValueError("host is missing; add it, or gateways")
        return self


def _proxy(value: str) -> str:
    """Return an outbound proxy as the URI of a loose route (RFC 3261 section 8.1.2)."""
    example = "write sip:proxy.example.com:5060"
    try:
        uri = Uri.parse(value if value.startswith(("sip:", "sips:")) else f"sip:{value}")
    except RemoteError:
        raise ValueError(f"{value!r} is not a SIP address; {example}") from None
    if not uri.host or uri.user or uri.transport not in ("", "udp", "tcp", "tls"):
        raise ValueError(f"{value!r} is not the address of a proxy; {example}, with ;transport=tls if need be")
    return str(uri if uri.loose else uri.with_param("lr"))


class CarrierList(pydantic.RootModel[tuple[Carrier, ...]]):
    """carriers.yaml: a list of trunks."""

    model_config = pydantic.ConfigDict(frozen=True, hide_input_in_errors=True)


def load_carriers(
    path: Path, environment: Mapping[str, str], users: Container[str] = frozenset()
) -> tuple[Carrier, ...]:
    """Read carriers.yaml; `${NAME}` reads `environment`. users: their names. Raises ConfigError with every fault."""
    document = load(path, environment)
    carriers = validate(CarrierList, document, [] if document.data is None else document.data).root
    logins = [carrier.login if carrier.recognise != "address" else "" for carrier in carriers]
    for at, login in enumerate(logins):
        if login and (login in logins[:at] or login in users):
            whose = f"carrier {carriers[logins.index(login)].name}" if login in logins[:at] else "a user"
            hint = "recognise the carrier by its address, or give one of them another name"
            raise ConfigError(document.fault((at, "recognise"), f"{login} is the name of {whose} already", hint))
    names = [carrier.name for carrier in carriers]
    twice = [index for index, name in enumerate(names) if name in names[:index]]
    if twice:
        raise ConfigError(
            *(document.fault((at, "name"), f"carrier {names[at]} stands here twice", "rename one") for at in twice)
        )
    return tuple(_from_folder(carrier, path.resolve().parent) for carrier in carriers)


def _from_folder(carrier: Carrier, folder: Path) -> Carrier:
    """Return the carrier with its files where the paths of carriers.yaml begin: in its own folder."""
    files = {name: getattr(carrier, name) for name in ("tls_ca", "tls_certificate", "tls_key")}
    found = {name: folder / file for name, file in files.items() if file is not None}
    return carrier.model_copy(update=found) if found else carrier
