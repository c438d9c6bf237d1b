"""Who passed a call on before: Diversion (RFC 5806) and History-Info (RFC 7044), kept as text and added to.

Diversion has its newest entry first, History-Info its oldest, and each of that an index by which it hangs on an earlier
one. Both tell things that somebody may have asked to hide; how far they go is decided where a call leaves.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Message
from softswitch.sip.uri import Uri

Lines = tuple[tuple[str, str], ...]

#: Entries of either header that are kept: nobody's call is passed on more often, and networks end it after five.
MAX_ENTRIES = 10
#: Characters of an entry: an address with a name, a reason and a Reason of a response.
MAX_ENTRY = 512
#: Levels of an index; with one for each time the call was passed on there are no more than that.
MAX_LEVELS = 20

DIVERSION, HISTORY = "Diversion", "History-Info"
#: Who a caller without a name is (RFC 3323 section 4.1.1.3), and who was hidden (RFC 7044 section 10.1.2).
ANONYMOUS = Uri("sip", "anonymous", None, "anonymous.invalid")
#: Words of Privacy that ask to hide who passed the call on (RFC 7044 section 10.1.1, RFC 3323 section 4.2).
_HIDING = frozenset({"history", "header", "user"})
#: Words of the `privacy` of a Diversion that hide its address (RFC 5806 section 4).
_HIDDEN = frozenset({"full", "uri"})
#: Why a call was passed on: status of RFC 4458 section 2.1, and the word of RFC 5806 section 4.
REASONS = {
    302: "unconditional",
    404: "unknown",
    408: "no-answer",
    480: "deflection",
    486: "user-busy",
    503: "unavailable",
}

_INDEX = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4})*")


@dataclass(frozen=True, slots=True)
class Diversions:
    """Who passed a call on before it came to us. private: the caller asked to hide it."""

    diversion: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    private: bool = False

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return what an INVITE says; entries that cannot be read, or are too long or too many, are left out."""
        words = {word.strip().lower() for word in (message.headers.get("Privacy") or "").split(";")}
        newest, oldest = _readable(message, DIVERSION), _readable(message, HISTORY)
        return cls(tuple(newest[:MAX_ENTRIES]), tuple(oldest[-MAX_ENTRIES:]), not words.isdisjoint(_HIDING))

    def __bool__(self) -> bool:
        return bool(self.diversion or self.history)

    @property
    def headers(self) -> frozenset[str]:
        """Names of the headers that it came in."""
        named = ((DIVERSION, self.diversion), (HISTORY, self.history))
        return frozenset(name for name, values in named if values)


@dataclass(frozen=True, slots=True)
class Forward:
    """That we pass a call on ourselves. of: who was called. to: whom we call instead. hidden: nobody is to know."""

    of: Uri
    to: Uri
    cause: int = 302
    hidden: bool = False


def onward(before: Diversions, headers: Collection[str], forward: Forward | None, *, trusted: bool) -> Lines:
    """Return the lines of an INVITE that passes the call on.

    headers: those of Diversion and History-Info that it may have. forward: our own entry, None where we add none.
    trusted: whom it goes to keeps secrets (RFC 3323 section 5), and is told what is one.
    """
    lines: list[tuple[str, str]] = []
    if DIVERSION in headers:
        own = [_diversion(forward)] if forward is not None else []
        kept = before.diversion if trusted else [value for value in before.diversion if _open(value, before.private)]
        lines.extend((DIVERSION, value) for value in [*own, *kept][:MAX_ENTRIES])
    if HISTORY in headers:
        kept = before.history if trusted else [_masked(value, before.private) for value in before.history]
        entries = _extended(kept, forward) if forward is not None else kept
        lines.extend((HISTORY, value) for value in entries)
    if lines and trusted and before.private:
        lines.append(("Privacy", "history"))
    return tuple(lines)


def merged(lines: Lines) -> Lines:
    """Return header lines with every Privacy in one: the header has one value, of several words (RFC 3323 4.2)."""
    words = [word.strip() for name, value in lines if name == "Privacy" for word in value.split(";")]
    if not words:
        return lines
    others = tuple(line for line in lines if line[0] != "Privacy")
    return (*others, ("Privacy", ";".join(dict.fromkeys(words))))


def _readable(message: Message, name: str) -> list[str]:
    readable: list[str] = []
    for value in message.headers.readable(name)[: 2 * MAX_ENTRIES]:
        if len(value) > MAX_ENTRY or grammar.readable(value) != value:
            continue
        try:
            NameAddr.parse(value)
        except RemoteError:
            continue
        readable.append(value)
    return readable


def _diversion(forward: Forward) -> str:
    privacy = ";privacy=full" if forward.hidden else ""
    return f"<{forward.of}>;reason={REASONS.get(forward.cause, 'unknown')}{privacy}"


def _open(value: str, private: bool) -> bool:
    """Tell whether a Diversion may be shown to anybody."""
    return not private and (NameAddr.parse(value).param("privacy") or "").strip('"').lower() not in _HIDDEN


def _masked(value: str, private: bool) -> str:
    """Return an entry of History-Info as anybody may see it: its place in the tree, without its address."""
    address = NameAddr.parse(value)
    asked = (grammar.unescape(word or "").lower() for name, word in address.uri.headers if name.lower() == "privacy")
    if not private and "history" not in asked:
        return value
    return str(NameAddr(ANONYMOUS, "", tuple(param for param in address.params if param[0].lower() == "index")))


def _extended(entries: Collection[str], forward: Forward) -> Iterator[str]:
    """Yield the entries, one for who was called where there is none yet, and one for whom we call (section 10.3)."""
    yield from entries
    last = NameAddr.parse(list(entries)[-1]) if entries else None
    index = (last.param("index") or "") if last is not None else ""
    if not _INDEX.fullmatch(index) or index.count(".") > MAX_LEVELS:
        if entries:  # what has no index has no place to hang on
            return
        index = ""
    hide = (("Privacy", "history"),) if forward.hidden else ()
    if last is None or last.uri.username != forward.of.username:
        index = f"{index}.1" if index else "1"
        yield f"<{_with_headers(forward.of, hide)}>;index={index}"
    to = forward.to.without_headers().with_param("cause", str(forward.cause))
    yield f"<{to}>;index={index}.1;mp={index}"


def _with_headers(uri: Uri, headers: Lines) -> Uri:
    return Uri(uri.scheme, uri.user, uri.password, uri.host, uri.port, uri.params, headers)
