"""All users at work: takes their registrations, knows where their phones are, and calls them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from softswitch import clock
from softswitch.call.cause import Cause
from softswitch.call.leg import Leg, LegId, LegSink
from softswitch.call.user import SCHEME, User, UserBook
from softswitch.call.who import OURSELVES, Who
from softswitch.errors import RemoteError, ResourceError
from softswitch.legs import nat
from softswitch.legs.keep_alive import KeepAlives, behind_nat
from softswitch.legs.proof import Proof
from softswitch.legs.signalling import Placement, Refusal
from softswitch.legs.trunk_leg import Hop, Resolves, Way
from softswitch.legs.user_agent import UserAgent
from softswitch.legs.user_leg import UserLeg
from softswitch.net.address import Address, family, show
from softswitch.net.resolve import Target
from softswitch.sip.flow import Flow, default_port
from softswitch.sip.headers import NameAddr
from softswitch.sip.location import MAX_PATH, Binding, Bound, Location, LocationSettings, Unbound
from softswitch.sip.message import Request
from softswitch.sip.transaction import Key
from softswitch.sip.uri import Uri

log = logging.getLogger("softswitch.users")

#: How long a phone may say nothing at all to an INVITE: five tries over UDP (at 0, 0.5, 1.5, 3.5 and 7.5 s).
SILENCE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class UsersSettings:
    """keep_alive: what is sent to phones behind a NAT, `options`, `crlf` or `none`, each every keep_alive_seconds."""

    location: LocationSettings = LocationSettings()
    keep_alive: str = "options"
    keep_alive_seconds: float = 25.0


@dataclass(frozen=True, slots=True)
class PhoneStatus:
    """One registered phone as operators see it.

    state: `registered`, or `silent` where it did not answer when it was asked. source: where it registered from.
    expires_in, since: seconds left, and seconds it has been there. round_trip_ms: None where it is not asked.
    """

    user: str
    number: str
    display: str
    contact: str
    state: str
    transport: str
    source: str
    behind_nat: bool
    path: tuple[str, ...]
    q: float
    expires_in: float
    since: float
    round_trip_ms: float | None
    agent: str


class Users:
    """The users of `softswitch.yaml` and of SQL, and their phones."""

    def __init__(
        self,
        settings: UsersSettings,
        proof: Proof,
        user_agent: UserAgent,
        resolver: Resolves,
        *,
        closed: Callable[[str, Target, Address], Cause | None] = lambda scope, target, through: None,
        token: clock.Token = clock.token,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """closed: as `Trunks.closed`."""
        self._closed = closed
        self._proof = proof
        self._user_agent = user_agent
        self._resolver = resolver
        self._now = now
        self.location = Location(settings.location)
        self._keep_alives = KeepAlives(
            settings.keep_alive, settings.keep_alive_seconds, user_agent, self._phones_of, token=token, now=now
        )
        self._watched: dict[Flow, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None

    @property
    def book(self) -> UserBook:
        """Who the users are."""
        return self._proof.book

    def replace(self, book: UserBook) -> None:
        """Serve these users from now on, made with the keys of our realm.

        A user that is gone, or has other credentials, loses its phones; nobody else notices.
        """
        old, self._proof.book = self._proof.book, book
        for name in {binding.user for binding in self.location}:
            if book.named(name) is None:
                self.location.remove(name, "its user is no more")
            elif not book.proves_alike(old, name):
                self.location.remove(name, "its user has another password")
        if book.users:
            self.serve()
        self._pump()

    def serve(self) -> None:
        """Take REGISTER from now on. Without users it is no method of ours, and nobody is asked for a password."""
        core = self._user_agent.core
        allow = tuple(dict.fromkeys((*core.settings.allow, "REGISTER")))
        supported = tuple(dict.fromkeys((*core.settings.supported, "path")))
        core.settings = replace(core.settings, allow=allow, supported=supported)
        self._user_agent.reception.serve("REGISTER", self._register, allow)

    def close(self) -> None:
        """Give back the timer, and watch no connection any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for unwatch in self._watched.values():
            unwatch()
        self._watched.clear()

    # What phones ask -----------------------------------------------------------------------------------------------

    def _register(self, key: Key, request: Request, flow: Flow) -> None:
        """Take a REGISTER: who it is, whether he may, then what he wants (RFC 3261 section 10.3)."""
        reply = self._user_agent.reception.reply
        proved = self._proof.judge(request, flow)
        if proved is None:
            proved = self._proof.ask(flow)
        if isinstance(proved, Refusal):
            # Who was only asked is asked again; who was wrong is not wrong twice for a copy on the way.
            reply(key, request, proved.status, proved.headers, forget="Authorization" not in request.headers)
            return
        if isinstance(proved, str) or self.book.find(request.to.uri.username) is not proved:
            reply(key, request, 403)  # proved, and not allowed to: step 4
            return
        if any(self._leads_to_us(uri) for uri in _addresses(request)):
            reply(key, request, 403)
            return
        answer = self.location.register(
            proved.name,
            request,
            flow,
            by_flow=partial(nat.reached_by, request, flow),
            max_contacts=proved.max_contacts,
            now=self._now(),
        )
        reply(key, request, answer.status, answer.headers)
        self._pump()

    def _leads_to_us(self, uri: Uri) -> bool:
        """Tell whether calls there would come back to us, as calls of somebody whose word we believe.

        Of a name nobody knows yet where it leads: that is asked before each call.
        """
        if family(uri.host) is None:
            return False
        return self._user_agent.reach.comes_back(uri.host, uri.port or default_port(uri.transport))

    def _barred(self, phone: Binding, target: Target) -> Cause | None:
        """Say why a telephone may not be called at an address, None where it may.

        It says itself where it is, and everybody who calls its user pays for that: it must not be a gateway that takes
        our word for it, unless that is the very one its REGISTER came through (Path, or a proxy that stands in).
        """
        return self._closed("user", target, phone.source.remote)

    # Calling them --------------------------------------------------------------------------------------------------

    def place(
        self,
        leg: LegId,
        target: str,
        *,
        caller_id: str,
        sink: LegSink,
        hops: int,
        who: Who = OURSELVES,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Leg:
        """Call the phones of a user, by its name or number. Raises ResourceError where there is no such user."""
        user = self.book.find(target)
        if user is None:
            raise ResourceError(f"there is no user {target.removeprefix(SCHEME)}")
        shown, display = self._shown(caller_id, who)
        phones = self.location.look_up(user.name, now=self._now())
        groups = [
            [replace(self._way(user, phone, shown, display, hops), headers=headers) for phone in group]
            for _, group in groupby(phones, key=lambda phone: phone.q)
        ]
        return UserLeg(leg, user.name, groups, self._user_agent, self._resolver, sink)

    def _shown(self, caller_id: str, who: Who) -> tuple[str, str]:
        """Return whom a phone shows as caller: of a user the number that calls back, not the one for the world."""
        caller = self.book.named(who.user)
        if caller is None or caller_id != caller.identity:
            return caller_id, ""
        return caller.extension, caller.display

    def _way(self, user: User, phone: Binding, shown: str, display: str, hops: int) -> Way:
        placement = Placement(
            phone.contact,
            shown,
            "",
            "",
            0,
            user.offered,
            from_name=display,
            routes=phone.path,
            dtmf=user.dtmf,
            encryption=user.encryption,
            flow=phone.flow or _edge(phone),
        )
        return Way(
            (_hop(phone, placement),),
            f"user {user.name}",
            try_seconds=SILENCE_SECONDS,
            closed=partial(self._barred, phone),
            max_forwards=hops,
        )

    # What operators see --------------------------------------------------------------------------------------------

    def statuses(self, name: str = "") -> Iterator[PhoneStatus]:
        """Yield every registered phone, or those of one user, as they are when it is asked for."""
        now = self._now()
        bindings = self.location.look_up(name, now=now) if name else list(self.location)
        for binding in bindings:
            user, health = self.book.named(binding.user), self._keep_alives.health(binding)
            round_trip = health.round_trip if health is not None else None
            yield PhoneStatus(
                binding.user,
                user.number if user is not None else "",
                user.display if user is not None else "",
                str(binding.contact),
                "silent" if health is not None and health.silent else "registered",
                binding.source.transport,
                show(binding.source.remote),
                behind_nat(binding),
                binding.path,
                binding.q,
                round(max(0.0, binding.expires_at - now), 1),
                round(now - binding.since, 1),
                None if round_trip is None else round(round_trip * 1000, 1),
                binding.agent,
            )

    # Driving the machines ------------------------------------------------------------------------------------------

    def _phones_of(self, user: str) -> Sequence[Binding]:
        return self.location.look_up(user, now=self._now())

    def _pump(self) -> None:
        outputs = self.location.drain()
        for output in outputs:
            binding = output.binding
            fields = {"user": binding.user, "contact": str(binding.contact), "remote": show(binding.source.remote)}
            match output:
                case Bound():
                    if binding.since == binding.refreshed_at:
                        log.info("a phone is registered", extra=fields)
                    self._keep_alives.bound(binding)
                    self._watch(binding.flow)
                case Unbound(why=why):
                    log.info("a phone is no longer registered: %s", why, extra=fields)
                    self._keep_alives.unbound(binding)
        if outputs:
            for flow in [flow for flow in self._watched if not self.location.uses(flow)]:
                self._watched.pop(flow)()
        self._arm()

    def _watch(self, flow: Flow | None) -> None:
        """Have it noticed when the connection of a phone is closed."""
        if flow is not None and flow.reliable and flow not in self._watched:
            self._watched[flow] = self._user_agent.sockets.watch(flow, partial(self._lost, flow))

    def _lost(self, flow: Flow) -> None:
        self._watched.pop(flow, None)
        self.location.flow_lost(flow)
        self._pump()

    def _arm(self) -> None:
        times = [at for at in (self.location.next_timer(), self._keep_alives.next_timer()) if at is not None]
        at = min(times, default=None)
        if self._timer_at is not None and at is not None and at >= self._timer_at and self._timer is not None:
            return  # it fires early, finds nothing due, and arms itself
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = at
        if at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - self._now()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer, self._timer_at = None, None
        now = self._now()
        self.location.handle_timer(now=now)
        self._keep_alives.handle_timer(now=now)
        self._pump()


def _addresses(request: Request) -> Iterator[Uri]:
    """Yield where calls shall go by a REGISTER: its contacts, and the first proxies of its Path that can be read."""
    yield from (contact.uri for contact in request.contacts)
    with contextlib.suppress(RemoteError):
        yield from (NameAddr.parse(text).uri for text in request.headers.readable("Path")[:MAX_PATH])


def _edge(phone: Binding) -> Flow | None:
    """Return the way to the first proxy of a path where that is what the REGISTER came from, None for another one."""
    if not phone.path:
        return None
    edge = NameAddr.parse(phone.path[0]).uri
    return phone.source if (edge.host, edge.port or default_port(edge.transport)) == phone.source.remote else None


def _hop(phone: Binding, placement: Placement) -> Hop:
    if placement.flow is not None:
        flow = placement.flow
        return Hop(*flow.remote, flow.transport.lower(), placement)
    try:
        uri = NameAddr.parse(phone.path[0]).uri if phone.path else phone.contact
    except RemoteError:  # it was read when it came
        uri = phone.contact
    return Hop(uri.host, uri.port, uri.transport or None, placement)
