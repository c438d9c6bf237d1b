"""Session descriptions as values (RFC 8866): `parse`, and `str()` back.

Tolerated, because peers in the field do it: LF alone or CR alone as line end, empty lines, white space at the end of a
line, a missing s= or t=, lines out of order, a letter we do not know (RFC 8866 section 5 would have the whole
description thrown away; such a line is dropped instead). Not tolerated: no v=0, no o=, an m= line that cannot be read.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from softswitch.errors import RemoteError

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")

#: A browser's offer with video and all its codecs has about 8 KiB; nothing honest is larger than this.
MAX_DESCRIPTION_BYTES = 32 * 1024
#: Each line costs a microsecond of everybody's time; browsers send some hundred.
MAX_LINES = 2500
#: Each m= line costs one line of every answer for the rest of the call; conferencing phones send up to about six.
MAX_MEDIA = 32
#: There are 128 RTP payload types; other protocols need one or two formats.
MAX_FORMATS = 128

_SESSION_ORDER = "iuepbtrzk"
_MEDIA_ORDER = "ibk"


#: A peer names the same address in each of its calls, so what was read of one of at most this length is remembered; no
#: address without a scope is longer.
MAX_REMEMBERED = 45


@lru_cache(maxsize=1024)
def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def _broken(what: str, kind: str) -> RemoteError:
    return RemoteError(f"session description: {what}", kind=kind, status=400)


def _shown(text: str) -> str:
    """Return a value as a fault shows it: a piece, without the key that a missing line end may have put there."""
    return repr(text.partition("inline:")[0][:80])


def number(text: str, *, most: int) -> int | None:
    """Return `text` as an integer 0 to `most`, None if it is anything else (`int()` would take `+1`, `1_0` and `٣`)."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return None
    value = int(text)
    return value if value <= most else None


@dataclass(frozen=True, slots=True)
class Connection:
    """A c= line, or the end of an o= line. family: `IP4` or `IP6`. address: as written, without TTL and count."""

    family: str
    address: str

    @classmethod
    def of(cls, address: str) -> "Connection":
        """Return the connection of an IP literal of ours."""
        return cls("IP6" if ":" in address else "IP4", address)

    @classmethod
    def parse(cls, text: str) -> "Connection":
        """Parse `IN IP4 192.0.2.1`, also with the multicast suffix of RFC 8866 section 5.7."""
        words = text.split()
        if len(words) != 3 or words[0].upper() != "IN" or words[1].upper() not in ("IP4", "IP6"):
            raise _broken(f"c={_shown(text)} is no Internet address", "sdp_connection")
        address = words[2].partition("/")[0]
        if not address:
            raise _broken(f"c={_shown(text)} has no address", "sdp_connection")
        return cls(words[1].upper(), address)

    def __str__(self) -> str:
        return f"IN {self.family} {self.address}"

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address, None if it is a host name or belongs to the other family."""
        ip = _ip(self.address) if len(self.address) <= MAX_REMEMBERED else None
        return ip if ip is not None and ip.version == (6 if self.family == "IP6" else 4) else None


@dataclass(frozen=True, slots=True)
class Origin:
    """An o= line. session_id and version stay text: some peers do not write numbers, and nobody computes with them."""

    username: str
    session_id: str
    version: str
    connection: Connection

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Parse the value of an o= line."""
        words = text.split()
        if len(words) < 6:
            raise _broken(f"o={_shown(text)} has fewer than six fields", "sdp_origin")
        # A user name with blanks in it is wrong, seen, and harmless when the line is read from its end.
        family = words[-2].upper()
        if words[-3].upper() != "IN" or family not in ("IP4", "IP6"):
            raise _broken(f"o={_shown(text)} is not of the Internet", "sdp_origin")
        return cls("_".join(words[:-5]), words[-5], words[-4], Connection(family, words[-1]))

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} {self.connection}"


class _Attributed:
    """What a session and a medium have in common: a= lines."""

    __slots__ = ()
    attributes: tuple[tuple[str, str | None], ...]

    def attribute(self, name: str) -> str | None:
        """Return the value of the first `a=name:value`; empty text for a flag, None where there is none."""
        for key, value in self.attributes:
            if key == name:
                return value or ""
        return None

    def all_attributes(self, name: str) -> Iterator[str]:
        """Yield the value of every `a=name:value`."""
        return (value for key, value in self.attributes if key == name and value is not None)

    @property
    def direction(self) -> Direction | None:
        """The direction written here, the first one if there are several, None if there is none."""
        for key, _ in self.attributes:
            if key in DIRECTIONS:
                return key
        return None


