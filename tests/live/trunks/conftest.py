"""A switch with trunks on loopback, and gateways that are bare UDP sockets and do what the test says."""

import asyncio
import gc
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from softswitch.call.carrier import Carrier
from softswitch.call.leg import Leg, LegId, LegSink
from softswitch.call.offer import Offer
from softswitch.call.record import CallRecord
from softswitch.call.steps import HangUp
from softswitch.call.who import Who
from softswitch.legs.signalling import InboundCall
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.trunk import Trunk
from softswitch.legs.trunks import Trunks
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.net import loop
from softswitch.net.dns_lookup import DnsSettings
from softswitch.net.resolve import Resolver
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.ticker import Ticker
from softswitch.sip.admission import CoreSettings
from softswitch.sip.message import Request, Response
from softswitch.sip.parser import parse_message
from softswitch.sip.transaction import TimerSettings
from softswitch.switchboard import Limits, Switchboard
from tests.live.legs.conftest import NoAgents, _no_sound
from tests.live.peers.collector import without_collector

LIMIT_SECONDS = 20.0
#: 64*T1 is 0.64 s, longer than a gateway may say nothing here (`try_seconds` 0.3).
TIMERS = TimerSettings(t1=0.01, t2=0.08, t4=0.1)
SDP = (
    "v=0\r\no=- 1 1 IN {kind} {host}\r\ns=-\r\nc=IN {kind} {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=sendrecv\r\n"
)

RULES = """
rules:
  - {number: '600', steps: [answer, echo]}
  - {number: '601', steps: [ring: 30]}
  - {number: '_8.', strip: 1, steps: [dial: {to: '{to}', seconds: 5}]}
"""


class FakeGateway(asyncio.DatagramProtocol):
    """A gateway. invite: what an INVITE is answered with, in order; options: what OPTIONS is, 0 for silence.

    -1 in `invite` is bytes that are no SIP. asked: the requests that came, copies included.
    """

    def __init__(self, *invite: int, options: int = 200, host: str = "127.0.0.1") -> None:
        self.invite = invite
        self.options = options
        self.host = host
        self.asked: list[Request] = []
        self.answers: list[Response] = []
        self.headers: list[tuple[str, str]] = []
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, port: int = 0) -> None:
        loop_ = asyncio.get_running_loop()
        self._transport, _ = await loop_.create_datagram_endpoint(lambda: self, local_addr=(self.host, port))
        self.port: int = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def methods(self) -> list[str]:
        """The methods that came, each transaction once."""
        seen = {(one.method, one.headers.get("Via")): one.method for one in self.asked}
        return list(seen.values())

    def count(self, method: str) -> int:
        return self.methods.count(method)

    def request(self, method: str = "INVITE") -> Request:
        return next(one for one in self.asked if one.method == method)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not data.strip():
            return
        message = parse_message(data)
        if isinstance(message, Response):
            self.answers.append(message)
            return
        self.asked.append(message)
        match message.method:
            case "INVITE":
                for status in self.invite:
                    self.reply(message, status, addr)
            case "OPTIONS" if self.options:
                self.reply(message, self.options, addr)
            case "CANCEL":
                self.reply(message, 200, addr)
                self.reply(self.request(), 487, addr)
            case "BYE":
                self.reply(message, 200, addr)
            case _:
                pass

    def reply(self, request: Request, status: int, addr: Any) -> None:
        if status < 0:
            self.send(b"\x00\xffSIP/2.0 nonsense \r\n\r\n", addr)
            self.send(b"SIP/2.0 200 OK\r\nVia: broken\r\n\r\n", addr)
            return
        body = ""
        if request.method == "INVITE" and status in (183, 200):
            body = SDP.format(kind="IP6" if ":" in self.host else "IP4", host=self.host)
        where = f"[{self.host}]" if ":" in self.host else self.host
        response = request.reply(
            status,
            to_tag="theirs" if status > 100 else None,
            headers=[("Contact", f"<sip:gateway@{where}:{self.port}>"), *self.headers],
            body=body.encode(),
            content_type="application/sdp" if body else None,
        )
        self.send(bytes(response), addr)

    def send(self, data: bytes, addr: Any) -> None:
        if self._transport is not None:
            self._transport.sendto(data, addr)

    def call(self, switch: tuple[str, int], user: str, *, call: str = "in", to: str = "") -> None:
        """Send an INVITE of its own."""
        body = SDP.format(kind="IP4", host="127.0.0.1")
        self.send(
            (
                f"INVITE sip:{user}@{switch[0]}:{switch[1]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-{call}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:carol@carrier.example>;tag=c-{call}\r\nTo: <sip:{to or user}@carrier.example>\r\n"
                f"Call-ID: {call}\r\nCSeq: 1 INVITE\r\nContact: <sip:carol@127.0.0.1:{self.port}>\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
            switch,
        )

    async def answered(self, status: int) -> Response:
        """Wait for a response to something this gateway sent."""
        for _ in range(300):
            found = [one for one in self.answers if one.status == status]
            if found:
                return found[0]
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {status} came, only {[one.status for one in self.answers]}")


def dead_port(host: str = "127.0.0.1") -> int:
    """Return a port where nobody listens."""
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind, socket.SOCK_DGRAM) as raw:
        raw.bind((host, 0))
        port: int = raw.getsockname()[1]
        return port


