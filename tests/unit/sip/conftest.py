"""A seeded wire in virtual time, and two phones on it: real cores, dialogs and INVITE machines, a scripted user."""

import heapq
import random
from collections.abc import Callable
from itertools import count
from math import inf

import pytest

from softswitch.clock import seeded_token
from softswitch.errors import RemoteError
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import (
    AckReceived,
    BadMessage,
    CancelReceived,
    RequestReceived,
    ResponseReceived,
    SipCore,
    TransactionFailed,
    Transmit,
)
from softswitch.sip.dialog import Dialog, incoming_id
from softswitch.sip.flow import Flow
from softswitch.sip.invite import (
    Acknowledged,
    Answered,
    AnsweredTooLate,
    Cancelled,
    Failed,
    NotPracked,
    Progressed,
    Refused,
    SendAck,
    SendBye,
    SendCancel,
    SendResponse,
    Unacknowledged,
)
from softswitch.sip.invite_client import ClientInvite
from softswitch.sip.invite_server import ServerInvite, ServerState
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri

#: A session description, as far as these machines care.
SDP = b"v=0"
#: Settings of a phone that takes and sends reliable provisional responses.
RELIABLE = {"allow": ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK"), "supported": ("100rel",)}

ALICE, BOB = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


class Wire:
    """Carries datagrams between phones: loses, delays, reorders and doubles them, the same way for the same seed."""

    def __init__(self, *, loss: float = 0.0, seed: int = 1, delay: tuple[float, float] = (0.01, 0.3)) -> None:
        self.now = 0.0
        self.loss, self.double, self.delay = loss, loss / 3, delay
        self.phones: dict[tuple[str, int], Phone] = {}
        #: Called with each datagram that is sent; False loses it.
        self.passes: Callable[[bytes, float], bool] = lambda data, now: True
        self.sent: list[tuple[float, bytes]] = []
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None], Phone]] = []
        self._serial = count()

    def phone(self, address: tuple[str, int], peer: tuple[str, int], **settings: object) -> "Phone":
        made = Phone(self, address, peer, CoreSettings(**settings))
        self.phones[address] = made
        return made

    def later(self, delay: float, phone: "Phone", action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._serial), action, phone))

    def carry(self, data: bytes, flow: Flow) -> None:
        self.sent.append((self.now, data))
        chance = self._random.random
        if not self.passes(data, self.now) or chance() < self.loss or flow.remote not in self.phones:
            return
        target = self.phones[flow.remote]
        back = Flow("UDP", flow.remote, flow.local)
        for _ in range(2 if chance() < self.double else 1):
            delay = self._random.uniform(*self.delay)
            self.later(delay, target, lambda: target.core.receive(data, back, now=self.now))

    def run(self, until: float = inf) -> None:
        """Let everything happen that happens before `until`."""
        while True:
            timers = [(at, phone) for phone in self.phones.values() if (at := phone.next_timer()) is not None]
            timer_at, phone = min(timers, key=lambda timer: timer[0], default=(inf, None))
            event_at = self._events[0][0] if self._events else inf
            if min(timer_at, event_at) > until or (phone is None and not self._events):
                self.now = until if until < inf else self.now
                return
            if event_at <= timer_at:
                self.now, _, action, phone = heapq.heappop(self._events)
                action()
            else:
                self.now = max(self.now, timer_at)
                phone.handle_timer()
            phone.pump()


class Call:
    """One call as one side knows it; `end` says how it ended."""

    def __init__(self, plan: dict[str, float]) -> None:
        self.plan = plan
        self.end: str | None = None
        self.dialog: Dialog | None = None
        self.client: ClientInvite | None = None
        self.server: ServerInvite | None = None
        self.key: tuple[str, ...] = ()
        self.bye_wanted = False


