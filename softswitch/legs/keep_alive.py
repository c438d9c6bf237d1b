"""Keeps the way open to phones behind a NAT, and notices those that are gone (RFC 5626 section 4.4.1 in spirit).

A NAT forgets a way that carries nothing, home routers after 30 s over UDP. An OPTIONS makes the phone answer, which
keeps every NAT and tells whether the phone is there; an empty line only keeps most of them. Phones that are reached by
their own address need neither.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.legs.health import options_to
from softswitch.legs.signalling import Requester
from softswitch.sip.flow import Flow, default_port
from softswitch.sip.headers import NameAddr
from softswitch.sip.location import Binding
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import Key
from softswitch.sip.uri import Uri


class Asks(Protocol):
    """Who sends what belongs to no call: the user agent."""

    def send(self, request: Request, flow: Flow, owner: Requester) -> Key: ...
    def contact(self, flow: Flow, user: str = "", params: str = "") -> str: ...
    def keep_alive(self, flow: Flow) -> None: ...


@dataclass(slots=True)
class Health:
    """What a phone said to our questions. silent: it did not answer the last one. round_trip: of its last answer."""

    silent: bool = False
    round_trip: float | None = None


class KeepAlives:
    """Wakes one phone after the other, each every `seconds`. kind: `options`, `crlf` or `none`."""

    def __init__(
        self,
        kind: str,
        seconds: float,
        asks: Asks,
        find: Callable[[str], Sequence[Binding]],
        *,
        token: clock.Token,
        now: Callable[[], float],
    ) -> None:
        """find: the phones of a user."""
        self._kind = kind
        self._seconds = seconds
        self._asks = asks
        self._find = find
        self._token = token
        self._now = now
        self._call_id = token()
        self._cseq = 0
        # All wait for the same time, so the order in which they were put in is the order in which they are due.
        self._due: OrderedDict[int, tuple[float, str]] = OrderedDict()
        self._health: dict[int, Health] = {}

    def bound(self, binding: Binding) -> None:
        """Take a phone that is there, or comes by another way now."""
        if self._kind != "none" and behind_nat(binding):
            self._health.setdefault(binding.number, Health())
            self._due.setdefault(binding.number, (self._now() + self._seconds, binding.user))

    def unbound(self, binding: Binding) -> None:
        """Forget a phone."""
        self._due.pop(binding.number, None)
        self._health.pop(binding.number, None)

    def health(self, binding: Binding) -> Health | None:
        """Return what a phone said, None for one that is not asked."""
        return self._health.get(binding.number)

    def next_timer(self) -> float | None:
        """Return when the next phone is to be woken."""
        return next(iter(self._due.values()))[0] if self._due else None

    def handle_timer(self, *, now: float) -> None:
        """Wake those that are due."""
        while self._due:
            number, (at, user) = next(iter(self._due.items()))
            if at > now:
                return
            del self._due[number]
            binding = next((one for one in self._find(user) if one.number == number), None)
            if binding is None or not behind_nat(binding):
                self._health.pop(number, None)
                continue
            self._due[number] = (now + self._seconds, user)
            self._wake(binding)

    def _wake(self, binding: Binding) -> None:
        flow = binding.flow or binding.source
        if self._kind == "crlf":
            self._asks.keep_alive(flow)
            return
        self._cseq += 1
        contact = self._asks.contact(flow)
        caller = NameAddr(Uri.of("softswitch", NameAddr.parse(contact).uri.host)).with_param("tag", self._token())
        request = options_to(binding.contact, caller, contact, self._call_id, self._cseq)
        try:
            self._asks.send(request, flow, _Asked(self._health[binding.number], self._now))
        except ResourceError:
            self._health[binding.number].silent = True


class _Asked:
    """One OPTIONS on its way."""

    def __init__(self, health: Health, now: Callable[[], float]) -> None:
        self._health = health
        self._now = now
        self._begun = now()

    def response_received(self, key: Key, response: Response, flow: Flow) -> None:
        """Take any answer at all for a sign of life."""
        if response.status >= 200:
            self._health.silent, self._health.round_trip = False, self._now() - self._begun

    def request_failed(self, key: Key, why: str) -> None:
        """Take it that the phone does not hear us; its registration says how long it may be away."""
        self._health.silent = True

    def request_resent(self, old: Key, new: Key, request: Request) -> None:
        """No credentials are given, so nothing is sent again."""


def behind_nat(binding: Binding) -> bool:
    """Tell whether a phone is reached only by the way it came, which is not the address it names itself."""
    if binding.flow is None:
        return False
    contact = binding.contact
    return (contact.host, contact.port or default_port(binding.flow.transport)) != binding.source.remote