class TrunkRig:
    """The switch of one test, with its gateways."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.records: list[CallRecord] = []
        self.gateways: list[FakeGateway] = []
        self.inbound: list[InboundCall] = []
        self.settings: dict[str, Any] = {}

    async def gateway(self, *invite: int, options: int = 200, port: int = 0) -> FakeGateway:
        """Open a gateway."""
        made = FakeGateway(*invite, options=options, host=self.host)
        self.gateways.append(made)  # first: what half opens must be closed, too, or the loop waits for it for ever
        await made.open(port)
        return made

    async def open(self, *carriers: dict[str, Any], nameserver: tuple[str, int] | None = None) -> Trunks:
        """Start the switch with these entries of carriers.yaml."""
        self.ticker = Ticker()
        self.ticker.start()
        self.ports = RtpPorts(self.host, 43000, 43999, 0.0)
        core = CoreSettings(timers=TIMERS)
        settings = UserAgentSettings(agent="test", core=core, trusted=("127.0.0.0/8", "::1/128"))
        self.user_agent = UserAgent(settings, self.ports, self._invited)
        self.sip = await self.user_agent.listen(self.host, 0)
        dns = DnsSettings((nameserver,) if nameserver else (), hosts=None, attempt=0.5, lookup=1.0, total=1.5)
        self.resolver = Resolver(dns, families=self.user_agent.sockets.families)
        self.trunks = Trunks(self.carriers(*carriers), self.user_agent, self.resolver)
        self.user_agent.reception.identify = self.trunks.identify
        self.switchboard = Switchboard(
            dialplan=_dialplan(),
            phones=self,
            agents=NoAgents(),
            sounds=_no_sound,
            ticks=self.ticker,
            on_record=self.records.append,
            limits=Limits(max_calls=100),
        )
        self.trunks.start()
        return self.trunks

    def carriers(self, *entries: dict[str, Any]) -> list[Carrier]:
        """Return entries of carriers.yaml, with little patience where they do not say."""
        defaults = {"try_seconds": 0.3, "health_seconds": 0, "caller_id": "+4930123450"}
        return [Carrier.model_validate({**defaults, **self.settings, **entry}) for entry in entries]

    async def close(self) -> None:
        for call, _ in self.switchboard.calls():
            self.switchboard.hang_up(call.id)
        await self.trunks.close()
        await self.user_agent.close()
        await self.resolver.close()
        self.ports.close()
        self.ticker.close()
        for gateway in self.gateways:
            gateway.close()

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
        return self.user_agent.callers.trusts_host(host)

    def ours(self, host: str) -> bool:
        return host == "localhost"

    def written_for(self, carrier: str, number: str) -> str:
        return self.trunks.written_for(carrier, number)

    def _invited(self, inbound: InboundCall, make: Callable[[LegSink], SipLeg]) -> None:
        self.inbound.append(inbound)
        refusal, made, _ = self.trunks.admit(inbound.carrier, make)
        offer = Offer(
            inbound.leg,
            inbound.number,
            inbound.caller,
            inbound.trusted,
            inbound.refusal or refusal,
            carrier=inbound.carrier,
            diversions=inbound.diversions,
        )
        self.switchboard.offered(offer, made)

    # What tests do

    def dial(self, number: str = "+493012345", *, carrier: str = "", steps: Sequence[Any] = ()) -> str:
        """Place a call that hangs up when it is answered, if no other steps are given."""
        return self.switchboard.dial(number, steps or (HangUp(),), carrier=carrier)

    async def record(self, number: int = 1) -> CallRecord:
        """Wait until so many calls are over, return the last one's record."""
        for _ in range(1000):
            if len(self.records) >= number:
                return self.records[-1]
            await asyncio.sleep(0.01)
        raise AssertionError("the call does not end")

    def trunk(self, name: str) -> Trunk:
        """Return a carrier at work."""
        post = self.trunks.roster.post(name)
        assert post is not None, f"there is no carrier {name}"
        return post.trunk

    def in_use(self) -> dict[str, int]:
        """Calls in use of each carrier."""
        return {status.name: status.calls for status in self.trunks.statuses()}

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds, five seconds at most."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what is watched knows no events
                await asyncio.sleep(0.01)

    @property
    def left(self) -> dict[str, int]:
        return {
            "calls": self.switchboard.active,
            "legs": self.user_agent.legs,
            "dialogs": len(self.user_agent._dialogs),
            "invites": len(self.user_agent._inviting),
            "ports": len(self.ports._open),
            "seats": self.ticker.seats,
            "slots": sum(self.in_use().values()),
        }

    async def nothing_left(self) -> None:
        for _ in range(300):
            if not any(self.left.values()):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"left behind: {self.left}")


def _dialplan() -> Any:
    from pathlib import Path

    from softswitch.call.dialplan import Dialplan, load_rules
    from softswitch.document import parse

    return Dialplan(load_rules(parse(Path("plan.yaml"), RULES)))


Story = Callable[[TrunkRig], Awaitable[None]]


@pytest.fixture
def play(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., None]]:
    """Run a story; the switch must end with nothing held, no slot taken, nothing raised, no task left."""

    def run(story: Story, *, host: str = "127.0.0.1") -> None:
        complaints: list[dict[str, object]] = []

        async def main() -> None:
            rig = TrunkRig(host)
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
