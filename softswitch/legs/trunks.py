"""All carriers at work: places calls over them, and knows which inbound calls are theirs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from softswitch import clock
from softswitch.call.carrier import Carrier
from softswitch.call.cause import Cause
from softswitch.call.leg import Ended, Leg, LegEvent, LegId, LegSink
from softswitch.call.onward import ALONE, Onward
from softswitch.call.routing import Gateway, Route, direct_uri, is_uri, route
from softswitch.call.slots import Slot
from softswitch.call.toll_rules import TollSection
from softswitch.call.who import OURSELVES, Who
from softswitch.errors import LocalError, ResourceError
from softswitch.legs.callers import MAX_FORWARDS
from softswitch.legs.proof import Account
from softswitch.legs.roster import Post, Roster
from softswitch.legs.signalling import InboundCall, Known, Placement
from softswitch.legs.stir import OwnSignature
from softswitch.legs.tolls import Fare, Tolls
from softswitch.legs.trunk import Trunk, TrunkStatus
from softswitch.legs.trunk_leg import Hop, Resolves, TrunkLeg, Way
from softswitch.legs.user_agent import UserAgent
from softswitch.net.address import Address, show
from softswitch.net.networks import Networks
from softswitch.net.resolve import Target
from softswitch.net.tls_names import proves
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request

#: What a SIP URI without a carrier is offered.
URI_CODECS = ("PCMU", "PCMA")
#: How long a bare SIP URI may say nothing before its next address is tried.
URI_TRY_SECONDS = 4.0
#: The user in our Contact where no account gives another.
OUR_USER = "softswitch"
_LOOPBACK = Networks(("127.0.0.0/8", "::1/128"))


class Trunks:
    """The carriers of `carriers.yaml`, at work."""

    def __init__(
        self,
        carriers: Sequence[Carrier],
        user_agent: UserAgent,
        resolver: Resolves,
        *,
        agent: str = "",
        tolls: Tolls | None = None,
        random: Callable[[], float] = clock.fraction,
        token: clock.Token = clock.token,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """agent: our name, for registrars. tolls: what may be called. random: numbers from 0 up to 1, without 1."""
        self._user_agent = user_agent
        self._resolver = resolver
        self._random = random
        self._now = now
        self.tolls = tolls or Tolls(TollSection())
        #: How calls are signed, by carrier.
        self.signatures: Mapping[str, OwnSignature] = {}
        #: Told of the accounts by which carriers prove themselves, when there are others.
        self.on_accounts: Callable[[Sequence[Account]], None] = _ignore
        self.roster = Roster(carriers, user_agent, resolver, agent=agent, random=random, token=token, now=now)

    def start(self) -> None:
        """Register, and watch the gateways; the sockets must be open."""
        self.roster.start()

    def register(self) -> None:
        """Register every account now: when our address is another one."""
        self.roster.register()

    def replace(self, carriers: Sequence[Carrier]) -> list[str]:
        """Serve by these carriers from now on, and touch no call that is up; return as `Roster.replace` does."""
        again = self.roster.replace(carriers)
        self.on_accounts(self.accounts())
        return again

    async def leave(self) -> None:
        """Take every registration back, all at once and within a limit, so that no more calls are sent to us."""
        await self.roster.leave()

    async def close(self) -> None:
        """Take the registrations back, and stop watching."""
        await self.roster.close()

    def statuses(self) -> Iterator[TrunkStatus]:
        """Yield what operators see of each carrier, in the order of `carriers.yaml`."""
        return self.roster.statuses()

    # Calls of ours -------------------------------------------------------------------------------------------------

    def check(self, target: str, carrier: str) -> str:
        """Return the carrier that a call to `target` would go by, empty for a SIP URI.

        Raises ResourceError with a sentence where it could not even be tried.
        """
        if is_uri(target):
            direct_uri(target)
            return ""
        return self._route(target, "", carrier).carrier.name

    def written_for(self, carrier: str, number: str) -> str:
        """Return a number in the form that a carrier wants, empty where it cannot be called there."""
        try:
            return self._route(number, "", carrier).number
        except ResourceError:
            return ""

    def place(
        self,
        leg: LegId,
        target: str,
        *,
        caller_id: str,
        carrier: str,
        sink: LegSink,
        hops: int = MAX_FORWARDS,
        who: Who = OURSELVES,
        headers: tuple[tuple[str, str], ...] = (),
        onward: Onward = ALONE,
    ) -> Leg:
        """Call a SIP URI, or a number over a carrier. Raises ResourceError with a sentence where that makes no sense.

        What goes wrong afterwards (the carrier carries too many calls, no gateway answers) ends the leg with a cause.
        A stranger never calls at the expense of whoever pays the carrier: `check` refuses rules that would let it, and
        what gets past that (a variable, a transfer) ends here.
        """
        if is_uri(target):
            way, fare, history = self._to_uri(target, caller_id, who), None, onward.lines
        else:
            if who.stranger:
                self.tolls.toll.refused["stranger", "stranger"] += 1
                raise ResourceError(f"{target} is called over a carrier, which is not for strangers")
            found = self._route(target, caller_id, carrier)
            way, fare = self._over(target, found, who)
            history = onward.lines_to(found.carrier, found.request_uri(found.gateways[0]))
        way = replace(way, max_forwards=hops, headers=(*history, *headers))
        made = TrunkLeg(leg, way, self._user_agent, self._resolver, sink)
        if fare is not None:
            fare.leg = made
        return made

    def _route(self, number: str, caller_id: str, carrier: str) -> Route:
        down = [one for post in self.roster.posts() for one in post.trunk.down()]
        carriers = self.roster.carriers
        return route(number, carriers, carrier=carrier, caller_id=caller_id, down=down, random=self._random)

    def _over(self, number: str, found: Route, who: Who) -> tuple[Way, Fare | None]:
        post = self.roster.post(found.carrier.name)
        if post is None:
            raise LocalError(f"carrier {found.carrier.name} was chosen and does not exist")
        trunk, routes = post.trunk, _routes(post)
        own = self.signatures.get(trunk.name)
        signature = own.lines(trunk.carrier, found.caller_id, number, who, clock.wall()) if own is not None else ()
        fare = self.tolls.begin(number, trunk.carrier, who)
        if isinstance(fare, Cause):
            return Way((), carrier=trunk.name, refused=fare), None
        slot = trunk.take_outbound(now=self._now())
        if isinstance(slot, str):
            fare.over()
            return Way((), carrier=trunk.name, refused=Cause.CONGESTION.because(slot)), None

        def happened(hop: Hop, status: int, why: str) -> None:
            if status:
                trunk.answered(hop.gateway, status)
            else:
                trunk.failed(hop.gateway, why)

        def over() -> None:
            slot.give_back()
            fare.over()

        way = Way(
            tuple(_hop(found, gateway, trunk, routes, signature) for gateway in found.gateways),
            name=f"carrier {trunk.name}",
            carrier=trunk.name,
            try_seconds=trunk.carrier.try_seconds,
            on_answer=fare.answered,
            on_over=over,
            on_outcome=happened,
        )
        return way, fare

    def _to_uri(self, target: str, caller_id: str, who: Who) -> Way:
        uri = direct_uri(target)
        transport = uri.transport or None
        placement = Placement(uri.without_headers(), caller_id, "", "", 0, URI_CODECS)
        hop = Hop(uri.host, uri.port, transport, placement)
        return Way((hop,), try_seconds=URI_TRY_SECONDS, closed=partial(self._closed, who))

    def _closed(self, who: Who, target: Target) -> Cause | None:
        """Say why an address may not be called as a bare URI; those who are believed may call what they like."""
        return None if who.trusted else self.closed("user" if who.user else "stranger", target)

    def closed(self, scope: str, target: Target, through: Address | None = None) -> Cause | None:
        """Say why an address may not be called that somebody else has chosen, None where it may.

        A gateway of a carrier knows us by our address: nobody pays for that call whom the tolls know. And what comes
        back to us comes from this machine, which is believed. scope: who is refused, for the counter. through: where
        the choice came from; a carrier's own gateway may name itself.
        """
        refused = self.tolls.toll.refused
        if self._user_agent.reach.comes_back(target.host, target.port):
            refused[scope, "loop"] += 1
            return Cause.BARRED.because(
                f"{show((target.host, target.port))} is this switch, which does not call itself"
            )
        for post in self.roster.posts():
            if _is_at(post, (target.host, target.port)) and not (through is not None and _is_at(post, through)):
                refused[scope, "gateway"] += 1
                words = f"{target.host} is a gateway of carrier {post.trunk.name}, which is called by number only"
                return Cause.BARRED.because(words)
        return None

    # Calls of theirs -----------------------------------------------------------------------------------------------

    def identify(self, request: Request, flow: Flow) -> Known | None:
        """Return which carrier an INVITE comes from; None: from nobody we know."""
        trunk = self._sender(request, flow)
        return _known(trunk.carrier) if trunk is not None else None

    def known_as(self, carrier: str) -> Known | None:
        """Return how calls of a carrier are to be, None where there is none of that name."""
        post = self.roster.post(carrier)
        return _known(post.trunk.carrier) if post is not None else None

    def recognise(self, carrier: str) -> str:
        """Return what a carrier is known by: `address`, `credentials` or `both`."""
        post = self.roster.post(carrier)
        return post.trunk.carrier.recognise if post is not None else "address"

    def accounts(self) -> list[Account]:
        """Return the accounts of those carriers that prove themselves when they call in."""
        return [
            Account(carrier.name, carrier.login, carrier.password.get_secret_value())
            for carrier in self.roster.carriers
            if carrier.recognise != "address"
        ]

    def _sender(self, request: Request, flow: Flow) -> Trunk | None:
        """Find the carrier by where the INVITE comes from: a connection that is its own, a gateway's very address, its
        host, a network of `allow`."""
        line = request.uri.param("line")
        posts = list(self.roster.posts())
        if line:
            for post in posts:
                if post.line == line:  # unguessable: whoever has it, has it from the registrar
                    return post.trunk
        proved = [post.trunk for post in posts if self._is_proved(post.trunk, flow)] if flow.secure else []
        exact = proved or [post.trunk for post in posts if flow.remote in post.trunk.addresses]
        return self._of_account(exact or [post.trunk for post in posts if _by_host(post, flow)], request)

    def _is_proved(self, trunk: Trunk, flow: Flow) -> bool:
        """Tell whether a TLS connection is a carrier's: we opened it to that one, or a certificate says so."""
        if flow.carrier:
            return flow.carrier == trunk.name
        return proves(self._user_agent.sockets.proved(flow), trunk.tls_names)

    def speaks_from(self, host: str) -> bool:
        """Tell whether a host is a gateway of a carrier, or in a network that its entry allows."""
        return any(_is_of(post, host) for post in self.roster.posts())

    @staticmethod
    def _of_account(trunks: Sequence[Trunk], request: Request) -> Trunk | None:
        """Of several carriers at one address, take the one whose account is called; else the first."""
        if len(trunks) < 2:
            return trunks[0] if trunks else None
        called = {request.uri.username, request.to.uri.username}
        named = [trunk for trunk in trunks if trunk.carrier.username and trunk.carrier.username in called]
        return next(iter(named), trunks[0])

    def called(self, inbound: InboundCall) -> str:
        """Return the number that an inbound call is for.

        Where we registered, the Request-URI is the Contact we gave, and its user our account: the number that was
        dialled is in To.
        """
        post = self.roster.post(inbound.carrier)
        if post is None or not inbound.to_user:
            return inbound.number
        ours = inbound.number in ("", OUR_USER, post.trunk.carrier.username)
        return inbound.to_user if ours else inbound.number

    def admit(
        self, carrier: str, make: Callable[[LegSink], Leg]
    ) -> tuple[Cause | None, Callable[[LegSink], Leg], Callable[[], None]]:
        """Give an inbound call of a carrier its slot, which comes back with the leg's `Ended`.

        Return why it must be refused (None: it may be taken), what makes the leg instead of `make`, and what gives the
        slot back where no leg is ever made.
        """
        post = self.roster.post(carrier)
        slot = post.trunk.slots.take() if post is not None else Slot(None)
        if isinstance(slot, str):
            return Cause.CONGESTION.because(slot), make, _nothing

        def made(sink: LegSink) -> Leg:
            def report(leg: Leg, event: LegEvent) -> None:
                if isinstance(event, Ended):
                    slot.give_back()
                sink(leg, event)

            return make(report)

        return None, made, slot.give_back


