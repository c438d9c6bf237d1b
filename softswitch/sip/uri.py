"""SIP and SIPS URIs (RFC 3261 section 19.1); URIs of other schemes are carried as they are."""

import dataclasses
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from softswitch.sip import grammar
from softswitch.sip.grammar import Params, broken

# no white space, no control character, no delimiter of headers: what is left cannot break out of a message; and no
# surrogate, which stands for an octet that is no UTF-8 and could not be written down anywhere else
_TEXT = re.compile(r'[^\x00-\x20\x7f-\x9f"<>\ud800-\udfff]+')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_USER_ALSO = "&=+$,;?/"
_VISUAL = str.maketrans("", "", "-.()")
#: A difference in one of these matters even when the other URI does not have it (RFC 3261 section 19.1.4).
_COMPARED = ("user", "ttl", "method", "maddr", "transport")


#: A call says the same few URIs in each of its messages, so parsed ones of at most this length are remembered; with
#: the 1024 places for them that is less than a megabyte, whatever strangers send.
MAX_REMEMBERED = 128


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI. `user`, `password`, params and headers stay escaped as on the wire; `username` is the user in plain text.

    host: without the brackets of IPv6. For a scheme other than sip and sips, `host` is empty and `user` is all that
    follows the colon (`tel:+4930123` has the user `+4930123`). To put plain text into a URI use `Uri.of`.
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: Params = ()

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Parse a URI without angle brackets; RemoteError `bad_uri` when it is none."""
        return _remembered(text) if len(text) <= MAX_REMEMBERED else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> "Uri":
        scheme, colon, rest = text.partition(":")
        if not colon or not rest or not _TEXT.fullmatch(text):
            raise broken("not a URI", text, kind="bad_uri")
        if scheme != "sip" and scheme != "sips":
            if not _SCHEME.fullmatch(scheme):
                raise broken("not a URI", text, kind="bad_uri")
            scheme = scheme.lower()
            if scheme not in ("sip", "sips"):
                return cls(scheme, rest)
        # an `@` ends the user part, which may itself hold `;` and `?` (RFC 4475 section 3.1.1.9)
        user: str | None
        user, at, place = rest.rpartition("@")
        password = None
        if not at:
            user = None
        else:
            user, password = _split_user(user, text)
        headers: Params = ()
        if "?" in place:
            place, _, query = place.partition("?")
            headers = _parse_headers(query)
        place, semicolon, params = place.partition(";")
        host, port = grammar.parse_host_port(place, kind="bad_uri")
        return cls(scheme, user, password, host, port, grammar.parse_params(params) if semicolon else (), headers)

    @classmethod
    def of(cls, user: str | None, host: str, port: int | None = None, *, scheme: str = "sip") -> Self:
        """Make a URI of plain text: whatever the user part cannot hold is escaped."""
        return cls(scheme, grammar.escape(user, _USER_ALSO) if user else None, None, host, port)

    def __str__(self) -> str:
        if not self.host:
            return f"{self.scheme}:{self.user or ''}" if self.scheme else self.user or ""
        text = self.scheme + ":"
        if self.user is not None:
            text += f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        text += grammar.print_host_port(self.host, self.port)
        if self.params:
            text += grammar.print_params(self.params)
        if self.headers:
            text += "?" + "&".join([f"{name}={value or ''}" for name, value in self.headers])
        return text

    @property
    def username(self) -> str:
        """The user in plain text; of a `tel:` URI the bare number (RFC 3966 section 5.1.1).

        Escapes are resolved, but for control characters, which would break the logs, files and databases it goes to.
        """
        user = self.user or ""
        if self.scheme == "tel":
            return user.partition(";")[0].translate(_VISUAL)
        text = grammar.unescape(user)
        return text if text.isprintable() else _CONTROL.sub(_escape_again, text)

    @property
    def is_sip(self) -> bool:
        """True for sip and sips."""
        return self.scheme in ("sip", "sips")

    @property
    def loose(self) -> bool:
        """True when the URI has `;lr` (RFC 3261 section 19.1.1): its owner routes loosely."""
        return self.param("lr") is not None

    @property
    def transport(self) -> str:
        """The transport that the URI asks for, in lower case; empty where it leaves that open.

        `sips` is TLS, whatever stands behind it: `;transport=tcp` names what TLS runs over (RFC 5630 section 3.1.4).
        """
        return "tls" if self.scheme == "sips" else (self.param("transport") or "").lower()

    def param(self, name: str) -> str | None:
        """Return the value of a parameter (lower-case name), `""` when it has none, None when it is absent."""
        value = grammar.find_param(self.params, name)
        if value is None and self.params and "%" in str(self):  # names may be escaped (RFC 4475 section 3.1.1.3)
            plain = tuple((grammar.unescape(known), value) for known, value in self.params)
            return grammar.find_param(plain, name)
        return value

    def with_param(self, name: str, value: str | None = None) -> Self:
        """Return the URI with one parameter replaced or added."""
        return dataclasses.replace(self, params=grammar.set_param(self.params, name, value))

    def without_param(self, name: str) -> Self:
        """Return the URI without the parameters of that lower-case name."""
        return dataclasses.replace(self, params=tuple(pair for pair in self.params if pair[0].lower() != name))

    def without_headers(self) -> Self:
        """Return the URI as a Request-URI may have it (RFC 3261 section 19.1.1, last column of table 1)."""
        return dataclasses.replace(self, headers=()) if self.headers else self

    def matches(self, other: "Uri") -> bool:
        """Compare as RFC 3261 section 19.1.4 does: escapes and case resolved, unknown one-sided parameters ignored."""
        if (self.scheme, self.port) != (other.scheme, other.port):
            return False
        if self.host.lower() != other.host.lower():
            return False
        if not _same_text(self.user, other.user) or not _same_text(self.password, other.password):
            return False
        mine, theirs = _folded(self.params), _folded(other.params)
        if any(mine.get(name) != theirs.get(name) for name in _COMPARED):
            return False
        if any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys()):
            return False
        return _folded(self.headers) == _folded(other.headers)


@lru_cache(maxsize=1024)
def _remembered(text: str) -> Uri:
    return Uri._parse(text)


def _split_user(user: str, text: str) -> tuple[str | None, str | None]:
    if "@" in user:
        raise broken("more than one @ in a URI", text, kind="bad_uri")
    name, colon, password = user.partition(":")
    if not name:
        raise broken("a URI with an empty user", text, kind="bad_uri")
    return name, password if colon else None


def _parse_headers(query: str) -> Params:
    pairs: list[tuple[str, str | None]] = []
    for piece in query.split("&"):
        name, equals, value = piece.partition("=")
        if not name or not equals:
            raise broken("not a header of a URI", query, kind="bad_uri")
        pairs.append((name, value))
    return tuple(pairs)


def _escape_again(control: re.Match[str]) -> str:
    return grammar.escape(control.group())


def _same_text(mine: str | None, theirs: str | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return mine == theirs or grammar.unescape(mine) == grammar.unescape(theirs)


def _folded(params: Params) -> dict[str, str]:
    return {name.lower(): grammar.unescape(value or "").lower() for name, value in params}
