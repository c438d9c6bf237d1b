"""The switch put together: the only place that knows which engine, socket and store stands behind which port.

Start-up and shutdown are each one function, in order.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from softswitch import clock, logs
from softswitch.agents import Agents
from softswitch.api import guard as guard_api
from softswitch.api import recordings as recordings_api
from softswitch.api import registrations as registrations_api
from softswitch.api import reload as reload_api
from softswitch.api import trunks as trunks_api
from softswitch.api.calls import CallViews
from softswitch.api.health import HealthServer
from softswitch.api.orders import CallOrders
from softswitch.apps.recordings import Recordings
from softswitch.call.cause import Cause
from softswitch.call.leg import Leg, LegId, LegSink
from softswitch.call.offer import Offer
from softswitch.call.onward import ALONE, Onward
from softswitch.call.record import CallRecord
from softswitch.call.targets import is_user
from softswitch.call.user import UserBook
from softswitch.call.who import Who
from softswitch.catalog import Catalog
from softswitch.certificates import peer_tls, server_tls
from softswitch.config import Settings, store_url
from softswitch.errors import ConfigError, Fault, ResourceError
from softswitch.legs.guard import OPEN
from softswitch.legs.public_address import PublicAddress
from softswitch.legs.rtp_media import Patience
from softswitch.legs.signalling import InboundCall
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.stir import Vouching
from softswitch.legs.tolls import Tolls
from softswitch.legs.trunks import Trunks
from softswitch.legs.user_agent import UserAgent
from softswitch.legs.user_agent_settings import UserAgentSettings
from softswitch.metrics import MediaTotals, Sources, measure
from softswitch.net.address import family
from softswitch.net.dns_lookup import DnsSettings
from softswitch.net.fetch import fetch
from softswitch.net.gate import GateSettings
from softswitch.net.loop import raise_open_files
from softswitch.net.resolve import Resolver
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.sip_tls import Made, TlsContexts
from softswitch.net.strain import Strain
from softswitch.net.ticker import Ticker
from softswitch.people import People
from softswitch.providers.registry import Engines, open_engines
from softswitch.reload import Load, Reloader
from softswitch.sdp.protection import Encryption
from softswitch.sip.session_timer import SessionTimerSettings
from softswitch.store.records import CallRecords
from softswitch.store.usage import UsageFile
from softswitch.switchboard import Limits, Script, Switchboard

log = logging.getLogger("softswitch")

#: Objects made and not dropped before the youngest are looked at, and how many such looks make an older one.
GC_THRESHOLDS = (20_000, 20, 20)
#: How long a stopping switch waits for the answers to its last BYEs: three tries over UDP.
RELEASE_SECONDS = 2.0


def our_name(settings: Settings) -> str:
    """Return our name, as peers see it: what the settings say, else the product and its version."""
    if settings.sip.server_name is not None:
        return settings.sip.server_name
    try:
        return f"softswitch/{version('softswitch')}"
    except PackageNotFoundError:
        return "softswitch"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running switch is reached; None: no such port. also: SIP in the other address family. tls: encrypted."""

    sip: tuple[str, int]
    http: tuple[str, int] | None
    also: tuple[str, int] | None = None
    tls: tuple[str, int] | None = None


