"""Dialogs (RFC 3261 section 12): who talks with whom, in which order, and by which way.

A dialog is made of the INVITE and its answer, on either side. It prints requests with the route set and counts CSeq; it
judges the order of the peer's requests and follows its Contact. Header texts that only travel are kept as they came.
"""

import contextlib
from collections.abc import Iterable

from softswitch.errors import LocalError, RemoteError
from softswitch.sip.headers import NameAddr
from softswitch.sip.matching import COOKIE
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.uri import Uri

#: Call-ID, our tag, the peer's tag (section 12).
DialogId = tuple[str, str, str]

#: Proxies between two user agents; the route set lives as long as the call, so a peer may not make it larger.
MAX_ROUTES = 20
#: Methods whose Contact moves the remote target (section 12.2; UPDATE by RFC 3311 section 5.1).
TARGET_REFRESH = frozenset({"INVITE", "UPDATE"})
MAX_FORWARDS = "70"  # section 8.1.1.6


def incoming_id(request: Request) -> DialogId:
    """Return the id that the dialog of a received request has on our side."""
    return (request.call_id, request.to.tag or "", request.from_.tag or "")


class Dialog:
    """One dialog as one side sees it.

    local, remote: text of our and the peer's From/To, tags included. routes: Route values in the order we write them.
    local_cseq, remote_cseq: the last number used by either side, 0 while there was none. secure: it began with a
    `sips:` URI, so that it goes by TLS (section 12.1).
    """

    __slots__ = (
        "call_id",
        "confirmed",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "routes",
        "secure",
    )

    def __init__(self, call_id: str, local: str, local_tag: str, remote: str, remote_tag: str, target: Uri) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.remote_target = target
        self.routes: tuple[str, ...] = ()
        self.local_cseq = 0
        self.remote_cseq = 0
        self.confirmed = False
        self.secure = False

    @classmethod
    def answering(cls, request: Request, local_tag: str) -> "Dialog":
        """Make the dialog of a received INVITE that we answer with `local_tag` (section 12.1.1).

        RemoteError `missing_contact` or `too_many_routes`, status 400.
        """
        target = _target(request)
        local = f"{request.headers.get('To')};tag={local_tag}"
        remote, remote_tag = request.headers.get("From") or "", request.from_.tag or ""  # no tag: RFC 2543 peer
        dialog = cls(request.call_id, local, local_tag, remote, remote_tag, target)
        dialog.routes = _routes(request.headers)
        dialog.secure = request.uri.scheme == "sips"
        dialog.remote_cseq = request.cseq.number
        return dialog

    @classmethod
    def calling(cls, request: Request, response: Response) -> "Dialog":
        """Make the dialog that a 1xx with a tag or a 2xx to our INVITE establishes (section 12.1.2).

        Without a Contact, which a 1xx may and a 2xx must not lack, the target is where the INVITE went: a call that
        works is better than one that cannot be acknowledged. RemoteError when the routes or the Contact are broken.
        """
        contacts = response.contacts
        target = contacts[0].uri if contacts else request.uri
        return cls._called(request, response, target, _routes(response.headers)[::-1])

    @classmethod
    def salvaged(cls, request: Request, response: Response) -> "Dialog":
        """Make what can be read of the dialog of a 2xx that `calling` refuses: good for its ACK and its BYE only."""
        contacts, routes = _readable(response.headers, "Contact"), _readable(response.headers, "Record-Route")
        target = NameAddr.parse(contacts[0]).uri if contacts else request.uri
        return cls._called(request, response, target, tuple(routes[::-1][:MAX_ROUTES]))

    @classmethod
    def _called(cls, request: Request, response: Response, target: Uri, routes: tuple[str, ...]) -> "Dialog":
        local, local_tag = request.headers.get("From") or "", request.from_.tag or ""
        remote, remote_tag = response.headers.get("To") or "", response.to.tag or ""
        dialog = cls(request.call_id, local, local_tag, remote, remote_tag, target)
        dialog.routes = routes
        dialog.secure = request.uri.scheme == "sips"
        dialog.local_cseq = request.cseq.number
        dialog.confirmed = response.status >= 200
        return dialog

    @property
    def id(self) -> DialogId:
        """What names the dialog."""
        return (self.call_id, self.local_tag, self.remote_tag)

    @property
    def next_hop(self) -> Uri:
        """Where a request of this dialog goes first."""
        return NameAddr.parse(self.routes[0]).uri if self.routes else self.remote_target

    def matches(self, request: Request) -> bool:
        """Tell whether a received request belongs to this dialog (section 12.2.2)."""
        return incoming_id(request) == self.id

    def confirm(self, response: Response) -> None:
        """Take the 2xx to our INVITE: the early dialog is confirmed, its route set is the 2xx's (section 13.2.2.4)."""
        self.routes = _routes(response.headers)[::-1]
        self.refresh(response)
        self.confirmed = True

    def refresh(self, message: Request | Response) -> None:
        """Follow the Contact of a target refresh request or of its 2xx (section 12.2.1.2)."""
        contacts = message.contacts
        if contacts:
            self.remote_target = contacts[0].uri

    def receive(self, request: Request) -> None:
        """Take a request of the peer: judge its order, follow its Contact (section 12.2.2).

        RemoteError `cseq_out_of_order`, status 500, when the peer has sent a later one already. An equal number is no
        fault: peers are known to give a refresh and a BYE the same one.
        """
        if request.method == "ACK":  # carries the number of its INVITE, however late it comes
            return
        number = request.cseq.number
        if number < self.remote_cseq:
            raise RemoteError(f"CSeq {number} after {self.remote_cseq}", kind="cseq_out_of_order", status=500)
        self.remote_cseq = number
        if request.method in TARGET_REFRESH:
            self.refresh(request)

    def request(
        self,
        method: str,
        *,
        contact: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """Return the next request of this dialog, without Via (section 12.2.1.1).

        contact: value of the Contact header, required where the target is refreshed.
        """
        if method in ("ACK", "CANCEL"):
            raise LocalError(f"{method} takes the number of its INVITE, not one of its own")
        self.local_cseq += 1
        return self._print(method, self.local_cseq, contact, headers, body, content_type)

    def ack(
        self,
        cseq: int,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """Return the ACK of a 2xx, without Via; cseq: the number of its INVITE (section 13.2.2.4)."""
        return self._print("ACK", cseq, None, headers, body, content_type)

    def _print(
        self,
        method: str,
        cseq: int,
        contact: str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> Request:
        uri, routes = self._way()
        pairs = [("Max-Forwards", MAX_FORWARDS)]
        pairs.extend(("Route", route) for route in routes)
        pairs.append(("From", self.local))
        pairs.append(("To", self.remote))
        pairs.append(("Call-ID", self.call_id))
        pairs.append(("CSeq", f"{cseq} {method}"))
        if contact is not None:
            pairs.append(("Contact", contact))
        pairs.extend(headers)
        if content_type is not None:
            pairs.append(("Content-Type", content_type))
        return Request(method, uri, Headers(pairs), body)

    def _way(self) -> tuple[Uri, tuple[str, ...]]:
        """Return the Request-URI and the Route values (section 12.2.1.1)."""
        if not self.routes:
            return self.remote_target, ()
        first = NameAddr.parse(self.routes[0]).uri
        if first.loose:
            return self.remote_target, self.routes
        # a strict router takes its own URI from the request line and the target from the end of the list
        return first.without_param("method").without_headers(), (*self.routes[1:], f"<{self.remote_target}>")


def _target(request: Request) -> Uri:
    contacts = request.contacts
    if contacts:
        return contacts[0].uri
    if not (request.via.branch or "").startswith(COOKIE):
        return request.from_.uri  # an RFC 2543 caller need not send one; From is where it is (RFC 4475 section 3.4.1)
    raise RemoteError("an INVITE without Contact", kind="missing_contact")  # section 8.1.1.8


def _routes(headers: Headers) -> tuple[str, ...]:
    """Return the Record-Route values in the order of the message, each one known to parse."""
    values = headers.all("Record-Route")
    if not values:
        return ()
    if len(values) > MAX_ROUTES:
        raise RemoteError(f"{len(values)} proxies in Record-Route", kind="too_many_routes")
    for value in values:
        NameAddr.parse(value)
    return tuple(values)


def _readable(headers: Headers, name: str) -> list[str]:
    """Return the values of an address header that parse, of a header where at least one does not."""
    readable: list[str] = []
    with contextlib.suppress(RemoteError):
        for value in headers.all(name):
            with contextlib.suppress(RemoteError):
                NameAddr.parse(value)
                readable.append(value)
    return readable
