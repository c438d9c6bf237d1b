"""Where the users can be reached: the bindings of a registrar (RFC 3261 section 10.3), with Path (RFC 3327).

Theory of operation
-------------------
`register` takes the REGISTER of a user who has proved who he is and may do this, checks all of it before it changes
anything, and returns the answer. Bindings are kept by user; a contact is known again by comparing URIs as RFC 3261
section 19.1.4 does, or by the instance of the phone (`+sip.instance`, RFC 5626 section 4.1): a phone that starts anew
with another address takes the place of what it was before, and nobody is called at its ghost.

A binding remembers the flow its REGISTER came by where that is the way to the phone: behind a NAT there is no other,
and over TCP or TLS the connection is. The owner says which contacts these are. A connection that closes takes its
bindings with it.

Time comes in by `handle_timer`; a binding that is over is never looked up, whether the timer has fired or not.
"""

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.flow import Flow
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Request
from softswitch.sip.option_tags import supports
from softswitch.sip.uri import Uri

#: Routes of one Path; a call carries each as a Route line, and no network has so many edges.
MAX_PATH = 8
#: Characters of one contact or route: they go into an INVITE, which should fit into a datagram.
MAX_LENGTH = 512
#: RFC 3261 section 10.3 step 7: an interval of an hour and more must not be called too brief.
_NEVER_TOO_BRIEF = 3600
#: Characters of a User-Agent that are kept.
MAX_AGENT = 64

_Q = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class LocationSettings:
    """expires: granted where the phone asks for nothing. min_expires: less is refused; max_expires: more is cut.

    max_contacts: of one user, where `register` is told no other number. max_bindings: of all users together, about
    1.5 KiB each.
    """

    expires: int = 600
    min_expires: int = 60
    max_expires: int = 7200
    max_contacts: int = 10
    max_bindings: int = 20_000


@dataclass(frozen=True, slots=True)
class Binding:
    """One phone of a user.

    number: stays the same while it is refreshed. since, refreshed_at: when it came, and when it was heard of last.
    source: where its REGISTER came from. flow: the way to it, None where the contact or the path is. agent: User-Agent.
    """

    number: int
    user: str
    contact: Uri
    q: float
    expires_at: float
    since: float
    refreshed_at: float
    call_id: str
    cseq: int
    source: Flow
    flow: Flow | None = None
    path: tuple[str, ...] = ()
    instance: tuple[str, str] = ("", "")
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a REGISTER is answered with."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """A phone is there that was not there before, or by another way."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class Unbound:
    """A phone is gone. why: in words, for the log."""

    binding: Binding
    why: str


Output = Bound | Unbound


@dataclass(frozen=True, slots=True)
class _Asked:
    """One REGISTER and all that belongs to it."""

    user: str
    request: Request
    flow: Flow
    by_flow: Callable[[Uri], bool]
    max_contacts: int
    now: float
    path: tuple[str, ...]


def _never(_uri: Uri) -> bool:
    """Reach no contact by its flow alone."""
    return False


