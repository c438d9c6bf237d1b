"""A switch with users on loopback, and their telephones."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from softswitch.call.carrier import Carrier
from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.call.leg import Leg, LegId, LegSink
from softswitch.call.offer import Offer
from softswitch.call.record import CallRecord
from softswitch.call.user import UserBook
from softswitch.call.who import Who
from softswitch.config import Settings
from softswitch.document import parse
from softswitch.legs.signalling import InboundCall
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.trunks import Trunks
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.net import loop
from softswitch.net.dns_lookup import DnsSettings
from softswitch.net.resolve import Resolver
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.ticker import Ticker
from softswitch.people import People
from softswitch.sip.admission import CoreSettings
from softswitch.sip.transaction import TimerSettings
from softswitch.switchboard import Limits, Switchboard
from tests.live.legs.conftest import NoAgents, _no_sound
from tests.live.peers.collector import without_collector
from tests.live.peers.telephone import Telephone

LIMIT_SECONDS = 20.0
#: 64*T1 is 0.64 s.
TIMERS = TimerSettings(t1=0.01, t2=0.08, t4=0.1)
LOOPBACK = ("127.0.0.0/8",)

RULES = """
rules:
  - {number: '600', strangers: true, steps: [answer, echo]}
  - {number: '601', strangers: false, steps: [answer, echo]}
  - {number: '_1XX', strangers: false, steps: [dial: {to: 'user:{to}', seconds: 5}]}
  - {number: '_0.', strangers: false, steps: [dial: {to: '{to}', seconds: 5}]}
"""


class UsersRig:
    """The switch of one test, with its users."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.telephones: list[Telephone] = []
        self.inbound: list[InboundCall] = []
        self.placed: list[tuple[str, Who]] = []

    async def open(
        self,
        *users: dict[str, Any],
        registrar: dict[str, Any] | None = None,
        carriers: Sequence[dict[str, Any]] = (),
        trusted: Sequence[str] = (),
        rules: str = RULES,
        port: int = 0,
        store_url: str = "",
    ) -> People:
        """Start the switch. trusted: nobody, unless it is said: loopback counts as the Internet here."""
        settings = Settings.model_validate({"users": list(users), "registrar": registrar or {}})
        self.ticker = Ticker()
        self.ticker.start()
        self.ports = RtpPorts("127.0.0.1", 44000, 44999, 0.0)
        self.user_agent = UserAgent(
            UserAgentSettings(agent="test", core=CoreSettings(timers=TIMERS), trusted=tuple(trusted)),
            self.ports,
            self._invited,
        )
        self.resolver = Resolver(DnsSettings((), hosts=None), families=self.user_agent.sockets.families)
        entries = [{"health_seconds": 0, "try_seconds": 0.3, **entry} for entry in carriers]
        self.trunks = Trunks([Carrier.model_validate(one) for one in entries], self.user_agent, self.resolver)
        self.people = People(
            settings,
            UserBook(settings.users, settings.registrar.realm, settings.registrar.algorithms),
            self.user_agent,
            self.resolver,
            self.trunks,
            store_url=store_url,
            opens=lambda query: self.switchboard.dialplan.match(query) is not None,
            on_change=lambda book: None,
        )
        self.switchboard = Switchboard(
            dialplan=Dialplan(load_rules(parse(Path("plan.yaml"), rules))),
            phones=self,
            agents=NoAgents(),
            sounds=_no_sound,
            ticks=self.ticker,
            on_record=self.records.append,
            limits=Limits(max_calls=100),
        )
        await self.people.start()
        self.sip = await self.user_agent.listen("127.0.0.1", port)
        return self.people

    async def telephone(
        self,
        name: str = "alice",
        password: str = "open sesame",
        *,
        transport: str = "UDP",
        host: str = "",
        rings: Sequence[int] = (180, 200),
    ) -> Telephone:
        """Open a telephone. host: what it takes for its own address, behind a NAT."""
        made = Telephone(self, name, password, host=host, rings=rings)
        self.telephones.append(made)
        await made.open(transport)
        return made

    async def close(self) -> None:
        for call, _ in self.switchboard.calls():
            self.switchboard.hang_up(call.id)
        await self.trunks.close()
        await self.people.close()
        for telephone in self.telephones:
            await telephone.close()
        await self.user_agent.close()
        await self.resolver.close()
        self.ports.close()
        self.ticker.close()

    # What the switchboard asks for

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
        headers: Any,
        onward: Any,
    ) -> Leg:
        self.placed.append((target, who))
        if target.startswith("user:"):
            return self.people.users.place(
                leg, target, caller_id=caller_id, sink=sink, hops=hops, who=who, headers=headers
            )
        return self.trunks.place(
            leg, target, caller_id=caller_id, carrier=carrier, sink=sink, hops=hops, who=who, headers=headers
        )

    def trusts(self, host: str) -> bool:
        return self.user_agent.callers.trusts_host(host)

    def ours(self, host: str) -> bool:
        return self.people.is_name(host)

    def written_for(self, carrier: str, number: str) -> str:
        return self.trunks.written_for(carrier, number)

    def _invited(self, inbound: InboundCall, make: Callable[[LegSink], SipLeg]) -> None:
        self.inbound.append(inbound)
        offer = Offer(
            inbound.leg,
            inbound.number,
            inbound.caller,
            inbound.trusted,
            inbound.refusal,
            carrier=inbound.carrier,
            user=inbound.user,
            uri=inbound.uri,
            hops=inbound.hops,
            replaces=inbound.replaces,
        )
        self.switchboard.offered(offer, make)

    # What tests do

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something is true, five seconds at most, and return it."""
        async with asyncio.timeout(5):
            while not (found := condition()):  # noqa: ASYNC110 - what is watched knows no events
                await asyncio.sleep(0.01)
        return found

    async def record(self, number: int = 1) -> CallRecord:
        """Wait until so many calls are over, return the last one's record."""
        await self.until(lambda: len(self.records) >= number)
        return self.records[-1]

    @property
    def left(self) -> dict[str, int]:
        return {
            "calls": self.switchboard.active,
            "legs": self.user_agent.legs,
            "dialogs": len(self.user_agent._dialogs),
            "ports": len(self.ports._open),
            "seats": self.ticker.seats,
        }

    async def nothing_left(self) -> None:
        try:
            await self.until(lambda: not any(self.left.values()))
        except TimeoutError:
            raise AssertionError(f"left behind: {self.left}") from None


Story = Callable[[UsersRig], Awaitable[None]]


@pytest.fixture
def play(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., None]]:
    """Run a story; the switch must end with no call held, nothing raised, no task left."""

    def run(story: Story) -> None:
        complaints: list[dict[str, object]] = []

        async def main() -> None:
            rig = UsersRig()
            try:
                async with asyncio.timeout(LIMIT_SECONDS):
                    await story(rig)
                    await rig.nothing_left()
                    left = leavings()
                    assert not left, f"left to the collector: {left}"
            finally:
                await rig.close()
            await asyncio.sleep(0)
            assert {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}} == set()

        with without_collector() as leavings, asyncio.Runner(loop_factory=loop.new_loop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
            runner.run(main())
        gc.collect()
        assert complaints == []
        assert [record.getMessage() for record in caplog.records if record.exc_info] == []

    with caplog.at_level(logging.INFO):
        yield run