@dataclass(frozen=True, slots=True)
class Media(_Attributed):
    """One m= line and what belongs to it. lines: the i=, b= and k= lines, as (letter, value)."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: tuple[tuple[str, str | None], ...] = ()
    port_count: int = 1
    lines: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Media":
        """Parse the value of an m= line: `audio 49170 RTP/AVP 0 8 101`."""
        words = text.split()
        if not 4 <= len(words) <= 3 + MAX_FORMATS:
            raise _broken(f"m={_shown(text)} has {len(words)} fields", "sdp_media")
        first, slash, count = words[1].partition("/")
        port = number(first, most=65535)
        port_count = number(count, most=65535) if slash else 1
        if port is None or not port_count:
            raise _broken(f"m={_shown(text)} has no port", "sdp_media")
        return cls(words[0].lower(), port, words[2], tuple(words[3:]), port_count=port_count)

    def with_lines(
        self,
        connection: Connection | None,
        attributes: tuple[tuple[str, str | None], ...],
        lines: tuple[tuple[str, str], ...],
    ) -> "Media":
        """Return the m= line with what the lines below it say."""
        return Media(self.kind, self.port, self.protocol, self.formats, connection, attributes, self.port_count, lines)

    def rejected(self) -> "Media":
        """Return the m= line that answers this one with no (RFC 3264 section 6)."""
        return Media(self.kind, 0, self.protocol, self.formats)

    def __str__(self) -> str:
        port = str(self.port) if self.port_count == 1 else f"{self.port}/{self.port_count}"
        lines = [f"m={self.kind} {port} {self.protocol} {' '.join(self.formats)}"]
        lines += [f"{letter}={value}" for letter, value in self.lines if letter == "i"]
        if self.connection:
            lines.append(f"c={self.connection}")
        lines += [f"{letter}={value}" for letter, value in self.lines if letter != "i"]
        lines += _attribute_lines(self.attributes)
        return "\r\n".join(lines) + "\r\n"


@dataclass(frozen=True, slots=True)
class SessionDescription(_Attributed):
    """A whole description. lines: every line that has no field of its own, as (letter, value), in the RFC's order."""

    origin: Origin
    media: tuple[Media, ...]
    connection: Connection | None = None
    attributes: tuple[tuple[str, str | None], ...] = ()
    name: str = "-"
    lines: tuple[tuple[str, str], ...] = (("t", "0 0"),)

    @classmethod
    def parse(cls, data: bytes | str) -> "SessionDescription":
        """Parse a body of type application/sdp. Raises RemoteError with status 400."""
        if len(data) > MAX_DESCRIPTION_BYTES:
            raise _broken(f"longer than {MAX_DESCRIPTION_BYTES} bytes", "sdp_too_long")
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        return _Reader().read(text)

    def __str__(self) -> str:
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        lines += [f"{letter}={value}" for letter, value in self.lines if letter in "iuep"]
        if self.connection:
            lines.append(f"c={self.connection}")
        lines += [f"{letter}={value}" for letter, value in self.lines if letter not in "iuep"]
        lines += _attribute_lines(self.attributes)
        return "\r\n".join(lines) + "\r\n" + "".join([str(medium) for medium in self.media])

    def connection_of(self, medium: Media) -> Connection | None:
        """Return where `medium` goes: its own c=, else the session's (RFC 8866 section 5.7)."""
        return medium.connection or self.connection

    def direction_of(self, medium: Media) -> Direction:
        """Return the direction of `medium`: its own, else the session's, else both (RFC 8866 section 6.7)."""
        return medium.direction or self.direction or "sendrecv"


def _attribute_lines(attributes: tuple[tuple[str, str | None], ...]) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


class _Reader:
    """Reads one description, line by line; the m= line that was seen last owns what follows it."""

    def __init__(self) -> None:
        self._version: str | None = None
        self._origin: Origin | None = None
        self._name = "-"
        self._connection: Connection | None = None
        self._attributes: list[tuple[str, str | None]] = []
        self._lines: list[tuple[str, str]] = []
        self._media: list[Media] = []
        self._session: tuple[Connection | None, list[tuple[str, str | None]], list[tuple[str, str]]] | None = None

    def read(self, text: str) -> SessionDescription:
        every = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if len(every) > MAX_LINES:
            raise _broken(f"has more than {MAX_LINES} lines", "sdp_too_long")
        for place, line in enumerate(every, 1):
            line = line.rstrip(" \t\0")
            if line:
                self._line(line, place)
        self._close()
        if self._version != "0":
            raise _broken("does not begin with v=0", "sdp_version")
        if self._origin is None:
            raise _broken("has no o= line", "sdp_origin")
        connection, attributes, lines = self._session or (None, [], [])
        lines.sort(key=lambda line: _SESSION_ORDER.index(line[0]))
        return SessionDescription(
            self._origin, tuple(self._media), connection, tuple(attributes), self._name, tuple(lines)
        )

    def _line(self, line: str, place: int) -> None:
        letter, equals, value = line[0], line[1:2], line[2:]
        if equals != "=":
            # It may be the rest of a line with a key that somebody folded: only its place is told.
            raise _broken(f"line {place} is none: a letter, = and a value", "sdp_line")
        if self._version is None and letter != "v":
            raise _broken("does not begin with v=0", "sdp_version")
        match letter:
            case "a":
                name, colon, rest = value.partition(":")
                self._attributes.append((name.strip().lower(), rest.strip() if colon else None))
            case "m":
                self._close()
                if len(self._media) >= MAX_MEDIA:
                    raise _broken(f"has more than {MAX_MEDIA} m= lines", "sdp_media")
                self._media.append(Media.parse(value))
            case "c":
                # Several c= lines in one medium are layered multicast; the first is the base layer.
                self._connection = self._connection or Connection.parse(value)
            case "v":
                self._version = value.strip() if self._version is None else self._version
            case "o":
                self._origin = self._origin or Origin.parse(value)
            case "s":
                self._name = value or "-"
            case _ if letter in (_SESSION_ORDER if not self._media else _MEDIA_ORDER):
                self._lines.append((letter, value))

    def _close(self) -> None:
        """Give what was read since the last m= line to its owner."""
        if self._session is None:
            self._session = (self._connection, self._attributes, self._lines)
        else:
            self._lines.sort(key=lambda line: _MEDIA_ORDER.index(line[0]))
            self._media[-1] = self._media[-1].with_lines(self._connection, tuple(self._attributes), tuple(self._lines))
        self._connection, self._attributes, self._lines = None, [], []
