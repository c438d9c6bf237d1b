"""Typed header values (RFC 3261 section 20) and the names of headers with their compact forms."""

import dataclasses
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from softswitch.sip import grammar
from softswitch.sip.grammar import SPACE, Params, broken
from softswitch.sip.uri import Uri

#: RFC 3261 section 8.1.1.5: a sequence number is below 2**31.
CSEQ_LIMIT = 2**31

_NAMES = """
Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info Authorization Call-ID
Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date
Diversion Error-Info Event Expires From History-Info In-Reply-To Max-Forwards MIME-Version Min-Expires Min-SE Join
Organization P-Asserted-Identity P-Preferred-Identity Path Priority Privacy Proxy-Authenticate Proxy-Authorization
Proxy-Require RAck Reason Record-Route Refer-Sub Refer-To Referred-By Remote-Party-ID Replaces Reply-To Require
Retry-After Route RSeq Server Service-Route Session-Expires Session-ID SIP-ETag SIP-If-Match Subject
Subscription-State Supported Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate
""".split()

#: One letter for a name (RFC 3261 section 7.3.3, and the RFCs that added some: 3515, 3892, 4028, 3841, 6665).
_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}

#: Headers whose grammar is a comma-separated list, so that one line may hold several values.
LISTS = frozenset(
    """
    Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Call-Info Contact Content-Encoding
    Content-Language Diversion Error-Info History-Info In-Reply-To P-Asserted-Identity P-Preferred-Identity Path
    Proxy-Require Reason Record-Route Require Route Service-Route Supported Unsupported Via Warning
    """.split()
)

_BY_LOWER = {name.lower(): name for name in _NAMES} | _COMPACT
#: Spelling on the wire to canonical name; the usual spellings hit at the first try.
KNOWN = {name: name for name in _NAMES} | _BY_LOWER | {letter.upper(): name for letter, name in _COMPACT.items()}

_VIA = re.compile(r"([^ \t/;,]+)[ \t]*/[ \t]*([^ \t/;,]+)[ \t]*/[ \t]*([^ \t/;,]+)[ \t]+")
# a display name without quotes should be tokens; phones put other characters there, but a comma or a quote would
# mean that we misread the header (RFC 4475 section 3.1.2.16)
_BAD_DISPLAY = re.compile(r'[",:;>]')


#: Header names of at most this length are remembered once seen: the memory that strangers can fill stays small.
MAX_REMEMBERED = 64


def canonical(name: str) -> str:
    """Return the canonical name of a header; one that is not known keeps its spelling. RemoteError when it is none."""
    return _remembered(name) if len(name) <= MAX_REMEMBERED else _canonical(name)


def _canonical(name: str) -> str:
    stripped = name.strip(SPACE)
    known = _BY_LOWER.get(stripped.lower())
    if known is not None:
        return known
    if not grammar.is_token(stripped):
        raise broken("not a header name", stripped or name, kind="bad_header")
    return stripped


_remembered = lru_cache(maxsize=1024)(_canonical)

#: Characters of a display name, its escapes included: 30 KiB of them cost 5 ms each time they are read.
MAX_DISPLAY = 2048