class Location:
    """The bindings of all users."""

    def __init__(self, settings: LocationSettings) -> None:
        self.settings = settings
        self._users: dict[str, list[Binding]] = {}
        self._flows: dict[Flow, set[str]] = {}
        self._ends: list[tuple[float, int, Binding]] = []
        self._numbers = count(1)
        self._size = 0
        self._outputs: list[Output] = []

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Binding]:
        for bindings in self._users.values():
            yield from bindings

    # --- inputs ---

    def register(
        self,
        user: str,
        request: Request,
        flow: Flow,
        *,
        by_flow: Callable[[Uri], bool] = _never,
        max_contacts: int | None = None,
        now: float,
    ) -> Reply:
        """Carry out a REGISTER and return its answer. by_flow: whether a contact is reached by the flow alone."""
        most = max_contacts or self.settings.max_contacts
        try:
            return self._register(_Asked(user, request, flow, by_flow, most, now, _path(request)))
        except RemoteError as error:  # of a header that only a registrar reads; the core has read the others
            return Reply(error.status)

    def remove(self, user: str, why: str) -> None:
        """Forget all phones of a user."""
        for binding in list(self._users.get(user, ())):
            self._drop(binding, why)

    def flow_lost(self, flow: Flow) -> None:
        """Take the news that a connection is closed: who was reached by it can be reached no more."""
        for user in self._flows.get(flow, set()).copy():
            for binding in list(self._users.get(user, ())):
                if binding.flow == flow:
                    self._drop(binding, "its connection is closed")

    def look_up(self, user: str, *, now: float) -> Sequence[Binding]:
        """Return the phones of a user, those with the highest `q` first."""
        found = [binding for binding in self._users.get(user, ()) if binding.expires_at > now]
        return sorted(found, key=lambda binding: -binding.q)

    def uses(self, flow: Flow) -> bool:
        """Tell whether any phone is reached by this flow alone."""
        return flow in self._flows

    # --- time and outputs ---

    def next_timer(self) -> float | None:
        """Return when `handle_timer` has something to do; it may turn out to be nothing."""
        return self._ends[0][0] if self._ends else None

    def handle_timer(self, *, now: float) -> None:
        """Forget the bindings that are over."""
        while self._ends and self._ends[0][0] <= now:
            binding = heapq.heappop(self._ends)[2]
            current = self._known(binding.user, binding.contact)
            if current is None or current.number != binding.number:
                continue
            if current.expires_at <= now:
                self._drop(current, "it did not refresh its registration")
            else:  # one entry for a binding, however often it is refreshed: this one comes again
                self._ends_later(current)

    def drain(self) -> list[Output]:
        """Return what changed, in order, once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # --- REGISTER, by the steps of section 10.3 ---

    def _register(self, asked: _Asked) -> Reply:
        request = asked.request
        if request.headers.get("Contact") == "*":
            refusal = self._remove_all(asked)
        else:
            wanted = [(self._expires(contact, request), contact) for contact in request.contacts]
            refusal = self._refusal(asked, wanted)
            if refusal is None:
                for expires, contact in wanted:
                    self._bind(asked, contact, expires)
        if refusal is not None:
            return refusal
        headers = [("Contact", _granted(binding, asked.now)) for binding in self.look_up(asked.user, now=asked.now)]
        if asked.path and supports(request, "path"):  # RFC 3327 section 5.3: for a phone that knows what it means
            headers.append(("Path", ", ".join(asked.path)))
        return Reply(200, tuple(headers))

    def _remove_all(self, asked: _Asked) -> Reply | None:
        """Step 6: `*` removes everything, and is valid with Expires 0 and with no other contact."""
        if asked.request.expires != 0 or len(asked.request.headers.all("Contact")) > 1:
            return Reply(400)
        bindings = list(self._users.get(asked.user, ()))
        if any(_is_older(asked.request, binding) for binding in bindings):
            return Reply(500)
        for binding in bindings:
            self._drop(binding, "it said so")
        return None

    def _refusal(self, asked: _Asked, wanted: Sequence[tuple[int, NameAddr]]) -> Reply | None:
        """Step 7, before anything is changed: all of a REGISTER is carried out, or nothing."""
        least = self.settings.min_expires
        new = 0
        for expires, contact in wanted:
            if not contact.uri.is_sip or not contact.uri.host or len(str(contact)) > MAX_LENGTH:
                return Reply(400)
            if 0 < expires < min(least, _NEVER_TOO_BRIEF):
                return Reply(423, (("Min-Expires", str(least)),))
            known = self._known(asked.user, contact.uri)
            if known is not None and _is_older(asked.request, known):
                return Reply(500)
            new += known is None and expires > 0
        if new > asked.max_contacts:
            return Reply(403)
        if new and self._size + new > self.settings.max_bindings:
            return Reply(503, (("Retry-After", "60"),))
        return None

    def _expires(self, contact: NameAddr, request: Request) -> int:
        """Return for how long a contact wants to be kept; what cannot be read is as if it were not there."""
        for text in (contact.param("expires"), request.headers.get("Expires")):
            if text and text.isascii() and text.isdigit() and len(text) <= 20:
                return min(int(text), self.settings.max_expires)
        return self.settings.expires

    def _bind(self, asked: _Asked, contact: NameAddr, expires: int) -> None:
        uri, request, now = contact.uri.without_headers(), asked.request, asked.now
        known = self._known(asked.user, uri)
        if expires == 0:
            if known is not None:
                self._drop(known, "it said so")
            return
        made = Binding(
            number=next(self._numbers) if known is None else known.number,
            user=asked.user,
            contact=uri,
            q=_q(contact),
            expires_at=now + expires,
            since=now if known is None else known.since,
            refreshed_at=now,
            call_id=request.call_id,
            cseq=request.cseq.number,
            source=asked.flow,
            flow=asked.flow if not asked.path and asked.by_flow(uri) else None,
            path=asked.path,
            instance=(contact.param("+sip.instance") or "", contact.param("reg-id") or ""),
            agent=grammar.readable(request.headers.get("User-Agent") or "")[:MAX_AGENT],
        )
        if known is not None:
            self._replace(known, made)
            return
        self._make_room(made, asked.max_contacts)
        self._users.setdefault(asked.user, []).append(made)
        self._size += 1
        self._hold(made)
        self._ends_later(made)
        self._outputs.append(Bound(made))

    def _make_room(self, made: Binding, max_contacts: int) -> None:
        """Drop what this phone was before, and where a user has too many, the one that was not heard of for longest."""
        bindings = self._users.get(made.user, [])
        for binding in list(bindings):
            # One REGISTER may bring two contacts of one phone; a phone that starts anew has another Call-ID.
            if made.instance[0] and binding.instance == made.instance and binding.call_id != made.call_id:
                self._drop(binding, "the same phone registered anew")
        while len(bindings) >= max_contacts:
            self._drop(min(bindings, key=lambda binding: binding.refreshed_at), "its user has too many phones")

    def _replace(self, old: Binding, new: Binding) -> None:
        bindings = self._users[old.user]
        bindings[bindings.index(old)] = new
        if new.expires_at < old.expires_at:
            self._ends_later(new)
        if old.flow != new.flow:
            self._let_go(old)
            self._hold(new)
            self._outputs.append(Bound(new))

    def _drop(self, binding: Binding, why: str) -> None:
        bindings = self._users[binding.user]
        bindings.remove(binding)
        if not bindings:
            del self._users[binding.user]
        self._size -= 1
        self._let_go(binding)
        self._outputs.append(Unbound(binding, why))

    # --- small parts ---

    def _known(self, user: str, uri: Uri) -> Binding | None:
        return next((one for one in self._users.get(user, ()) if one.contact == uri or one.contact.matches(uri)), None)

    def _ends_later(self, binding: Binding) -> None:
        heapq.heappush(self._ends, (binding.expires_at, next(self._numbers), binding))
        if len(self._ends) > 2 * self._size + 64:  # who comes and goes all the time leaves only entries of the past
            self._ends = [(one.expires_at, next(self._numbers), one) for one in self]
            heapq.heapify(self._ends)

    def _hold(self, binding: Binding) -> None:
        if binding.flow is not None:
            self._flows.setdefault(binding.flow, set()).add(binding.user)

    def _let_go(self, binding: Binding) -> None:
        flow = binding.flow
        if flow is None or any(one.flow == flow for one in self._users.get(binding.user, ())):
            return
        users = self._flows.get(flow, set())
        users.discard(binding.user)
        if not users:
            self._flows.pop(flow, None)


def _is_older(request: Request, binding: Binding) -> bool:
    """Tell whether a request was sent before the one that made the binding, or is that one once more."""
    return request.call_id == binding.call_id and request.cseq.number <= binding.cseq


def _q(contact: NameAddr) -> float:
    """Return the preference of a contact (RFC 3261 section 20.10): 1 where it has none that can be read."""
    text = contact.param("q") or ""
    return float(text) if _Q.fullmatch(text) else 1.0


def _path(request: Request) -> tuple[str, ...]:
    """Return the Path of a REGISTER; RemoteError where a call could not follow it."""
    texts = request.headers.all("Path")
    if len(texts) > MAX_PATH or any(len(text) > MAX_LENGTH for text in texts):
        raise RemoteError("a path that is longer than any network", kind="bad_path")
    if not all(NameAddr.parse(text).uri.is_sip for text in texts):
        raise RemoteError("a path that no call could follow", kind="bad_path")
    return tuple(texts)


def _granted(binding: Binding, now: float) -> str:
    """Return a binding as the answer lists it (section 10.3 step 8); what is left of it is never 0 while it lives."""
    left = max(1, round(binding.expires_at - now))
    q = "" if binding.q == 1.0 else f";q={binding.q:g}"
    return f"<{binding.contact}>{q};expires={left}"
