"""What transfers are written with: Refer-To, Replaces, Referred-By, Refer-Sub, Event, and the status line of a NOTIFY.

RFC 3515, 3891, 3892, 4488, 3420. Values only; what follows from them is decided in `subscription.py` and above. What a
peer wrote is read with bounds, and raises RemoteError with the status that answers it.
"""

import re
from dataclasses import dataclass
from typing import Self

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.dialog import DialogId
from softswitch.sip.grammar import SPACE, broken
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Message, Request
from softswitch.sip.reasons import REASONS
from softswitch.sip.uri import Uri

SIPFRAG = "message/sipfrag"
#: As notifiers write it; RFC 3420 has no other version.
SIPFRAG_VERSIONED = "message/sipfrag;version=2.0"
#: The event package of RFC 3515.
PACKAGE = "refer"
#: Schemes of a target that can be telephoned.
SCHEMES = ("sip", "sips", "tel")

#: A Refer-To with everything in it: a URI of a telephone number with a Replaces has about 200 characters.
MAX_REFER_TO = 2048
#: A dialog as Replaces names it: two tags and a Call-ID, which go into our own messages and logs.
MAX_REPLACES = 1024
#: Who refers; longer ones are taken for none.
MAX_REFERRED_BY = 512
#: Octets of a fragment that are looked at: a status line, however talkative, and nothing of the headers after it.
MAX_STATUS_LINE = 512

