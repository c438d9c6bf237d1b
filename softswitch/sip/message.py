"""SIP messages: `Headers`, `Request`, `Response`, and how they are printed (RFC 3261 section 7).

Typed values are parsed when somebody asks and kept beside the headers until these change. Content-Length belongs to the
framing, not to the value: it is taken off when parsed and filled in when printed. Bytes become messages in `parser.py`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from softswitch.errors import LocalError, RemoteError
from softswitch.sip import grammar
from softswitch.sip.grammar import SPACE, broken
from softswitch.sip.headers import KNOWN, LISTS, CSeq, NameAddr, Via, canonical
from softswitch.sip.reasons import REASONS
from softswitch.sip.uri import Uri

#: Values of one Route, Contact… header that we parse: more than a dialog keeps, or than an account has telephones.
MAX_VALUES = 32
#: Values of Via; a call passes no more proxies (Max-Forwards).
MAX_VIAS = 72

#: Expires and Max-Forwards end here: RFC 3261 section 20.19 says 2**32 - 1 for the first.
_SECONDS_LIMIT = 2**32

#: Copied into every response (RFC 3261 section 8.2.6.2).
_COPIED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
#: Requests whose 1xx and 2xx make a dialog and therefore carry its Record-Route back (RFC 3261 12.1.1, 6665, 3515).
_DIALOG_METHODS = frozenset(("INVITE", "SUBSCRIBE", "REFER", "NOTIFY"))
_T = TypeVar("_T")


class Headers:
    """The headers of one message in order; names in any case or compact form find the same values.

    A value may be anything that `str()` turns into one; a line end in it is a `LocalError`, so that nothing which
    comes from outside can add a header. Known names are kept canonical, others as they were spelled.
    """

    __slots__ = ("_first", "_items", "parsed")

    def __init__(self, items: Iterable[tuple[str, object]] = ()) -> None:
        self._items: list[tuple[str, str]] = [(_name(name), _clean(value)) for name, value in items]
        self._first: dict[str, str] | None = None
        self.parsed: dict[str, Any] = {}
        """Typed values that the message has parsed, by canonical name, forgotten when that header changes."""

    @classmethod
    def received(cls, items: list[tuple[str, str]]) -> "Headers":
        """Wrap what a parser has read: canonical names, values without line ends. The list is not copied."""
        made = cls.__new__(cls)
        made._items = items
        made._first = None
        made.parsed = {}
        return made

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    @property
    def repeats(self) -> bool:
        """True when some name stands more than once."""
        return len(self._items) != len(self._first or self._index())

    def get(self, name: str) -> str | None:
        """Return the first value as it stands, None when there is none."""
        first = self._first or self._index()
        value = first.get(name)
        if value is not None:
            return value
        known = KNOWN.get(name)
        if known is not None:
            return first.get(known)
        wanted = _name(name)
        if wanted in KNOWN:
            return first.get(wanted)
        lower = wanted.lower()
        return next((value for name, value in self._items if name.lower() == lower), None)

    def all(self, name: str) -> list[str]:
        """Return every value in order, comma-joined ones apart where the header is a list."""
        if name not in self:
            return []
        wanted = _name(name)
        if wanted in KNOWN:
            values = [value for known, value in self._items if known == wanted]
        else:
            lower = wanted.lower()
            values = [value for known, value in self._items if known.lower() == lower]
        if wanted not in LISTS:
            return values
        if len(values) > 1 and sum(value.count(",") for value in values) >= grammar.MAX_PIECES:
            raise broken(f"more values of {wanted} than we read", kind="too_many_values")
        return [piece for value in values for piece in grammar.split_outside(value, ",") if piece]

    def readable(self, name: str) -> list[str]:
        """Return every value as `all` does, none where the list cannot be cut into values: of what only informs."""
        try:
            return self.all(name)
        except RemoteError:
            return []

    def add(self, name: str, value: object) -> None:
        """Put a header after all others."""
        wanted = _name(name)
        self._items.append((wanted, _clean(value)))
        self._changed(wanted)

    def prepend(self, name: str, value: object) -> None:
        """Put a header before all others, as each hop does with its Via."""
        wanted = _name(name)
        self._items.insert(0, (wanted, _clean(value)))
        self._changed(wanted)

    def set(self, name: str, value: object) -> None:
        """Replace all headers of that name by one, where the first stood; at the end when there was none."""
        wanted = _name(name)
        clean = _clean(value)
        lower = wanted.lower()
        kept: list[tuple[str, str]] = []
        placed = False
        for item in self._items:
            if item[0].lower() != lower:
                kept.append(item)
            elif not placed:
                kept.append((wanted, clean))
                placed = True
        if not placed:
            kept.append((wanted, clean))
        self._items = kept
        self._changed(wanted)

    def replace_first(self, name: str, value: object) -> None:
        """Replace the first value only, and only up to its first comma where the header is a list."""
        wanted = _name(name)
        clean = _clean(value)
        for place, (known, old) in enumerate(self._items):
            if known == wanted:
                if wanted in LISTS and "," in old:
                    clean = ", ".join([clean, *grammar.split_outside(old, ",")[1:]])
                self._items[place] = (wanted, clean)
                self._changed(wanted)
                return
        raise LocalError(f"no {wanted} to replace")

    def remove(self, name: str) -> None:
        """Take away all headers of that name."""
        wanted = _name(name)
        first = self._first
        self._changed(wanted)
        if wanted in KNOWN:
            self._items = [item for item in self._items if item[0] != wanted]
            if first is not None:  # the rest of the index stays true, and the parser takes a line off each message
                first.pop(wanted, None)
                self._first = first
        else:
            lower = wanted.lower()
            self._items = [item for item in self._items if item[0].lower() != lower]

    def remove_first(self, name: str) -> None:
        """Take away the first value of that name, as each hop does with its Via on the way back."""
        wanted = _name(name)
        for place, (known, value) in enumerate(self._items):
            if known == wanted:
                rest = grammar.split_outside(value, ",")[1:] if wanted in LISTS and "," in value else []
                self._items[place : place + 1] = [(wanted, ", ".join(rest))] if rest else []
                self._changed(wanted)
                return

    def copy(self) -> "Headers":
        """Return headers that can change without changing these."""
        return Headers.received(self._items.copy())

    def _index(self) -> dict[str, str]:
        first = self._first = dict(reversed(self._items))
        return first

    def _changed(self, name: str) -> None:
        self._first = None
        self.parsed.pop(name, None)
        if name == "Via":
            self.parsed.pop("vias", None)


def _name(name: str) -> str:
    known = KNOWN.get(name)
    if known is not None:
        return known
    try:
        return canonical(name)
    except RemoteError:
        raise LocalError(f"{name!r} is no header name") from None


def _clean(value: object) -> str:
    text = value if type(value) is str else str(value)
    if "\r" in text or "\n" in text:
        raise LocalError("a header value must not hold a line end")
    return text.strip(SPACE)


class Message:
    """What requests and responses share. Typed accessors raise RemoteError where the header is broken."""

    __slots__ = ("body", "headers")

    headers: Headers
    body: bytes

    def _value(self, name: str, parse: Callable[[str], _T]) -> _T:
        text = self.headers.get(name)
        if text is None:
            raise broken(f"no {name}", kind="missing_" + name.lower().replace("-", "_"))
        value = self.headers.parsed[name] = parse(text)
        return value

    def _values(self, name: str, parse: Callable[[str], _T]) -> tuple[_T, ...]:
        parsed = self.headers.parsed
        values: tuple[_T, ...] | None = parsed.get(name)
        if values is None:
            texts = self.headers.all(name)
            if len(texts) > MAX_VALUES:
                raise broken(f"too many values of {name}", kind="too_many_values")
            values = parsed[name] = tuple([parse(text) for text in texts])
        return values

    @property
    def via(self) -> Via:
        """The top Via."""
        return self.headers.parsed.get("Via") or self._value("Via", _first_via)

    @property
    def vias(self) -> tuple[Via, ...]:
        """Every Via from the top down."""
        parsed = self.headers.parsed
        if "vias" not in parsed:
            texts = self.headers.all("Via")
            if len(texts) > MAX_VIAS:
                raise broken("too many values of Via", kind="too_many_values")
            parsed["vias"] = tuple([Via.parse(text) for text in texts])
        values: tuple[Via, ...] = parsed["vias"]
        return values

    @property
    def from_(self) -> NameAddr:
        """Who asks (RFC 3261 section 20.20)."""
        return self.headers.parsed.get("From") or self._value("From", NameAddr.parse)

    @property
    def to(self) -> NameAddr:
        """Who is asked (RFC 3261 section 20.39)."""
        return self.headers.parsed.get("To") or self._value("To", NameAddr.parse)

    @property
    def call_id(self) -> str:
        """The Call-ID, compared octet by octet (RFC 3261 section 20.8)."""
        return self.headers.parsed.get("Call-ID") or self._value("Call-ID", _call_id)

    @property
    def cseq(self) -> CSeq:
        """The sequence number and method."""
        return self.headers.parsed.get("CSeq") or self._value("CSeq", CSeq.parse)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Every Contact; none for the `*` of a REGISTER, which `headers.get("Contact")` tells."""
        return self._values("Contact", NameAddr.parse) if self.headers.get("Contact") != "*" else ()

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """Every Route from the top down."""
        return self._values("Route", NameAddr.parse)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """Every Record-Route from the top down."""
        return self._values("Record-Route", NameAddr.parse)

    @property
    def max_forwards(self) -> int | None:
        """How many hops are left; None when the peer did not say, which RFC 3261 section 16.3 takes for enough."""
        text = self.headers.get("Max-Forwards")
        return None if text is None else _hops(text)

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None when absent or nonsense, which RFC 3261 section 20.19 treats alike."""
        return _seconds(self.headers.get("Expires"))

    @property
    def content_type(self) -> str | None:
        """Type and subtype of the body in lower case, without parameters."""
        value = self.headers.get("Content-Type")
        return value.partition(";")[0].replace(" ", "").replace("\t", "").lower() if value else None

    def options(self, name: str) -> tuple[str, ...]:
        """Return the tokens of Require, Supported, Proxy-Require, Allow and the like."""
        return tuple(self.headers.all(name))

    def _print(self, start: str) -> bytes:
        if "\r" in start or "\n" in start:
            raise LocalError("a start line must not hold a line end")
        lines = [f"{name}: {value}\r\n" for name, value in self.headers._items]
        head = f"{start}\r\n{''.join(lines)}Content-Length: {len(self.body)}\r\n\r\n"
        try:
            return head.encode("utf-8", "surrogateescape") + self.body
        except UnicodeEncodeError:  # half a character, which only our own side can have put there
            return grammar.readable(head).encode() + self.body


class Request(Message):
    """A request. Headers may be changed in place; `bytes()` prints it with its Content-Length."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: Uri, headers: Headers | None = None, body: bytes = b"") -> None:
        self.method = method
        self.uri = uri
        self.headers = Headers() if headers is None else headers
        self.body = body

    def __bytes__(self) -> bytes:
        return self._print(f"{self.method} {self.uri} SIP/2.0")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        mine = (self.method, self.uri, self.headers, self.body)
        return mine == (other.method, other.uri, other.headers, other.body)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"

    def copy(self) -> "Request":
        """Return a request whose headers can change without changing those of this one."""
        return Request(self.method, self.uri, self.headers.copy(), self.body)

    def reply(
        self,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> "Response":
        """Return a response with everything RFC 3261 section 8.2.6 copies; works on requests that do not parse, too.

        to_tag: our tag, added where To has none, except to 100. headers: what comes after the copied ones.
        """
        dialog = 100 < status < 300 and self.method in _DIALOG_METHODS
        items: list[tuple[str, str]] = []
        for item in self.headers._items:
            name = item[0]
            if name in _COPIED:
                if name == "To" and to_tag and status != 100 and not _has_tag(item[1]):
                    item = (name, _clean(f"{item[1]};tag={to_tag}"))
                items.append(item)
            elif (dialog and name == "Record-Route") or (status == 100 and name == "Timestamp"):
                items.append(item)
        made = Headers.received(items)
        for name, value in headers:
            items.append((_name(name), _clean(value)))
        if content_type is not None:
            items.append(("Content-Type", _clean(content_type)))
        return Response(status, REASONS.get(status, "Unknown") if reason is None else reason, made, body)


class Response(Message):
    """A response. Headers may be changed in place; `bytes()` prints it with its Content-Length."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers | None = None, body: bytes = b"") -> None:
        self.status = status
        self.reason = reason
        self.headers = Headers() if headers is None else headers
        self.body = body

    def __bytes__(self) -> bytes:
        return self._print(f"SIP/2.0 {self.status} {self.reason}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        mine = (self.status, self.reason, self.headers, self.body)
        return mine == (other.status, other.reason, other.headers, other.body)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"

    def copy(self) -> "Response":
        """Return a response whose headers can change without changing those of this one."""
        return Response(self.status, self.reason, self.headers.copy(), self.body)


def _first_via(text: str) -> Via:
    return Via.parse(grammar.split_outside(text, ",")[0] if "," in text else text)


def _call_id(text: str) -> str:
    # as an identifier it goes into logs and records, which an octet that is no UTF-8 would break
    if not text or " " in text or "\t" in text or grammar.readable(text) != text:
        raise broken("not a Call-ID", text, kind="bad_call_id")
    return text


def _hops(text: str) -> int:
    return grammar.number(text, below=_SECONDS_LIMIT, what="Max-Forwards", kind="bad_max_forwards")


def _seconds(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 20):
        return None
    return min(int(text), _SECONDS_LIMIT - 1)


def _has_tag(to: str) -> bool:
    try:
        return NameAddr.parse(to).tag is not None
    except RemoteError:
        return re.search(r";[ \t]*tag[ \t]*=", to, re.IGNORECASE) is not None
