"""What a registrar grants in its 2xx: our binding among all that it lists, its end, and the routes that come with it.

Registrars differ in everything here. Some list the bindings of every phone of the account, some none; gateways on the
way rewrite our Contact; the expiry stands in the Contact, in Expires, or nowhere (RFC 3261 sections 10.2.4, 10.3).
"""

from dataclasses import dataclass

from softswitch.errors import RemoteError
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Headers, Response
from softswitch.sip.uri import Uri

#: Routes that are kept of Service-Route and Path each; every call carries the first as Route lines.
MAX_ROUTES = 8
#: Characters of one route; longer ones would push an INVITE over the size of a datagram.
MAX_ROUTE_LENGTH = 512
#: Contacts that are looked at; an account with more phones than this lists ours somewhere before.
MAX_CONTACTS = 64
#: A week. Nobody means more, and a machine that is told 2**32 - 1 has to ask again in this century.
MAX_EXPIRES = 604800


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding as granted. expires: seconds, 0 when the registrar did not keep it. seen: our address and port as the
    registrar saw them (RFC 3581), None where it did not say."""

    expires: int
    service_route: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    seen: tuple[str, int] | None = None


def read_binding(response: Response, contact: Uri, *, asked: int) -> Binding:
    """Return what a 2xx to a REGISTER of `contact` grants. asked: the expiry we asked for, which is never exceeded."""
    granted = _granted(response.headers, contact)
    return Binding(
        expires=asked if granted is None else min(granted, asked),
        service_route=_routes(response.headers, "Service-Route"),
        path=_routes(response.headers, "Path"),
        seen=_seen(response),
    )


def seconds(text: str | None) -> int | None:
    """Return delta-seconds, None where the text is none; more than MAX_EXPIRES stays larger than that."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 20):
        return None
    return int(text)


def _granted(headers: Headers, contact: Uri) -> int | None:
    ours = _ours(_addresses(headers, "Contact", MAX_CONTACTS), contact)
    if ours is not None and (granted := seconds(ours.param("expires"))) is not None:
        return granted
    return seconds(headers.get("Expires"))


def _ours(listed: list[NameAddr], contact: Uri) -> NameAddr | None:
    """Return our own among the contacts that a registrar lists."""
    line = contact.param("line")
    marked = [item for item in listed if line and item.uri.param("line") == line]
    # ours of an hour ago may still be listed, from before our address changed
    same = [item for item in marked or listed if (item.uri.host, item.uri.port) == (contact.host, contact.port)]
    same = [item for item in same if item.uri.user == contact.user] or same
    if marked:
        return (same or marked)[0]
    if same:
        return same[0]
    return listed[0] if len(listed) == 1 else None  # rewritten on the way, but it is the only one


def _routes(headers: Headers, name: str) -> tuple[str, ...]:
    """Return the values of Service-Route (RFC 3608) or Path (RFC 3327); none of them where one is unusable, because
    half a route leads nowhere."""
    try:
        texts = headers.all(name)
        if len(texts) > MAX_ROUTES or any(len(text) > MAX_ROUTE_LENGTH for text in texts):
            return ()
        return tuple(texts) if all(NameAddr.parse(text).uri.is_sip for text in texts) else ()
    except RemoteError:
        return ()


def _addresses(headers: Headers, name: str, limit: int) -> list[NameAddr]:
    try:
        texts = headers.all(name)[:limit]
    except RemoteError:
        return []
    found: list[NameAddr] = []
    for text in texts:
        try:
            found.append(NameAddr.parse(text))
        except RemoteError:
            continue
    return found


def _seen(response: Response) -> tuple[str, int] | None:
    try:
        via = response.via
        port = via.rport or via.port
        return (via.received or via.host, port) if port else None
    except RemoteError:
        return None