class Phone:
    """A scripted user on a real core. A called number such as `answer=2&bye=9` tells the callee what to do.

    `early=1` is a reliable 183 with a session description after one second.
    """

    def __init__(self, wire: Wire, address: tuple[str, int], peer: tuple[str, int], settings: CoreSettings) -> None:
        self.wire, self.address = wire, address
        self.token = seeded_token(address[1] + len(wire.phones))
        self.core = SipCore(settings, token=self.token)
        self.timers = settings.timers
        self.flow = Flow("UDP", address, peer)
        self.calls: list[Call] = []
        self.events: list[object] = []
        self._clients: dict[tuple[str, ...], Call] = {}
        self._servers: dict[tuple[str, ...], Call] = {}
        self._dialogs: dict[tuple[str, str, str], Call] = {}
        self._machines: list[tuple[float, int, Call]] = []
        self._serial = count()

    # --- what a user does

    def call(self, number: str, *, headers: tuple[tuple[str, str], ...] = (), **plan: float) -> Call:
        """Call a number at the peer. plan: seconds until `cancel`, or from the answer to `bye`."""
        call = Call(plan)
        call_id, tag = self.token(), self.token()
        pairs = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.address[0]}>;tag={tag}"),
            ("To", f"<sip:{number}@{self.flow.remote[0]}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<sip:{self.address[0]}:{self.address[1]}>"),
            *headers,
        ]
        request = Request("INVITE", Uri.of(number, self.flow.remote[0]), Headers(pairs))
        call.client = ClientInvite(request, settings=self.timers)
        call.key = self.core.send_request(request, self.flow, now=self.wire.now)
        self._clients[call.key] = call
        self.calls.append(call)
        if "cancel" in plan:
            self.wire.later(plan["cancel"], self, lambda: self._give_up(call))
        self.pump()
        return call

    def hang_up(self, call: Call) -> None:
        if call.end is not None or call.dialog is None:
            return
        if call.server is not None and call.server.answered:
            call.bye_wanted = True  # section 15: not before the ACK
            return
        if call.server is not None and call.server.state is ServerState.PROCEEDING:  # the 200 waits for a PRACK
            call.server.refuse(480)
            self._end(call, "refused it")
            self._settle(call)
            return
        self._end(call, "hung up")
        self.core.send_request(call.dialog.request("BYE"), self.flow, now=self.wire.now)
        self.pump()

    # --- the loop of a user agent

    def next_timer(self) -> float | None:
        times = [self.core.next_timer(), self._machines[0][0] if self._machines else None]
        return min((at for at in times if at is not None), default=None)

    def handle_timer(self) -> None:
        now = self.wire.now
        self.core.handle_timer(now=now)
        while self._machines and self._machines[0][0] <= now:
            call = heapq.heappop(self._machines)[2]
            machine = call.client or call.server
            machine.handle_timer(now=now)
            self._settle(call)

    def pump(self) -> None:
        while outputs := self.core.drain():
            for output in outputs:
                self._handle(output)

    def is_empty(self) -> bool:
        core = self.core
        left = (core._servers, core._clients, core._merges, core._by_flow, self._clients, self._servers, self._dialogs)
        return not any(left) and core.next_timer() is None and not len(core._schedule)

    def saw(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]

    def _handle(self, output: object) -> None:  # noqa: C901 - one arm for each output
        now = self.wire.now
        match output:
            case Transmit(flow, data):
                self.wire.carry(data, flow)
                return
            case RequestReceived(key, request, _):
                self._request(key, request)
            case CancelReceived(key, _):
                call = self._servers[key]
                call.server.cancelled()
                self._settle(call)
            case AckReceived(request, _):
                call = self._dialogs.get(incoming_id(request))
                if call is not None and call.server is not None:
                    call.server.acknowledged(request)
                    self._settle(call)
            case ResponseReceived(key, response, _) if key in self._clients:
                self._clients[key].client.response(response, now=now)
                self._settle(self._clients[key])
            case TransactionFailed(key, why) if key in self._clients:
                self._clients[key].client.failed(why)
                self._settle(self._clients[key])
            case TransactionFailed(key, why) if key in self._servers and why == "timeout":
                call = self._servers[key]
                call.server.failed()
                self._end(call, "timeout")
                self._settle(call)
            case BadMessage():
                pass
        self.events.append(output)

    def _request(self, key: tuple[str, ...], request: Request) -> None:
        call = self._dialogs.get(incoming_id(request))
        if request.method == "INVITE" and call is None and request.to.tag is None:
            self._ring(key, request)
        elif request.method == "OPTIONS":
            self.core.send_response(key, request.reply(200, to_tag=self.token()), now=self.wire.now)
        elif call is None:
            self.core.send_response(key, request.reply(481, to_tag=self.token()), now=self.wire.now)
        else:
            try:
                call.dialog.receive(request)
            except RemoteError as error:
                self.core.send_response(key, request.reply(error.status), now=self.wire.now)
                return
            known = request.method != "PRACK" or call.server.pracked(request, now=self.wire.now)
            self.core.send_response(key, request.reply(200 if known else 481), now=self.wire.now)
            self._settle(call)
            if request.method == "BYE":
                if call.server is not None:
                    call.server.bye()
                self._end(call, "peer hung up")
                self._settle(call)

    def _ring(self, key: tuple[str, ...], request: Request) -> None:
        plan = dict(part.split("=") for part in (request.uri.user or "").split("&") if "=" in part)
        call = Call({name: float(value) for name, value in plan.items()})
        tag = self.token()
        call.key = key
        contact = f"<sip:{self.address[0]}:{self.address[1]}>"
        call.server = ServerInvite(request, local_tag=tag, contact=contact, settings=self.timers)
        call.dialog = Dialog.answering(request, tag)
        self.calls.append(call)
        self._servers[key] = call
        self._dialogs[call.dialog.id] = call
        call.server.provisional(180, now=self.wire.now)
        if "early" in call.plan:
            self.wire.later(call.plan["early"], self, lambda: self._progress(call))
        if "answer" in call.plan:
            self.wire.later(call.plan["answer"], self, lambda: self._answer(call))
        if "busy" in call.plan:
            self.wire.later(call.plan["busy"], self, lambda: self._refuse(call))
        self._settle(call)

    def _progress(self, call: Call) -> None:
        call.server.provisional(183, body=SDP, content_type="application/sdp", reliable=True, now=self.wire.now)
        self._settle(call)

    def _answer(self, call: Call) -> None:
        call.server.accept(now=self.wire.now)
        if "bye" in call.plan:
            self.wire.later(call.plan["bye"], self, lambda: self.hang_up(call))
        self._settle(call)

    def _refuse(self, call: Call) -> None:
        if call.end is None:
            call.server.refuse(486)
            self._end(call, "busy")
            self._settle(call)

    def _give_up(self, call: Call) -> None:
        call.client.cancel()
        self._settle(call)
        self.hang_up(call)  # it was answered before the user gave up

    def _settle(self, call: Call) -> None:
        machine = call.client or call.server
        while outputs := machine.drain():
            for output in outputs:
                self.events.append(output)
                self._carry_out(call, output)
        if machine.finished:
            (self._clients if call.client else self._servers).pop(call.key, None)
        at = machine.next_timer()
        if at is not None:
            heapq.heappush(self._machines, (at, next(self._serial), call))
        self.pump()

    def _carry_out(self, call: Call, output: object) -> None:
        now = self.wire.now
        match output:
            case SendResponse(response):
                self.core.send_response(call.key, response, now=now)
            case SendCancel():
                assert self.core.cancel(call.key, now=now)
            case SendAck(request, _):
                self.core.send_ack(request, self.flow)
            case SendBye(request, _):
                self.core.send_request(request, self.flow, now=now)
            case Progressed(_, dialog, rack) if rack:
                self.core.send_request(dialog.request("PRACK", headers=(("RAck", rack),)), self.flow, now=now)
            case Answered(_, dialog):
                call.dialog = dialog
                self._dialogs[dialog.id] = call
                call.client.acknowledge()
                if "bye" in call.plan:
                    self.wire.later(call.plan["bye"], self, lambda: self.hang_up(call))
            case AnsweredTooLate() | Refused() | Failed() | Cancelled() | NotPracked():
                self._end(call, how_it_ended(output))
            case Acknowledged() if call.bye_wanted:
                self.hang_up(call)
            case Unacknowledged():
                call.bye_wanted = False
                self.hang_up(call)

    def _end(self, call: Call, how: str) -> None:
        call.end = call.end or how
        if call.dialog is not None:
            self._dialogs.pop(call.dialog.id, None)


def how_it_ended(output: object) -> str:
    match output:
        case Refused(response):
            return f"refused {response.status}"
        case Failed(why):
            return why
        case AnsweredTooLate():
            return "cancelled too late"
        case NotPracked():
            return "not pracked"
        case _:
            return "cancelled"


@pytest.fixture
def make_wire() -> Callable[..., Wire]:
    return Wire


@pytest.fixture
def pair(make_wire: Callable[..., Wire]) -> tuple[Wire, Phone, Phone]:
    """A perfect wire with Alice and Bob on it."""
    wire = make_wire(delay=(0.01, 0.01))
    return wire, wire.phone(ALICE, BOB), wire.phone(BOB, ALICE)


@pytest.fixture
def reliable_pair(make_wire: Callable[..., Wire]) -> tuple[Wire, Phone, Phone]:
    """A perfect wire with Alice and Bob on it, who both know PRACK."""
    wire = make_wire(delay=(0.01, 0.01))
    return wire, wire.phone(ALICE, BOB, **RELIABLE), wire.phone(BOB, ALICE, **RELIABLE)
