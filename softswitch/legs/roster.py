"""Which carriers there are, and who looks after each: the watch over its gateways, and its registration.

The list may be replaced while calls are up. No call notices: its legs hold what they need of their carrier, and the
count of its calls outlives the entry.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from softswitch import clock
from softswitch.call.carrier import Carrier
from softswitch.errors import ResourceError
from softswitch.legs.health import Watch
from softswitch.legs.registrar import KeepAlive, Registrant
from softswitch.legs.trunk import IN_VAIN, Trunk, TrunkStatus, only_manners_differ
from softswitch.legs.trunk_leg import Resolves
from softswitch.legs.user_agent import UserAgent
from softswitch.net.networks import Networks
from softswitch.sip.registration import RegistrationSettings
from softswitch.sip.rota import Target
from softswitch.sip.uri import Uri

log = logging.getLogger("softswitch.trunks")


@dataclass(slots=True)
class Post:
    """One carrier and who looks after it. registrant: None where it has no registration. networks: of `allow`."""

    trunk: Trunk
    watch: Watch
    registrant: Registrant | None
    networks: Networks

    @property
    def line(self) -> str:
        """The `line` parameter by which calls of its registrar are known; empty where it has none."""
        return self.registrant.line if self.registrant is not None else ""

    @property
    def service_route(self) -> tuple[str, ...]:
        """The Route that its registrar wants of calls (RFC 3608 section 6.1)."""
        return self.registrant.status().service_route if self.registrant is not None else ()

    def status(self, *, now: float) -> TrunkStatus:
        """Return what operators see of it."""
        return self.trunk.status(self.registrant.status() if self.registrant is not None else None, now=now)


class Roster:
    """The carriers of `carriers.yaml` by name, in its order."""

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
        self._user_agent = user_agent
        self._resolver = resolver
        self._random = random
        self._token = token
        self._now = now
        self._started = self._left = False
        self._advised: set[str] = set()
        self._posts: dict[str, Post] = {}
        #: Carriers that are no more, whose calls go on.
        self._removed: dict[str, Trunk] = {}
        #: Posts given up, until their registration is taken back: the last such task of each name.
        self._retiring: dict[str, asyncio.Task[None]] = {}
        self.replace(carriers)

    # Who there is --------------------------------------------------------------------------------------------------

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        """The entries, in their order."""
        return tuple(post.trunk.carrier for post in self._posts.values())

    def posts(self) -> Iterator[Post]:
        """Yield the carriers with those who look after them, in their order."""
        yield from self._posts.values()

    def post(self, name: str) -> Post | None:
        """Return a carrier by its name, None where there is none."""
        return self._posts.get(name)

    def statuses(self) -> Iterator[TrunkStatus]:
        """Yield what operators see of each carrier, in their order, then of those that are no more but have calls."""
        now = self._now()
        for post in self._posts.values():
            yield post.status(now=now)
        self._removed = {name: trunk for name, trunk in self._removed.items() if trunk.calls}
        for trunk in self._removed.values():
            yield replace(trunk.status(None, now=now), state="removed")

    # Start and stop ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Register, and watch the gateways; the sockets must be open."""
        self._started = True
        self._advise()
        for post in self._posts.values():
            post.watch.start()
        self.register()

    def register(self) -> None:
        """Register every account now: at the start, and when our address is another one."""
        for name in self._posts:
            self._register(name)

    def _register(self, name: str) -> None:
        """Register one account; not while its old binding is being taken back, for then it follows by itself."""
        post = self._posts.get(name)
        if post is not None and post.registrant is not None and not self._left and name not in self._retiring:
            post.registrant.start()

    async def leave(self) -> None:
        """Take every registration back, all at once and within a limit, so that no more calls are sent to us."""
        registrants, self._left = ([] if self._left else self._registrants()), True
        await asyncio.gather(*(registrant.close() for registrant in registrants))
        if self._retiring:
            await asyncio.wait(self._retiring.values())

    async def close(self) -> None:
        """Take the registrations back, and stop watching."""
        await self.leave()
        # A leave that was cut short by a second SIGTERM has left timers behind; what is closed already stays so.
        await asyncio.gather(*(registrant.close(0.0) for registrant in self._registrants()))
        await asyncio.gather(*(post.watch.close() for post in self._posts.values()))

    def _registrants(self) -> list[Registrant]:
        return [post.registrant for post in self._posts.values() if post.registrant is not None]

    # Another list --------------------------------------------------------------------------------------------------

    def replace(self, carriers: Sequence[Carrier]) -> list[str]:
        """Serve by these carriers from now on; return whose registration, which had failed, is tried once more.

        An entry that is as it was keeps its registration and what is known of its gateways, and so does one of which
        only the manners changed. Of any other the old binding is taken back before the new one is asked for: a
        registrar that takes one contact for each account would refuse a second. Whoever lets everything be read anew
        has done something about what was wrong, here or at the registrar, and does not want to wait for hours.
        """
        old, posts = self._posts, dict[str, Post]()
        for name in old.keys() - {carrier.name for carrier in carriers}:
            self._removed[name] = old[name].trunk
            self._retire(name, old[name])
        for carrier in carriers:
            post = old.get(carrier.name)
            if post is not None and post.trunk.carrier != carrier:
                if only_manners_differ(post.trunk.carrier, carrier):
                    post.trunk.adopt(carrier)
                    post.networks = Networks(carrier.allow)
                else:
                    self._retire(carrier.name, post)
                    post = None
            posts[carrier.name] = post or self._post(carrier)
        self._posts = posts
        again: list[str] = []
        if self._started:
            self._advise()
            for name, post in posts.items():
                if post is not old.get(name):
                    post.watch.start()
                    self._register(name)
                elif post.registrant is not None and post.registrant.state in IN_VAIN:
                    self._register(name)
                    again.append(name)
        return again

    def _advise(self) -> None:
        """Say once what had better be written otherwise."""
        for carrier in self.carriers:
            for sentence in carrier.advice:
                if sentence not in self._advised:
                    self._advised.add(sentence)
                    log.warning("%s", sentence)

    def _post(self, carrier: Carrier) -> Post:
        before = self._posts.get(carrier.name)
        was = before.trunk if before is not None else self._removed.pop(carrier.name, None)
        trunk = Trunk(carrier, slots=was.slots if was is not None else None, token=self._token)
        watch = Watch(trunk, self._user_agent, self._resolver, random=self._random, token=self._token)
        registrant = self._registrant(trunk) if carrier.registers else None
        if registrant is not None:
            trunk.on_return = registrant.renew
        return Post(trunk, watch, registrant, Networks(carrier.allow))

    def _retire(self, name: str, post: Post) -> None:
        """Stop looking after a carrier and take its registration back, after what was begun before under its name."""
        work = self._retired(name, post, self._retiring.get(name))
        self._retiring[name] = asyncio.get_running_loop().create_task(work, name=f"retire {name}")

    async def _retired(self, name: str, post: Post, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        await post.watch.close()
        if post.registrant is not None:
            await post.registrant.close()
        if self._retiring.get(name) is asyncio.current_task():
            del self._retiring[name]
            if self._started:
                self._register(name)

    def _registrant(self, trunk: Trunk) -> Registrant:
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
        hosts: dict[Target, str] = {}
        return Registrant(
            settings,
            self._user_agent,
            partial(self._registrars, trunk, hosts),
            name=carrier.name,
            host_of=lambda target: hosts.get(target, host),
            auth=trunk.auth,
            contact_user=carrier.username,
            keep_alive=KeepAlive() if carrier.keep_alive == "crlf" else None,
            token=self._token,
            random=self._random,
        )

    async def _registrars(self, trunk: Trunk, hosts: dict[Target, str]) -> list[Target]:
        """Return where the registrar may be: the proxy; else the carrier's host, then its gateways by priority.

        hosts: takes down for which host each address was found.
        """
        carrier = trunk.carrier
        gateways = sorted(carrier.all_gateways, key=lambda gateway: gateway.priority)
        keys = [(carrier.host, carrier.port)] if carrier.host else []
        keys.extend((gateway.host, gateway.port) for gateway in gateways)
        found: list[Target] = []
        hosts.clear()
        failed: ResourceError | None = None
        for place in dict.fromkeys(trunk.place_of(key, trunk.proxy) for key in keys):
            try:
                targets = await self._resolver.resolve(*place)
            except ResourceError as error:
                failed = failed or error
                continue
            at = [(transport.upper(), host, port) for transport, host, port in targets]
            found.extend(at)
            for target in at:
                hosts.setdefault(target, place.host)
        if failed is not None and not found:
            raise failed
        return found
