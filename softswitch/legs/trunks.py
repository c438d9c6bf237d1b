"""All carriers at work: places calls over them, knows which inbound calls are theirs, and starts and stops them."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from softswitch import clock
from softswitch.call.carrier import Carrier
from softswitch.call.cause import Cause
from softswitch.call.leg import Ended, Leg, LegEvent, LegId, LegSink
from softswitch.call.routing import Gateway, Route, direct_uri, is_uri, route
from softswitch.errors import ResourceError
from softswitch.legs.callers import MAX_FORWARDS
from softswitch.legs.health import Watch
from softswitch.legs.registrar import KeepAlive, Registrant
from softswitch.legs.signalling import InboundCall, Known, Placement
from softswitch.legs.trunk import CallSlot, Trunk, TrunkStatus
from softswitch.legs.trunk_leg import Hop, Resolves, TrunkLeg, Way
from softswitch.legs.user_agent import UserAgent
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request
from softswitch.sip.registration import RegistrationSettings
from softswitch.sip.uri import Uri

log = logging.getLogger("softswitch.trunks")

#: What a SIP URI without a carrier is offered.
URI_CODECS = ("PCMU", "PCMA")
#: How long a bare SIP URI may say nothing before its next address is tried.
URI_TRY_SECONDS = 4.0
#: The user in our Contact where no account gives another.
OUR_USER = "softswitch"


class Trunks:
    """The carriers of `carriers.yaml`, at work."""

    def __init__(
        self,
        carriers: Sequence[Carrier],
        user_agent: UserAgent,
        resolver: Resolves,
        *,
        agent: str = "",
        random: Callable[[], float] = clock.fraction,
        token: clock.Token = clock.token,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """agent: our name, for registrars. random: numbers from 0 up to 1, without 1."""
        self._agent = agent
        self._carriers = carriers
        self._user_agent = user_agent
        self._resolver = resolver
        self._random = random
        self._now = now
        self._trunks = {carrier.name: Trunk(carrier, token=token) for carrier in carriers}
        self._watches = [
            Watch(trunk, user_agent, resolver, random=random, token=token) for trunk in self._trunks.values()
        ]
        self._registrants = {
            name: self._registrant(trunk, token) for name, trunk in self._trunks.items() if trunk.carrier.registers
        }
        for name, registrant in self._registrants.items():
            self._trunks[name].on_return = registrant.renew
        self._left = False
        self._networks = {carrier.name: [ipaddress.ip_network(text) for text in carrier.allow] for carrier in carriers}

    def start(self) -> None:
        """Register, and watch the gateways; the sockets must be open."""
        for watch in self._watches:
            watch.start()
        self.register()

    def register(self) -> None:
        """Register every account now: at the start, and when our address is another one."""
        for registrant in self._registrants.values():
            registrant.start()

    async def leave(self) -> None:
        """Take every registration back, all at once and within a limit, so that no more calls are sent to us."""
        registrants, self._left = ({} if self._left else self._registrants), True
        await asyncio.gather(*(registrant.close() for registrant in registrants.values()))

    async def close(self) -> None:
        """Take the registrations back, and stop watching."""
        await self.leave()
        # A leave that was cut short by a second SIGTERM has left timers behind; what is closed already stays so.
        await asyncio.gather(*(registrant.close(0.0) for registrant in self._registrants.values()))
        await asyncio.gather(*(watch.close() for watch in self._watches))

    def statuses(self) -> Iterator[TrunkStatus]:
        """Yield what operators see of each carrier, in the order of `carriers.yaml`."""
        for name, trunk in self._trunks.items():
            registrant = self._registrants.get(name)
            yield trunk.status(registrant.status() if registrant is not None else None, now=self._now())

    def _registrant(self, trunk: Trunk, token: clock.Token) -> Registrant:
        carrier = trunk.carrier
        host = carrier.host or carrier.all_gateways[0].host
        settings = RegistrationSettings(
            registrar=Uri.of(None, host, carrier.port if carrier.host else carrier.all_gateways[0].port),
            address=Uri.of(carrier.username, carrier.from_domain or host),
            username=carrier.login,
            realm=carrier.realm,
            expires=carrier.expires,
            routes=trunk.proxy,
            headers=(("User-Agent", self._agent),) if self._agent else (),
            try_seconds=carrier.try_seconds,
        )
        return Registrant(
            settings,
            self._user_agent,
            partial(self._registrars, trunk),
            name=carrier.name,
            auth=trunk.auth,
            contact_user=carrier.username,
            keep_alive=KeepAlive() if carrier.keep_alive == "crlf" else None,
            token=token,
            random=self._random,
        )

    async def _registrars(self, trunk: Trunk) -> list[tuple[str, str, int]]:
        """Return where the registrar may be: the proxy; else the carrier's host, then its gateways by priority."""
        carrier = trunk.carrier
        gateways = sorted(carrier.all_gateways, key=lambda gateway: gateway.priority)
        keys = [(carrier.host, carrier.port)] if carrier.host else []
        keys.extend((gateway.host, gateway.port) for gateway in gateways)
        found: list[tuple[str, str, int]] = []
        failed: ResourceError | None = None
        for place in dict.fromkeys(trunk.place_of(key, trunk.proxy) for key in keys):
            try:
                targets = await self._resolver.resolve(*place)
            except ResourceError as error:
                failed = failed or error
                continue
            found.extend((transport.upper(), host, port) for transport, host, port in targets)
        if failed is not None and not found:
            raise failed
        return found

    # Calls of ours -------------------------------------------------------------------------------------------------

    def check(self, target: str, carrier: str) -> str:
        """Return the carrier that a call to `target` would go by, empty for a SIP URI.

        Raises ResourceError with a sentence where it could not even be tried.
        """
        if is_uri(target):
            direct_uri(target)
            return ""
        return self._route(target, "", carrier).carrier.name

    def place(
        self, leg: LegId, target: str, *, caller_id: str, carrier: str, sink: LegSink, hops: int = MAX_FORWARDS
    ) -> Leg:
        """Call a SIP URI, or a number over a carrier. Raises ResourceError with a sentence where that makes no sense.

        What goes wrong afterwards (the carrier carries too many calls, no gateway answers) ends the leg with a cause.
        """
        way = self._to_uri(target, caller_id) if is_uri(target) else self._over(target, caller_id, carrier)
        return TrunkLeg(leg, replace(way, max_forwards=hops), self._user_agent, self._resolver, sink)

    def _route(self, number: str, caller_id: str, carrier: str) -> Route:
        down = [one for trunk in self._trunks.values() for one in trunk.down()]
        return route(number, self._carriers, carrier=carrier, caller_id=caller_id, down=down, random=self._random)

    def _over(self, number: str, caller_id: str, carrier: str) -> Way:
        found = self._route(number, caller_id, carrier)
        trunk = self._trunks[found.carrier.name]
        slot = trunk.take_outbound(now=self._now())
        if isinstance(slot, str):
            return Way((), carrier=trunk.name, refused=Cause.CONGESTION.because(slot))

        def happened(hop: Hop, status: int, why: str) -> None:
            if status:
                trunk.answered(hop.gateway, status)
            else:
                trunk.failed(hop.gateway, why)

        return Way(
            tuple(_hop(found, gateway, trunk, self._routes(trunk)) for gateway in found.gateways),
            name=f"carrier {trunk.name}",
            carrier=trunk.name,
            try_seconds=trunk.carrier.try_seconds,
            on_over=slot.give_back,
            on_outcome=happened,
        )

    def _routes(self, trunk: Trunk) -> tuple[str, ...]:
        """Return the Route of a call: the outbound proxy, then what the registrar wants (RFC 3608 section 6.1)."""
        registrant = self._registrants.get(trunk.name)
        return (*trunk.proxy, *(registrant.status().service_route if registrant is not None else ()))

    @staticmethod
    def _to_uri(target: str, caller_id: str) -> Way:
        uri = direct_uri(target)
        transport = (uri.param("transport") or "").lower() or None
        placement = Placement(uri.without_headers(), caller_id, "", "", 0, URI_CODECS)
        return Way((Hop(uri.host, uri.port, transport, placement),), try_seconds=URI_TRY_SECONDS)

    # Calls of theirs -----------------------------------------------------------------------------------------------

    def identify(self, request: Request, flow: Flow) -> Known | None:
        """Return which carrier an INVITE comes from; None: from nobody we know."""
        trunk = self._sender(request, flow)
        if trunk is None:
            return None
        carrier = trunk.carrier
        return Known(carrier.name, codecs=carrier.offered, dtmf=carrier.dtmf, session_expires=carrier.session_expires)

    def _sender(self, request: Request, flow: Flow) -> Trunk | None:
        """Find the carrier by where the INVITE comes from: a gateway's very address, its host, a network of `allow`."""
        line = request.uri.param("line")
        if line:
            for name, registrant in self._registrants.items():
                if registrant.line == line:  # unguessable: whoever has it, has it from the registrar
                    return self._trunks[name]
        exact = [trunk for trunk in self._trunks.values() if flow.remote in trunk.addresses]
        return self._of_account(
            exact or [trunk for trunk in self._trunks.values() if self._by_host(trunk, flow)], request
        )

    def _by_host(self, trunk: Trunk, flow: Flow) -> bool:
        try:
            source = ipaddress.ip_address(flow.remote[0].partition("%")[0])
        except ValueError:
            return False
        if any(source in network for network in self._networks[trunk.name]):
            return True
        # Every program of this machine has the same loopback address: there the port must be the gateway's, too.
        return not source.is_loopback and any(host == flow.remote[0] for host, _ in trunk.addresses)

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
        trunk = self._trunks.get(inbound.carrier)
        if trunk is None or not inbound.to_user:
            return inbound.number
        ours = inbound.number in ("", OUR_USER, trunk.carrier.username)
        return inbound.to_user if ours else inbound.number

    def admit(
        self, carrier: str, make: Callable[[LegSink], Leg]
    ) -> tuple[Cause | None, Callable[[LegSink], Leg], Callable[[], None]]:
        """Give an inbound call of a carrier its slot, which comes back with the leg's `Ended`.

        Return why it must be refused (None: it may be taken), what makes the leg instead of `make`, and what gives the
        slot back where no leg is ever made.
        """
        trunk = self._trunks.get(carrier)
        slot = trunk.take_slot() if trunk is not None else CallSlot(None)
        if isinstance(slot, str):
            return Cause.CONGESTION.because(slot), make, _nothing

        def made(sink: LegSink) -> Leg:
            def report(leg: Leg, event: LegEvent) -> None:
                if isinstance(event, Ended):
                    slot.give_back()
                sink(leg, event)

            return make(report)

        return None, made, slot.give_back


def _hop(found: Route, gateway: Gateway, trunk: Trunk, routes: tuple[str, ...]) -> Hop:
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
        headers=found.identity,
        routes=routes,
        auth=trunk.auth,
        dtmf=carrier.dtmf,
        late_offer=carrier.late_offer,
        # Whoever hides his number must not show it in Contact (RFC 3323 section 4.1.1.3).
        contact_user=carrier.username or (OUR_USER if carrier.privacy else ""),
        carrier=carrier.name,
        session_expires=carrier.session_expires,
    )
    key = (gateway.host, gateway.port)
    return Hop(*trunk.place_of(key, routes), placement, key)


def _nothing() -> None:
    """Give nothing back: nothing was taken."""