#: From and Contact of an INVITE come again in its ACK, those of a telephone in each of its calls, so parsed addresses
#: of at most this length are remembered. With 1024 places that is 1 MB, and 8 MB of the oddest that strangers can send.
MAX_REMEMBERED_ADDRESS = 256


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of the way back (RFC 3261 section 20.42). transport: upper case. host: without the brackets of IPv6.

    protocol: as the peer wrote it, so that what says it speaks another version can be told so (RFC 4475 3.1.2.17).
    """

    transport: str
    host: str
    port: int | None = None
    params: Params = ()
    protocol: str = "SIP/2.0"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse one Via value; RemoteError `bad_via` when it is none."""
        protocol = "SIP/2.0"
        if text.startswith("SIP/2.0/"):
            transport, space, rest = text[8:].partition(" ")
        else:
            space = ""
        if not space or not rest or rest[0] in SPACE or not grammar.is_token(transport):
            start = _VIA.match(text)
            if start is None:
                raise broken("not a Via", text, kind="bad_via")
            protocol, transport, rest = f"{start[1]}/{start[2]}", start[3], text[start.end() :]
            if not (grammar.is_token(start[1]) and grammar.is_token(start[2]) and grammar.is_token(transport)):
                raise broken("not a Via", text, kind="bad_via")
        place, semicolon, params = rest.partition(";")
        host, port = grammar.parse_host_port(place.strip(SPACE), kind="bad_via")
        return cls(transport.upper(), host, port, grammar.parse_params(params) if semicolon else (), protocol)

    def __str__(self) -> str:
        sent_by = grammar.print_host_port(self.host, self.port)
        return f"{self.protocol}/{self.transport} {sent_by}{grammar.print_params(self.params)}"

    @property
    def branch(self) -> str | None:
        """The branch, None from an RFC 2543 element."""
        return grammar.find_param(self.params, "branch")

    @property
    def received(self) -> str | None:
        """The address the request really came from, without brackets (RFC 5118 section 4.5: both forms are in use)."""
        value = grammar.find_param(self.params, "received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The port the request really came from (RFC 3581); 0 asks for it, None does not."""
        value = grammar.find_param(self.params, "rport")
        if not value:
            return None if value is None else 0
        return grammar.number(value, below=65536, what="rport", kind="bad_via")

    def param(self, name: str) -> str | None:
        """Return the value of a parameter (lower-case name), `""` when it has none, None when it is absent."""
        return grammar.find_param(self.params, name)

    def with_param(self, name: str, value: str | None = None) -> Self:
        """Return the Via with one parameter replaced or added."""
        return dataclasses.replace(self, params=grammar.set_param(self.params, name, value))

    def without_param(self, name: str) -> Self:
        """Return the Via without the parameters of that lower-case name."""
        return dataclasses.replace(self, params=tuple(pair for pair in self.params if pair[0].lower() != name))


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A URI with a display name in plain text and header parameters: From, To, Contact, Route, Refer-To and others."""

    uri: Uri
    display: str = ""
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Parse one `name-addr` or `addr-spec` with parameters; RemoteError `bad_address` or `bad_uri`."""
        return _remembered_address(text) if len(text) <= MAX_REMEMBERED_ADDRESS else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> "NameAddr":
        display = ""
        if text.startswith('"'):
            end = grammar.quoted_end(text, 0) + 1
            if end > MAX_DISPLAY:
                raise broken("a display name that nobody could read", text, kind="bad_address")
            display = grammar.unquote(text[:end])
            left = text.find("<", end)
            if left < 0 or text[end:left].strip(SPACE):
                raise broken("no <URI> after a display name", text, kind="bad_address")
        else:
            left = text.find("<")
            if left < 0:
                return cls._parse_bare(text)
            if left > 0:
                display = text[:left].strip(SPACE)
                if _BAD_DISPLAY.search(display):
                    raise broken("a display name that needs quotes", text, kind="bad_address")
        display = grammar.readable(display)
        right = text.find(">", left)
        if right < 0:
            raise broken("an angle bracket never closes", text, kind="bad_address")
        rest = text[right + 1 :].strip(SPACE)
        if not rest:
            return cls(Uri.parse(text[left + 1 : right]), display)
        if rest[0] != ";":
            raise broken("text after an address", text, kind="bad_address")
        return cls(Uri.parse(text[left + 1 : right]), display, grammar.parse_params(rest[1:]))

    @classmethod
    def _parse_bare(cls, text: str) -> "NameAddr":
        # RFC 3261 section 20: without <> a semicolon begins header parameters, and the URI holds no comma, no `?`
        address, semicolon, params = text.partition(";")
        if "?" in address or "," in address:
            raise broken("a URI that needs angle brackets", text, kind="bad_address")
        return cls(Uri.parse(address.rstrip(SPACE)), "", grammar.parse_params(params) if semicolon else ())

    def __str__(self) -> str:
        name = f"{grammar.quote(self.display)} " if self.display else ""
        return f"{name}<{self.uri}>{grammar.print_params(self.params)}" if self.params else f"{name}<{self.uri}>"

    @property
    def tag(self) -> str | None:
        """The tag of a From or To, None where it has none."""
        return grammar.find_param(self.params, "tag")

    def param(self, name: str) -> str | None:
        """Return the value of a parameter (lower-case name), `""` when it has none, None when it is absent."""
        return grammar.find_param(self.params, name)

    def with_param(self, name: str, value: str | None = None) -> Self:
        """Return the address with one header parameter replaced or added."""
        return dataclasses.replace(self, params=grammar.set_param(self.params, name, value))

    def with_tag(self, tag: str) -> Self:
        """Return the address with that tag."""
        return self.with_param("tag", tag)


_remembered_address = lru_cache(maxsize=1024)(NameAddr._parse)


@dataclass(frozen=True, slots=True)
class CSeq:
    """The sequence number of a request and its method (RFC 3261 section 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a CSeq value; RemoteError `bad_cseq` when it is none."""
        parts = text.split()
        if len(parts) != 2 or not grammar.is_token(parts[1]):
            raise broken("not a CSeq", text, kind="bad_cseq")
        return cls(grammar.number(parts[0], below=CSEQ_LIMIT, what="CSeq", kind="bad_cseq"), parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
