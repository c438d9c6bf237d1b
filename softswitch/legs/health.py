"""Is a gateway there? An OPTIONS now and then (RFC 3261 section 11), and every answer but 503 says yes.

Each carrier is watched by a task of its own, so that whatever one of them does delays or ends no other's.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.legs.signalling import SDP, Requester
from softswitch.legs.trunk import GatewayHealth, GatewayKey, Trunk, canonical
from softswitch.legs.trunk_leg import Resolves
from softswitch.net.address import family, show
from softswitch.sip.flow import Flow
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.transaction import Key
from softswitch.sip.uri import Uri

log = logging.getLogger("softswitch.trunks")

#: Checks come this much earlier or later, so that those of many carriers do not fall into one moment.
JITTER = 0.1
#: Where OPTIONS keep the NAT's binding, they come before home routers forget it after 30 s (RFC 5626 section 4.4.1).
KEEP_ALIVE_SECONDS = 25.0
#: Of a carrier without checks the addresses are still asked for, since its calls are known by them. Seconds.
ADDRESS_SECONDS = 300.0
#: Addresses remembered of one carrier; more than any publishes, and a name server may say what it likes.
MAX_ADDRESSES = 256


class Asks(Protocol):
    """Who sends requests that belong to no call: the user agent."""

    def send(self, request: Request, flow: Flow, owner: Requester) -> Key: ...
    def flow(self, transport: str, host: str, port: int, *, name: str = "", carrier: str = "") -> Flow: ...
    def why(self, flow: Flow) -> str: ...
    def contact(self, flow: Flow, user: str = "", params: str = "") -> str: ...


def options_to(
    uri: Uri, caller: NameAddr, contact: str, call_id: str, cseq: int, *, routes: Sequence[str] = ()
) -> Request:
    """Return an OPTIONS that asks whether somebody is there. caller: with its tag."""
    headers = Headers(
        [
            ("Max-Forwards", "70"),
            *(("Route", route) for route in routes),
            ("From", caller),
            ("To", f"<{uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} OPTIONS"),
            ("Contact", contact),
            ("Accept", SDP),
        ]
    )
    return Request("OPTIONS", uri, headers)


class Question:
    """One OPTIONS on its way. answer: the status, or why none came."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()

    def response_received(self, key: Key, response: Response, flow: Flow) -> None:
        """Take whatever the gateway answered."""
        self._settle(response.status)

    def request_failed(self, key: Key, why: str) -> None:
        """Take that nothing came."""
        self._settle("could not be reached" if why == "transport" else "gave no answer")

    def request_resent(self, old: Key, new: Key, request: Request) -> None:
        """No credentials are given, so nothing is sent again."""

    def _settle(self, answer: int | str) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Watch:
    """Checks the gateways of one carrier as long as it runs."""

    def __init__(
        self,
        trunk: Trunk,
        asks: Asks,
        resolves: Resolves,
        *,
        random: Callable[[], float] = clock.fraction,
        token: clock.Token = clock.token,
    ) -> None:
        self._trunk = trunk
        self._asks = asks
        self._resolves = resolves
        self._random = random
        self._token = token
        self._call_id = token()
        self._cseq = 0
        self._task: asyncio.Task[None] | None = None
        self._found: dict[GatewayKey, set[tuple[str, int]]] = {}

    def start(self) -> None:
        """Check now, and then every `health_seconds`."""
        self._task = asyncio.create_task(self._run(), name=f"health {self._trunk.name}")

    async def close(self) -> None:
        """Stop checking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        carrier = self._trunk.carrier
        every = carrier.health_seconds or ADDRESS_SECONDS
        if carrier.registers and carrier.keep_alive == "options" and carrier.health_seconds:
            every = min(every, KEEP_ALIVE_SECONDS)
        await asyncio.sleep(self._random() * min(JITTER * every, 1.0))
        while True:
            await asyncio.gather(*(self._check(health) for health in self._trunk.gateways.values()))
            await asyncio.sleep(every * (1 - JITTER + 2 * JITTER * self._random()))

    async def _check(self, health: GatewayHealth) -> None:
        try:
            await self._look(health)
        except Exception:  # our own bug at one gateway must not stop the watch over the others
            log.exception("the check of a gateway failed", extra={"carrier": self._trunk.name, "gateway": health.name})

    async def _look(self, health: GatewayHealth) -> None:
        carrier = self._trunk.carrier
        key = (health.host, health.port)
        place = self._trunk.place_of(key, self._trunk.proxy)
        try:
            targets = await self._resolves.resolve(*place)
        except ResourceError as error:
            self._note(key, str(error))
            return
        self._remember(key, targets)
        if not carrier.health_seconds:
            return
        why = ""
        for transport, host, port in targets:
            begun = clock.now()
            answer = await self._ask((transport, host, port), place.host, health)
            if isinstance(answer, int) and answer != 503:
                self._note(key, answer, clock.now() - begun)
                return
            why = why or (f"answers {answer}" if isinstance(answer, int) else f"{show((host, port))}{answer}")
        self._note(key, why)

    async def _ask(self, target: tuple[str, str, int], name: str, health: GatewayHealth) -> int | str:
        """Return the status of an OPTIONS, or why none came, as it stands behind an address. name: whom we mean."""
        question = Question()
        try:
            flow = self._asks.flow(*target, name=name, carrier=self._trunk.name)
            self._asks.send(self._options(flow, health), flow, question)
        except ResourceError as error:
            return f" {error}"
        seconds = self._trunk.carrier.try_seconds
        done, _ = await asyncio.wait({question.answer}, timeout=seconds)
        answer = question.answer.result() if done else f"gave no answer in {seconds:g} s"
        if isinstance(answer, int):
            return answer
        words = self._asks.why(flow)
        return f": {words}" if words else f" {answer}"

    def _options(self, flow: Flow, health: GatewayHealth) -> Request:
        carrier = self._trunk.carrier
        self._cseq += 1
        uri = Uri.of(None, health.host, health.port)
        contact = self._asks.contact(flow)
        host = carrier.from_domain or carrier.host or NameAddr.parse(contact).uri.host
        caller = NameAddr(Uri.of(carrier.username or "softswitch", host)).with_param("tag", self._token())
        return options_to(uri, caller, contact, self._call_id, self._cseq, routes=self._trunk.proxy)

    def _note(self, key: GatewayKey, answer: int | str, round_trip: float | None = None) -> None:
        if isinstance(answer, int):
            self._trunk.answered(key, answer, round_trip)
        else:
            self._trunk.failed(key, answer)

    def _remember(self, key: GatewayKey, targets: Sequence[tuple[str, str, int]]) -> None:
        """Keep where the gateway is, for calls that come from there."""
        self._found[key] = {canonical(host, port) for _, host, port in targets if family(host) is not None}
        every = [address for found in self._found.values() for address in sorted(found)]
        self._trunk.addresses = set(every[:MAX_ADDRESSES])