# what may stand in a Call-ID (RFC 3261 section 25.1 `word`), as little as that is
_CALL_ID = re.compile(r"[!#-+\-.-:<-~]+")
_STATUS_LINE = re.compile(r"SIP/2\.0[ \t]+([1-6][0-9]{2})(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog, named from the side of whoever is asked to replace it (RFC 3891 section 3).

    to_tag: of that side. from_tag: of its peer; `0` stands for none, as RFC 2543 peers have it.
    """

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the value of Replaces; RemoteError `bad_replaces` when it is none."""
        if len(text) > MAX_REPLACES:
            raise broken("a Replaces that is too long", text, kind="bad_replaces")
        call_id, semicolon, rest = text.partition(";")
        call_id = call_id.strip(SPACE)
        if not semicolon or not _CALL_ID.fullmatch(call_id):
            raise broken("not a Replaces", text, kind="bad_replaces")
        try:
            params = grammar.parse_params(rest)
        except RemoteError as error:
            raise broken("not a Replaces", text, kind="bad_replaces") from error
        names = [name.lower() for name, _ in params]
        if any(names.count(name) != 1 for name in ("to-tag", "from-tag")):
            raise broken("a Replaces without one tag of each side", text, kind="bad_replaces")
        to_tag, from_tag = (grammar.find_param(params, name) or "" for name in ("to-tag", "from-tag"))
        if not grammar.is_token(to_tag) or not grammar.is_token(from_tag):
            raise broken("a Replaces whose tag is none", text, kind="bad_replaces")
        return cls(call_id, to_tag, from_tag, "early-only" in names)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"

    @property
    def dialogs(self) -> tuple[DialogId, ...]:
        """The ids that the dialog may have on the side that is asked: our tag is `to_tag`."""
        named = (self.call_id, self.to_tag, self.from_tag)
        return (named, (self.call_id, self.to_tag, "")) if self.from_tag == "0" else (named,)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a REFER asks for. target: whom to call, without headers and without `method`. referred_by: a URI, or empty.

    silent: no NOTIFY is wanted (RFC 4488).
    """

    target: Uri
    replaces: Replaces | None = None
    referred_by: str = ""
    silent: bool = False


def read_refer(request: Request) -> Reference:
    """Return what a REFER asks for.

    RemoteError: 400 where it has not exactly one Refer-To or this cannot be read, 416 for a scheme that is no call,
    403 for another method than INVITE. Of the headers in the URI only Replaces counts: a peer may say whom we call,
    not what our call to him says (RFC 3261 section 19.1.5).
    """
    values = request.headers.all("Refer-To")
    if len(values) != 1:
        raise broken(f"a REFER with {len(values)} Refer-To", kind="bad_refer_to")  # RFC 3515 section 2.4.2
    target, replaces = _target(values[0])
    return Reference(target, replaces, referred_by(request), silent=not wants_notify(request))


def _target(text: str) -> tuple[Uri, Replaces | None]:
    if len(text) > MAX_REFER_TO:
        raise broken("a Refer-To that is too long", text, kind="bad_refer_to")
    # Asterisk's Transfer() writes what the dialplan gives it, headers in the URI and no brackets. RFC 3261 section 20
    # forbids that, for `;` would begin parameters of the header. Refer-To has none that count: all of it is the URI.
    bare = "<" not in text and "?" in text.partition('"')[0]
    try:
        uri = NameAddr.parse(f"<{text.strip(SPACE)}>" if bare else text).uri
    except RemoteError as error:
        raise broken("not a Refer-To", text, kind="bad_refer_to") from error
    if uri.scheme not in SCHEMES:
        raise broken("a Refer-To that is no telephone", text, kind="unknown_scheme", status=416)
    method = uri.param("method")
    if method is not None and method.upper() != "INVITE":
        raise broken("a Refer-To with another method", text, kind="refer_to_method", status=403)
    named = [value for name, value in uri.headers if grammar.unescape(name).lower() == "replaces"]
    if len(named) > 1:
        raise broken("a Refer-To with several Replaces", text, kind="bad_replaces")
    replaces = Replaces.parse(grammar.unescape(named[0] or "")) if named else None
    return uri.without_headers().without_param("method"), replaces


def refer_to(target: Uri, replaces: Replaces | None = None) -> str:
    """Return the value of Refer-To; replaces: the dialog at the target that the new call takes the place of."""
    if replaces is None:
        return f"<{target.without_headers()}>"
    return f"<{target.without_headers()}?Replaces={grammar.escape(str(replaces))}>"


def referred_by(message: Message) -> str:
    """Return the URI of Referred-By (RFC 3892), empty where there is none or it is nobody: it only informs."""
    text = message.headers.get("Referred-By") or ""
    if not text or len(text) > MAX_REFERRED_BY:
        return ""
    try:
        uri = NameAddr.parse(text).uri.without_headers()
    except RemoteError:
        return ""
    return str(uri) if uri.scheme in SCHEMES else ""


def wants_notify(message: Message) -> bool:
    """Return what Refer-Sub says (RFC 4488 section 4): false asks for no NOTIFY, and in a 2xx it promises none."""
    value = message.headers.get("Refer-Sub") or ""
    return value.partition(";")[0].strip(SPACE).lower() != "false"


def event(message: Message) -> tuple[str, str]:
    """Return the event package in lower case, and the id that tells subscriptions apart; each may be empty."""
    package, semicolon, rest = (message.headers.get("Event") or "").partition(";")
    try:
        params = grammar.parse_params(rest) if semicolon else ()
    except RemoteError:
        params = ()
    return package.strip(SPACE).lower(), grammar.find_param(params, "id") or ""


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """The value of Subscription-State (RFC 6665 section 8.2.3). expires: seconds, None where it does not say."""

    state: str
    reason: str = ""
    expires: int | None = None

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return what a NOTIFY says of its subscription; where it says nothing, as old notifiers do, it goes on."""
        state, semicolon, rest = (request.headers.get("Subscription-State") or "active").partition(";")
        try:
            params = grammar.parse_params(rest) if semicolon else ()
        except RemoteError:
            params = ()
        seconds = grammar.find_param(params, "expires") or ""
        expires = int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 10 else None
        reason = (grammar.find_param(params, "reason") or "").lower()
        return cls(state.strip(SPACE).lower(), reason, expires)

    def __str__(self) -> str:
        reason = f";reason={self.reason}" if self.reason else ""
        expires = f";expires={self.expires}" if self.expires is not None else ""
        return f"{self.state}{reason}{expires}"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of the subscription."""
        return self.state == "terminated"


@dataclass(frozen=True, slots=True)
class Fragment:
    """The status line of a message/sipfrag (RFC 3420), which is all that a NOTIFY of a REFER must hold."""

    status: int
    reason: str = ""

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Parse the body of a NOTIFY; RemoteError `bad_sipfrag` where it does not begin with a status line."""
        line = body[:MAX_STATUS_LINE].lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r\n \t")
        text = line.decode("utf-8", "surrogateescape")
        found = _STATUS_LINE.fullmatch(text)
        if found is None:
            raise broken("not a status line in a sipfrag", text, kind="bad_sipfrag")
        return cls(int(found[1]), grammar.readable((found[2] or "").strip(SPACE)))

    def __bytes__(self) -> bytes:
        reason = self.reason or REASONS.get(self.status, "Unknown")
        return f"SIP/2.0 {self.status} {reason}\r\n".encode()