def _hop(
    found: Route, gateway: Gateway, trunk: Trunk, routes: tuple[str, ...], signature: tuple[tuple[str, str], ...]
) -> Hop:
    carrier = found.carrier
    placement = Placement(
        found.request_uri(gateway),
        found.from_user,
        carrier.transport,
        "",
        0,
        carrier.offered,
        from_uri=found.from_uri,
        from_name=found.from_name,
        headers=(*found.identity, *signature),
        routes=routes,
        auth=trunk.auth,
        dtmf=carrier.dtmf,
        late_offer=carrier.late_offer,
        # Whoever hides his number must not show it in Contact (RFC 3323 section 4.1.1.3).
        contact_user=carrier.username or (OUR_USER if carrier.privacy else ""),
        carrier=carrier.name,
        session_expires=carrier.session_expires,
        encryption=carrier.encryption,
    )
    key = (gateway.host, gateway.port)
    return Hop(*trunk.place_of(key, routes), placement, key)


def _known(carrier: Carrier) -> Known:
    return Known(
        carrier.name,
        codecs=carrier.offered,
        dtmf=carrier.dtmf,
        session_expires=carrier.session_expires,
        encryption=carrier.encryption,
    )


def _ignore(_accounts: Sequence[Account]) -> None:
    """Tell nobody."""


def _routes(post: Post) -> tuple[str, ...]:
    """Return the Route of a call: the outbound proxy, then what the registrar wants."""
    return (*post.trunk.proxy, *post.service_route)


def _by_host(post: Post, flow: Flow) -> bool:
    return flow.remote[0] in post.networks or _is_at(post, flow.remote)


def _is_at(post: Post, address: Address) -> bool:
    """Tell whether an address is that of a gateway, whatever the port.

    Every program of this machine has the same loopback address: there the port must be the gateway's, too.
    """
    if address[0] in _LOOPBACK:
        return address in post.trunk.addresses
    return any(address[0] == known for known, _ in post.trunk.addresses)


def _is_of(post: Post, host: str) -> bool:
    return host in post.networks or any(host == known for known, _ in post.trunk.addresses)


def _nothing() -> None:
    """Give nothing back: nothing was taken."""
