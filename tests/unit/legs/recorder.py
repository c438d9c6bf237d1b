"""A whole user agent that can say and hear nothing: what it wants to send is written down, and its RTP ports are deaf.

So it can be given messages full of other people's addresses: no socket is ever opened.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from softswitch.call.leg import LegSink
from softswitch.clock import seeded_token
from softswitch.legs.signalling import InboundCall
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.sip.flow import Flow

#: Where the messages come from, and where they reach us: addresses for documentation (RFC 5737, RFC 3849).
UDP = Flow("UDP", ("203.0.113.1", 5060), ("203.0.113.9", 5062))


@dataclass(frozen=True)
class Said:
    """What the user agent wants to send. Read without our parser: an answer repeats what was wrong with its request."""

    flow: Flow
    data: bytes

    @property
    def status(self) -> int:
        """The status of a response, 0 for a request."""
        version, status, _ = self.data.split(b" ", 2)
        return int(status) if version == b"SIP/2.0" else 0

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    def all(self, name: str) -> list[str]:
        """Return the values of a header, line by line."""
        lines = self.data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")[1:]
        return [value.strip() for known, _, value in (line.partition(":") for line in lines) if known == name]


@dataclass
class DeafSocket:
    """Stands for an RTP socket: nothing comes, and what is sent is only counted."""

    port: int
    host: str = UDP.local[0]
    sent: list[tuple[bytes, Any]] = field(default_factory=list)
    closed: bool = False
    send_errors: int = 0
    send_error: str = ""

    def read(self) -> list[Any]:
        return []

    def send(self, data: bytes, address: Any) -> bool:
        self.sent.append((data, address))
        return True

    def close(self) -> None:
        self.closed = True


class DeafPorts:
    """Stands for the RTP ports of one address."""

    host = UDP.local[0]

    def __init__(self) -> None:
        self.opened: list[DeafSocket] = []
        self._numbers = count(20_000, 2)

    def open(self) -> DeafSocket:
        self.opened.append(DeafSocket(next(self._numbers)))
        return self.opened[-1]

    def open_beside(self, port: int) -> DeafSocket:
        """Return the socket of the reports."""
        return DeafSocket(port + 1)


class Recorder:
    """The user agent, and a user who answers every call that may be answered. Needs a running loop."""

    def __init__(self) -> None:
        self.ports = DeafPorts()
        self.calls: list[InboundCall] = []
        self.legs: list[SipLeg] = []
        self._sent: list[tuple[Flow, bytes]] = []
        ports: Any = self.ports
        self.agent = UserAgent(UserAgentSettings(agent="test"), ports, self._invited, token=seeded_token(1))
        sockets: Any = self.agent.sockets
        sockets.send = lambda flow, data: self._sent.append((flow, data))

    def hears(self, data: bytes, flow: Flow = UDP) -> list[Said]:
        """Take one message from the network; return what the user agent wants to send for it."""
        self.agent._message(data, flow)
        sent, self._sent = self._sent, []
        return [Said(towards, data) for towards, data in sent]

    async def close(self) -> None:
        for leg in self.legs:
            leg.hang_up()
        await self.agent.close()

    def _invited(self, call: InboundCall, make: Callable[[LegSink], SipLeg]) -> None:
        leg = make(lambda _leg, _event: None)
        self.calls.append(call)
        self.legs.append(leg)
        if call.refusal is not None:
            leg.hang_up(call.refusal)
        else:
            leg.ring()
            leg.answer()
