"""A real user agent and switchboard on loopback, with short timers; the peer is a bare UDP socket."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from softswitch.audio.frame import Frame
from softswitch.call.call import Call
from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.call.leg import Leg, LegId, LegSink
from softswitch.call.offer import Offer
from softswitch.call.record import CallRecord
from softswitch.call.who import Who
from softswitch.document import parse
from softswitch.errors import ResourceError
from softswitch.legs.signalling import InboundCall, Placement
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.net import loop
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.ticker import Ticker
from softswitch.sip.admission import CoreSettings
from softswitch.sip.session_timer import SessionTimerSettings
from softswitch.sip.transaction import TimerSettings
from softswitch.sip.uri import Uri
from softswitch.switchboard import Limits, Switchboard
from tests.live.peers.bare_peer import Peer
from tests.live.peers.collector import without_collector

LIMIT_SECONDS = 20.0
#: 64*T1 is 0.64 s: what waits for that long is over within a second.
TIMERS = TimerSettings(t1=0.01, t2=0.08, t4=0.1)
#: Shorter than RFC 4028 allows: a refresh after a second, an end a little before the second one.
SESSION = SessionTimerSettings(expires=3, min_se=2)
RULES = """
rules:
  - {number: '600', steps: [answer, echo]}
  - {number: '601', steps: [ring: 30]}
  - {number: '602', steps: [progress, wait: 30]}
  - {number: '603', steps: [answer, agent: nobody]}
  - {number: '604', steps: [answer, send_digits: '12', hangup]}
  - {number: '605', steps: [answer, play: missing.wav]}
  - {number: '606', steps: [progress: {reliable: true}, wait: 0.1, answer, echo]}
  - {number: '607', steps: [answer, read_digits: {into: keys, max: 4, between: 2}, hangup]}
  - {number: '608', steps: [ring: 0.05, answer, echo]}
  - {number: '_9.', strip: 1, steps: [dial: {to: 'sip:x@PEER', seconds: 5}]}
"""


class NoAgents:
    """Whoever wants an AI gets the sentence that there is none."""

    def open(self, leg: LegId, call: Call, *, flow: str, text: str, sink: LegSink) -> Leg:
        raise ResourceError("no speech engine is there")


class Rig:
    """The switch of one test. sip: where it listens. records: of the calls that are over."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.sip = ("", 0)
        self.peer = Peer(self)
        #: Values for the next call that is placed, such as `dtmf="info"`.
        self.placing: dict[str, Any] = {}

    async def open(self, *, max_calls: int = 100, vigil: float = 300.0) -> None:
        self.ticker = Ticker()
        self.ticker.start()
        self.ports = RtpPorts("127.0.0.1", 42000, 42999, 0.0)
        core = CoreSettings(timers=TIMERS)
        settings = UserAgentSettings(
            agent="test", core=core, session_timer=SESSION, vigil=vigil, trusted=("127.0.0.0/8",)
        )
        self.user_agent = UserAgent(settings, self.ports, self._invited)
        text = RULES.replace("PEER", f"127.0.0.1:{self.peer.port}")
        self.switchboard = Switchboard(
            dialplan=Dialplan(load_rules(parse(Path("plan.yaml"), text))),
            phones=self,
            agents=NoAgents(),
            sounds=_no_sound,
            ticks=self.ticker,
            on_record=self.records.append,
            limits=Limits(max_calls=max_calls),
        )
        self.sip = await self.user_agent.listen("127.0.0.1", 0)

    async def close(self) -> None:
        self.peer.close()
        for call, _ in self.switchboard.calls():
            self.switchboard.hang_up(call.id)
        await self.user_agent.close()
        self.ports.close()
        self.ticker.close()

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
        uri = Uri.parse(target)
        more = {"hops": hops, "headers": headers} | self.placing
        placement = Placement(uri, caller_id, "udp", uri.host, uri.port or 5060, ("PCMU", "PCMA"), **more)
        return self.user_agent.place(leg, placement, sink)

    def trusts(self, host: str) -> bool:
        return self.user_agent.callers.trusts_host(host)

    def ours(self, host: str) -> bool:
        return host == "localhost"

    def written_for(self, carrier: str, number: str) -> str:
        return number

    def _invited(self, inbound: InboundCall, make: Callable[[LegSink], SipLeg]) -> None:
        offer = Offer(
            inbound.leg,
            inbound.number,
            inbound.caller,
            inbound.trusted,
            inbound.refusal,
            inbound.carrier,
            inbound.uri,
            inbound.hops,
            replaces=inbound.replaces,
        )
        self.switchboard.offered(offer, make)

    @property
    def left(self) -> dict[str, int]:
        """What is still held; all zero when every call is over and forgotten."""
        return {
            "calls": self.switchboard.active,
            "legs": self.user_agent.legs,
            "dialogs": len(self.user_agent._dialogs),
            "invites": len(self.user_agent._inviting),
            "ports": len(self.ports._open),
            "seats": self.ticker.seats,
        }

    async def nothing_left(self) -> None:
        """Wait until nothing is held any more."""
        for _ in range(300):
            if not any(self.left.values()):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"left behind: {self.left}")


def _no_sound(name: str) -> Sequence[Frame]:
    raise ResourceError(f"there is no {name}")


Story = Callable[[Rig], Coroutine[None, None, None]]


@pytest.fixture
def play(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., None]]:
    """Run a story against a switch of its own; it must end with nothing held, nothing raised, no task left."""

    def run(
        story: Callable[[Rig], Awaitable[None]], *, max_calls: int = 100, clean: bool = True, vigil: float = 300.0
    ) -> None:
        complaints: list[dict[str, object]] = []

        async def main() -> None:
            rig = Rig()
            try:
                await rig.open(max_calls=max_calls, vigil=vigil)
                async with asyncio.timeout(LIMIT_SECONDS):
                    await story(rig)
                    await rig.nothing_left()
                    left = leavings()
                    assert not left, f"left to the collector: {left}"
            finally:
                await rig.close()

        with without_collector() as leavings, asyncio.Runner(loop_factory=loop.new_loop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
            runner.run(main())
        gc.collect()
        assert complaints == []
        if clean:
            assert [record.getMessage() for record in caplog.records if record.exc_info] == []

    with caplog.at_level(logging.INFO):
        yield run