class App:
    """One switch. `async with App(…)` starts and stops it."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        *,
        on_record: Callable[[CallRecord], None] | None = None,
        serving: bool = True,
        load: Load | None = None,
    ) -> None:
        """on_record: told of every finished call, besides the store. load: reads everything anew, for `reloader`.

        serving: false for a switch that lives for one call: it neither registers with carriers nor checks them. A
        second registration of one account would draw the inbound calls away from the switch that serves them.
        """
        self.settings = settings
        self.catalog = catalog
        self._load: Load = load or (lambda: (settings, catalog))
        self._made: Made | None = None  # certificates that were read, until they are put in force
        self.reloader = Reloader(settings, catalog, self._read_anew, self._apply)
        self.media_totals = MediaTotals()
        self._on_record = on_record
        self._serving = serving
        self._stack = AsyncExitStack()

    # Start and stop ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> "App":
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        """Start everything, in order; what was started is stopped in the opposite order."""
        settings, defer = self.settings, self._stack.push_async_callback
        raise_open_files()
        self.records = CallRecords(settings.data / "calls.jsonl", store_url(settings))
        await self.records.open()
        defer(self.records.close)
        self.recordings = Recordings(settings.recording.for_deck(settings.data))
        defer(self.recordings.close)
        if self._serving:
            self.recordings.start()
        self.engines: Engines = await open_engines(
            settings.speech.stt, settings.speech.tts, workers=settings.speech.workers
        )
        defer(self.engines.close)
        self.ticker = Ticker()
        self.ticker.start()
        self._stack.callback(self.ticker.close)
        self.ports = self._rtp_ports(settings.rtp.address or settings.sip.listen[0])
        self.tls = TlsContexts(server_tls(settings, wall=clock.wall()), peer_tls(self.catalog.carriers))
        self.user_agent = UserAgent(self._user_agent_settings(), self.ports, self._invited, tls=self.tls)
        self.user_agent.guard.strangers.strain = Strain(self.ticker.late_ms, now=clock.now())
        self.user_agent.keyring.prepare()
        second = settings.sip.listen_also
        if second[0]:
            self.user_agent.also[family(second[0])] = self._rtp_ports(second[0])
        self.resolver = Resolver(
            DnsSettings(nameservers=settings.sip.nameservers or None),
            families=self.user_agent.sockets.families,
            tls=lambda: self.user_agent.sockets.listens("TLS"),
        )
        defer(self.resolver.close)
        self.tolls = self._tolls()
        self._open_trunks()
        self.people = self._people()
        agents = self._agents()
        self.switchboard = Switchboard(
            dialplan=self.catalog.dialplan,
            phones=self,
            agents=agents,
            sounds=self.catalog.sound,
            ticks=self.ticker,
            on_record=self._keep,
            limits=self._limits(),
            deck=self.recordings,
        )
        self.switchboard.record_all = settings.recording.all
        agents.attach(self.switchboard)
        defer(self.user_agent.close)
        defer(self.people.close)
        if self._serving:
            await self.people.start()
        self.addresses = await self._listen()
        await self._start_trunks()
        defer(self.reloader.close)
        # Everything made so far lives as long as the process: the collector need never look at it again. A frame
        # makes objects and drops them at once; the collector's defaults would look for cycles 40 times a second.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    def _open_trunks(self) -> None:
        """Make what knows carriers, and whose calls are believed."""
        self.trunks = Trunks(
            self.catalog.carriers, self.user_agent, self.resolver, agent=our_name(self.settings), tolls=self.tolls
        )
        self.trunks.signatures = self.catalog.signatures
        self.vouching = Vouching(lambda name: self.catalog.carrier(name), fetch)
        self._stack.push_async_callback(self.vouching.close)
        self.vouching.adopt(self.catalog.trust)
        self.user_agent.reception.vouch = self.vouching.judge
        self.user_agent.guard.known.append(self.trunks.speaks_from)

    async def _listen(self) -> Addresses:
        """Open every port; return where."""
        sip, agent = self.settings.sip, self.user_agent
        first = await agent.listen(*sip.listen)
        also = await agent.listen(*sip.listen_also) if sip.listen_also[0] else None
        tls = await agent.sockets.listen_tls(*sip.tls.listen) if sip.tls.listen[0] else None
        if sip.tls.listen_also[0]:
            await agent.sockets.listen_tls(*sip.tls.listen_also)
        http = await self._serve_http() if self.settings.http.enabled else None
        return Addresses(first, http, also, tls)

    def _tolls(self) -> Tolls:
        tolls = Tolls(self.settings.toll)
        self._stack.callback(tolls.close)
        if self._serving:
            usage = UsageFile(self.settings.data / "toll.json", tolls.usage)
            usage.load(tolls.restore)
            usage.start()
            self._stack.push_async_callback(usage.close)
        return tolls

    def _people(self) -> People:
        return People(
            self.settings,
            self.catalog.users,
            self.user_agent,
            self.resolver,
            self.trunks,
            store_url=store_url(self.settings),
            opens=lambda query: self.switchboard.dialplan.match(query) is not None,
            on_change=self._users_changed,
        )

    def _rtp_ports(self, host: str) -> RtpPorts:
        ports = RtpPorts(host, *self.settings.rtp.ports, self.settings.rtp.quiet_seconds)
        self._stack.callback(ports.close)
        return ports

    async def _start_trunks(self) -> None:
        """Learn our public address, then tell the carriers where we are: in this order, for they are told that one."""
        if self.settings.sip.stun[0]:
            public = PublicAddress(
                self.settings.sip.stun,
                self.user_agent,
                self.user_agent.sockets.stun,
                self.resolver,
                on_change=self._moved,
            )
            self._stack.push_async_callback(public.close)
            await public.start()
        if self._serving:
            self._stack.push_async_callback(self.trunks.close)
            self.trunks.start()

    def _moved(self) -> None:
        """Tell the registrars where we are now."""
        if self._serving:
            self.trunks.register()

    async def _serve_http(self) -> tuple[str, int]:
        sources = Sources(
            self.switchboard,
            self.user_agent,
            (self.ports, *self.user_agent.also.values()),
            self.ticker,
            self.records,
            self.media_totals,
            self.trunks,
            self.reloader,
            self.vouching,
            self.people,
            self.recordings,
        )
        views = CallViews(self.switchboard, self.user_agent.trace, clock.now, self.settings.observability.private)
        server = HealthServer(
            lambda: not self.switchboard.draining,
            lambda: measure(sources),
            routes=[
                *trunks_api.routes(self.trunks.statuses),
                *registrations_api.routes(self.people.users.statuses, self.people.turned_away),
                *guard_api.routes(self.user_agent.guard),
                *views.routes(),
                *CallOrders(self.switchboard, views).routes(),
                *recordings_api.routes(self.switchboard, views),
                *reload_api.routes(self._reload, self._last_reload),
            ],
        )
        self._stack.push_async_callback(server.close)
        return await server.listen(*self.settings.http.listen)

    # Other files -----------------------------------------------------------------------------------------------------

    def _read_anew(self) -> tuple[Settings, Catalog]:
        """Read every file, in a thread."""
        settings, catalog = self._load()
        if settings.registrar != self.settings.registrar:
            # That needs a restart, and until then passwords are proved in the realm in which they are asked for.
            realm = self.settings.registrar
            catalog = replace(catalog, users=UserBook(settings.users, realm.realm, realm.algorithms))
        # Where we listen stays as it is until a restart.
        ours = self.settings.sip.tls
        tls = settings.sip.tls.model_copy(update={"listen": ours.listen, "listen_also": ours.listen_also})
        sip = settings.sip.model_copy(update={"tls": tls})
        try:
            self._made = self._certificates(
                settings.model_copy(update={"sip": sip, "data": self.settings.data}), catalog
            )
        except ResourceError as error:
            raise ConfigError(Fault("certificates", str(error), "`softswitch check` names the line")) from error
        return settings, catalog

    def _apply(self, settings: Settings, catalog: Catalog) -> Iterable[str]:
        """Put in force what was read: for calls that begin from now on. Nothing here waits, and nothing may fail."""
        renewed = self.tls.put(self._made) if self._made is not None else ()
        self.settings, self.catalog = settings, catalog
        agents = self._agents()
        agents.attach(self.switchboard)
        self.switchboard.script = Script(catalog.dialplan, agents, catalog.sound)
        self.switchboard.limits = self._limits()
        self.switchboard.record_all = settings.recording.all
        self.recordings.settings = settings.recording.for_deck(settings.data)
        self.user_agent.adopt(self._user_agent_settings())
        self.vouching.adopt(catalog.trust)
        self.tolls.toll.adopt(settings.toll)
        self.trunks.signatures = catalog.signatures
        again = [f"{name} registers once more" for name in self.trunks.replace(catalog.carriers)]
        self.people.replace(catalog.users)
        self.people.reread()
        self._users_changed(self.people.users.book)
        logs.set_level(settings.observability.level)
        return [*(f"certificate {path} is another one" for path in renewed), *again]

    async def _reload(self) -> dict[str, Any]:
        return (await asyncio.shield(self.reloader.ask())).as_json()

    def _last_reload(self) -> dict[str, Any] | None:
        return self.reloader.last.as_json() if self.reloader.last is not None else None

    def _agents(self) -> Agents:
        return Agents(self.catalog, self.engines.ears, self.engines.voice, self.settings.speech.language)

    def _limits(self) -> Limits:
        limits = self.settings.limits
        return Limits(limits.max_calls, limits.max_call_seconds, self.settings.observability.recent_calls)

    async def reload_certificates(self) -> None:
        """Read every certificate and key anew; connections that stand keep theirs, new ones have the new.

        Raises ResourceError with a sentence where a file is no good; then everything stays as it was.
        """
        self.tls.put(await asyncio.to_thread(self._certificates, self.settings, self.catalog))

    def _certificates(self, settings: Settings, catalog: Catalog) -> Made:
        """Read certificates and keys; in a thread, for it takes milliseconds, and more where authorities are many."""
        return TlsContexts.make(server_tls(settings, wall=clock.wall()), peer_tls(catalog.carriers))

    async def drain(self) -> None:
        """Take no new calls and wait for the running ones, as long as the limits allow."""
        self.user_agent.reception.draining = self.switchboard.draining = True
        self.reloader.refuse("the switch is stopping, and reads no files any more")
        await self.trunks.leave()  # carriers send no more calls to who is not registered
        await self.switchboard.drain(self.settings.limits.drain_seconds)

    async def release(self) -> None:
        """End what is still up, and let the last messages out: a BYE deserves its answer, within reason."""
        for call, _parties in list(self.switchboard.calls()):
            self.switchboard.hang_up(call.id, Cause.SHUTTING_DOWN)
        await self.user_agent.settled(RELEASE_SECONDS)

    def _user_agent_settings(self) -> UserAgentSettings:
        sip, rtp = self.settings.sip, self.settings.rtp
        return UserAgentSettings(
            agent=our_name(self.settings),
            public=(sip.public_address, 0) if sip.public_address else None,
            trusted=sip.trusted,
            patience=Patience(rtp.first_media_timeout or rtp.media_timeout, rtp.media_timeout),
            reports=rtp.rtcp,
            session_timer=SessionTimerSettings(sip.session_expires, sip.min_se),
            guard=self._gate_settings(),
            encryption=Encryption(rtp.srtp),
            comfort_noise=rtp.comfort_noise or rtp.silence == "comfort_noise",
            silence=rtp.silence,
            trace_mib=self.settings.observability.trace_mib,
        )

    def _gate_settings(self) -> GateSettings:
        guard = self.settings.guard
        if not guard.enabled:
            return OPEN
        return GateSettings(trusted=self.settings.sip.trusted, **guard.model_dump(exclude={"enabled"}))

    # What the switchboard asks for (`switchboard.Phones`) ------------------------------------------------------------

    def place(
        self,
        leg: LegId,
        target: str,
        *,
        caller_id: str,
        carrier: str,
        sink: LegSink,
        hops: int,
        who: Who,
        headers: tuple[tuple[str, str], ...] = (),
        onward: Onward = ALONE,
    ) -> Leg:
        """Call a user, a SIP URI, or a number over a carrier. Raises ResourceError with a sentence."""
        if is_user(target, carrier, self.people.users.book):
            return self.people.users.place(
                leg, target, caller_id=caller_id, sink=sink, hops=hops, who=who, headers=(*onward.lines, *headers)
            )
        return self.trunks.place(
            leg,
            target,
            caller_id=caller_id,
            carrier=carrier,
            sink=sink,
            hops=hops,
            who=who,
            headers=headers,
            onward=onward,
        )

    def trusts(self, host: str) -> bool:
        """Tell whether the word of whoever speaks from there is believed."""
        return self.user_agent.callers.trusts_host(host)

    def ours(self, host: str) -> bool:
        """Tell whether this is a name of ours."""
        return self.people.is_name(host)

    def written_for(self, carrier: str, number: str) -> str:
        """Return a number in the form that a carrier wants, empty where it cannot be called there."""
        return self.trunks.written_for(carrier, number)

    def check_target(self, target: str, carrier: str) -> str:
        """Return the carrier of a call to `target`, empty for none; ResourceError where it could not even be tried."""
        if is_user(target, carrier, self.people.users.book):
            return ""
        return self.trunks.check(target, carrier)

    def _users_changed(self, book: UserBook) -> None:
        """Let whoever dials one of these users reach it; before the first call there is no other dialplan."""
        self.catalog.dialplan.users = book

    # What the user agent and the switchboard tell -----------------------------------------------------------------

    def _invited(self, inbound: InboundCall, make: Callable[[LegSink], SipLeg]) -> None:
        refusal, made, give_back = self.trunks.admit(inbound.carrier, make)
        offer = Offer(
            inbound.leg,
            self.trunks.called(inbound),
            inbound.caller,
            inbound.trusted,
            inbound.refusal or refusal,
            carrier=inbound.carrier,
            uri=inbound.uri,
            hops=inbound.hops,
            user=inbound.user,
            replaces=inbound.replaces,
            verdict=inbound.verdict,
            diversions=inbound.diversions,
        )
        try:
            self.switchboard.offered(offer, made)
        except Exception:
            give_back()  # the leg may never have been asked for, and then nobody tells of its end
            raise

    def _keep(self, record: CallRecord) -> None:
        self.records.put(record)
        self.media_totals.add(record)
        if self._on_record is not None:
            self._on_record(record)
