"""The transaction layer of one user agent: every transaction, their timers, and what RFC 3261 answers without a user.

`receive` parses a message, matches it to its transaction (section 17.2.3 with the RFC 2543 fallback, section 17.1.3),
feeds the table and carries out the actions. Requests that need no user are answered here: broken ones, unknown methods
and extensions, merged requests, CANCEL, and whatever is over the limits. What is left goes up through `drain`.

The user agent calls `receive`, `send_…` or `handle_timer`, then drains fully and sets its timer to `next_timer`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from softswitch.clock import Token
from softswitch.errors import LocalError, RemoteError
from softswitch.sip.admission import KNOWN_METHODS, CoreSettings, Lines, judge
from softswitch.sip.flow import Flow
from softswitch.sip.grammar import print_host_port
from softswitch.sip.matching import COOKIE, client_key, derived, merge_key, server_key
from softswitch.sip.message import Request, Response
from softswitch.sip.parser import MessageError, parse_message
from softswitch.sip.return_path import response_target, stamp_received
from softswitch.sip.schedule import Schedule
from softswitch.sip.transaction import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    Action,
    Event,
    Input,
    Key,
    State,
    Table,
    Transaction,
)

_NONE: tuple[None, dict[Transaction, None]] = (None, {})
_RECEIVED = {1: Input.RECEIVED_1XX, 2: Input.RECEIVED_2XX}
_SENT = {1: Input.SENT_1XX, 2: Input.SENT_2XX}


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send these bytes by this flow."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request; the user answers with `send_response(key, …)`."""

    key: Key
    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """The peer cancels an INVITE that has no final answer; the CANCEL itself is answered already."""

    invite_key: Key
    request: Request


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK of a 2xx, the first or a copy: it belongs to a dialog, not to a transaction.

    key: the INVITE whose branch it has all the same, None if it has one of its own as it should.
    """

    request: Request
    flow: Flow
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to a request of ours; copies of a 2xx to an INVITE come up too."""

    key: Key
    response: Response
    flow: Flow


@dataclass(frozen=True, slots=True)
class TransactionFailed:
    """No (more) answer or ACK will come, or the transport failed. why: `timeout` or `transport`."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class BadMessage:
    """A message that was answered with an error or dropped. kind: for metrics. detail: for the log.

    broken: it does not even parse.
    """

    kind: str
    flow: Flow
    detail: str
    broken: bool = False


Output = Transmit | RequestReceived | CancelReceived | AckReceived | ResponseReceived | TransactionFailed | BadMessage


class SipCore:
    """Owner of all transactions. token: makes branches and the tags of answers that need no user.

    counts: messages by (method, status or 0, `in` or `out`), copies not included. copies: retransmissions by direction.
    bad: messages nobody could use, by kind.
    """

    def __init__(self, settings: CoreSettings, *, token: Token) -> None:
        self.settings = settings
        self.counts: Counter[tuple[str, int, str]] = Counter()
        self.copies: Counter[str] = Counter()
        self.bad: Counter[str] = Counter()
        self._token = token
        # An answer without a transaction must have the same tag each time (section 8.2.7).
        self._stateless_tag = token()
        self._servers: dict[Key, Transaction] = {}
        self._clients: dict[Key, Transaction] = {}
        self._merges: set[Key] = set()
        # The one value of a flow that all its transactions keep; and these, ordered, so that a replay repeats itself.
        self._by_flow: dict[Flow, tuple[Flow, dict[Transaction, None]]] = {}
        self._schedule = Schedule()
        self._outputs: list[Output] = []
        self._server_line = (("Server", settings.server),) if settings.server else ()
        #: Which address stands in our Via on this way, None for the local one.
        self.sent_by: Callable[[Flow], tuple[str, int] | None] = lambda flow: settings.sent_by

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    # --- inputs from the wire ---

    def receive(self, data: bytes, flow: Flow, *, now: float) -> None:
        """Take one whole message. Whatever it is, nothing is raised."""
        if len(data) <= 4 and not data.strip(b"\r\n\0"):  # keep-alives of RFC 5626 and of older phones
            return
        request: Request | None = None
        try:
            message = parse_message(data, stream=flow.reliable)
            if isinstance(message, Response):
                self._response(message, flow, now)
            else:
                request = message
                self._request(message, flow, now)
        except MessageError as error:
            self._broken(error, error.request or request, flow)
        except RemoteError as error:
            self._broken(error, request, flow)

    def transport_failed(self, flow: Flow, *, now: float) -> None:
        """Take the news that this flow carries nothing any more (section 17.1.4, RFC 6026 section 8.6)."""
        # Each transaction is told once: a way that is down fails for every message, and thousands may wait on it.
        for transaction in self._by_flow.pop(flow, _NONE)[1]:
            self._step(transaction, Input.TRANSPORT_FAILED, now)

    def connection_lost(self, flow: Flow, *, now: float) -> None:
        """Take the news that a connection is closed: requests of ours on it without any answer will get none.

        What has been answered provisionally may get its final response by another one (section 18.2.2).
        """
        for transaction in list(self._by_flow.get(flow, _NONE)[1]):
            if transaction.state is State.CALLING or transaction.state is State.TRYING:
                if transaction.table is CLIENT or transaction.table is INVITE_CLIENT:
                    self._step(transaction, Input.TRANSPORT_FAILED, now)

    # --- inputs from the user ---

    def send_request(self, request: Request, flow: Flow, *, now: float) -> Key:
        """Send a copy of a request, our Via on top, in a transaction of its own; return the key of its responses."""
        sent, branch = self._with_via(request, flow)
        return self._start_client(sent, branch, flow, now)

    def send_ack(self, request: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx, which has no transaction (section 13.2.2.4).

        A copy of the 2xx gets a copy of the ACK: the same branch, by which the peer knows it for one.
        """
        told = "\0".join((request.call_id, str(request.from_.tag), str(request.to.tag), str(request.cseq.number)))
        same = hashlib.blake2b(told.encode(errors="surrogateescape"), key=self._stateless_tag.encode(), digest_size=8)
        sent, _ = self._with_via(request, flow, same.hexdigest())
        self._count("ACK", 0, "out")
        self._outputs.append(Transmit(flow, bytes(sent)))

    def send_response(self, key: Key, response: Response, *, now: float, forget: bool = False) -> bool:
        """Answer a request. False when its transaction is over, so that nobody waits for the answer any more.

        forget: the same answer comes of each copy, so nothing need be kept for them (section 8.2.7): over UDP that is
        half a minute for whatever anybody sends. Not of an INVITE, whose copies stop at our 100.
        """
        transaction = self._servers.get(key)
        if transaction is None:
            return False
        status = response.status
        event = _SENT.get(status // 100, Input.SENT_FAILURE)
        self._count(key[-1], status, "out")
        if status > 100 and key[-1] == "INVITE":
            transaction.tag = response.to.tag or ""
        if forget and status >= 200 and transaction.table is SERVER and transaction.state is State.TRYING:
            self._outputs.append(Transmit(transaction.flow, bytes(response)))
            self._forget(transaction)
        else:
            self._step(transaction, event, now, data=bytes(response))
        return True

    def cancel(self, key: Key, *, headers: Lines = (), now: float) -> bool:
        """Send a CANCEL for our INVITE; False when it has no provisional response yet, or a final one (section 9.1).

        headers: what it says besides, such as Reason.
        """
        transaction = self._clients.get(key)
        if transaction is None or transaction.state is not State.PROCEEDING or transaction.held is None:
            return False
        invite: Request = transaction.held
        cancel = derived(invite, "CANCEL", invite.headers.get("To") or "")
        for name, value in headers:
            cancel.headers.add(name, value)
        self._step(transaction, Input.CANCEL, now)
        self._start_client(cancel, key[0], transaction.flow, now)
        return True

    # --- time and outputs ---

    def next_timer(self) -> float | None:
        """Return when `handle_timer` has something to do; it may turn out to be nothing."""
        return self._schedule.next_timer()

    def handle_timer(self, *, now: float) -> None:
        """Let every timer fire that is due."""
        for transaction, timer in self._schedule.due(now=now):
            self._step(transaction, timer, now)

    def drain(self) -> list[Output]:
        """Return what to send and what happened, in order, once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # --- requests ---

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        key = server_key(request)
        stamp_received(request, flow)
        if method == "ACK":
            self._ack(key, request, flow, now)
            return
        transaction = self._servers.get(key)
        if transaction is not None:
            self.copies["in"] += 1
            if flow.reliable:  # the peer came back by another connection
                self._move(transaction, flow)
            self._step(transaction, Input.REQUEST, now)
            return
        self._count(method, 0, "in")
        inside = request.to.tag is not None
        limit = self.settings.max_transactions
        if len(self) >= (limit + limit // 4 if inside or method == "CANCEL" else limit):
            self._answer_stateless(request, 503, flow, (("Retry-After", str(self.settings.retry_after)),))
            self._note("overload", flow, f"{len(self)} transactions")
            return
        merge = None if inside or method == "CANCEL" else merge_key(request)
        refusal = judge(request, self.settings, merged=merge in self._merges, secure=flow.secure)
        transaction = self._start_server(key, request, merge, flow, now)
        if refusal is not None:
            reply = request.reply(refusal.status, to_tag=self._token(), headers=(*refusal.headers, *self._server_line))
            self.send_response(key, reply, now=now)
            self._note(refusal.kind, flow, f"{method} refused with {refusal.status}")
        elif method == "CANCEL":
            self._cancel(key, request, now)
        else:
            if method == "INVITE":  # at once: no user is waited for, and the caller stops repeating (section 17.2.1)
                self.send_response(key, request.reply(100), now=now)
            self._outputs.append(RequestReceived(key, request, flow))

    def _ack(self, key: Key, request: Request, flow: Flow, now: float) -> None:
        transaction = self._servers.get((*key[:-1], "INVITE"))
        if transaction is not None:
            if transaction.state is State.COMPLETED or transaction.state is State.ACCEPTED:
                self._count("ACK", 0, "in")
            self._step(transaction, Input.ACK, now, message=request, flow=flow)
            return
        self._count("ACK", 0, "in")
        if request.to.tag != self._stateless_tag:
            self._outputs.append(AckReceived(request, flow))

    def _cancel(self, key: Key, request: Request, now: float) -> None:
        invite = self._servers.get((*key[:-1], "INVITE"))
        if invite is None:
            known = any((*key[:-1], method) in self._servers for method in self.settings.allow if method != "CANCEL")
            status = 200 if known else 481  # a CANCEL of anything else has no effect (section 9.2)
            self.send_response(key, request.reply(status, to_tag=self._token(), headers=self._server_line), now=now)
            return
        # The same To tag as our answers to the INVITE have (section 9.2): some callers take it for that of the dialog.
        reply = request.reply(200, to_tag=invite.tag or self._token(), headers=self._server_line)
        self.send_response(key, reply, now=now)
        if invite.state is State.PROCEEDING:
            self._outputs.append(CancelReceived(invite.key, request))

    def _broken(self, error: RemoteError, request: Request | None, flow: Flow) -> None:
        self._note(error.kind, flow, str(error), broken=True)
        if request is None or request.method == "ACK":
            return
        try:
            stamp_received(request, flow)
            allow = (("Allow", ", ".join(self.settings.allow)),) if error.status == 501 else ()
            self._answer_stateless(request, error.status, flow, allow)
        except RemoteError:  # not even the way back can be read
            self.bad["unanswerable"] += 1

    def _answer_stateless(self, request: Request, status: int, flow: Flow, lines: Lines) -> None:
        """Answer and remember nothing: the peer repeats its request if the answer is lost (section 8.2.7)."""
        reply = request.reply(status, to_tag=self._stateless_tag, headers=(*lines, *self._server_line))
        self._count(request.method, status, "out")
        self._outputs.append(Transmit(response_target(reply, flow), bytes(reply)))

    # --- responses ---

    def _response(self, response: Response, flow: Flow, now: float) -> None:
        method = response.cseq.method
        status = response.status
        key = client_key(response)
        transaction = self._clients.get(key)
        self._count(method, status, "in")
        if transaction is None:
            self._note("stray_response", flow, f"{status} to a {method} that nobody sent or that is over")
            return
        if len(response.headers.all("Via")) > 1:  # meant for somebody behind us who does not exist (section 8.1.3.3)
            self._note("surplus_via", flow, f"{status} to {method} with more than one Via")
            return
        event = _RECEIVED.get(status // 100, Input.RECEIVED_FAILURE)
        self._step(transaction, event, now, message=response, flow=flow)

    # --- transactions ---

    def _start_server(self, key: Key, request: Request, merge: Key | None, flow: Flow, now: float) -> Transaction:
        table = INVITE_SERVER if request.method == "INVITE" else SERVER
        back = response_target(request, flow)
        transaction = self._new(table, key, back, now)
        self._servers[key] = transaction
        if merge is not None and merge not in self._merges:
            transaction.merge = merge
            self._merges.add(merge)
        return transaction

    def _start_client(self, request: Request, branch: str, flow: Flow, now: float) -> Key:
        method = request.method
        key = (branch, method)
        transaction = self._new(INVITE_CLIENT if method == "INVITE" else CLIENT, key, flow, now)
        transaction.message = bytes(request)
        if method == "INVITE":
            transaction.held = request
        self._clients[key] = transaction
        self._count(method, 0, "out")
        self._outputs.append(Transmit(flow, transaction.message))
        return key

    def _new(self, table: Table, key: Key, flow: Flow, now: float) -> Transaction:
        transaction = Transaction(table, key, flow, self.settings.timers, now=now)
        self._link(transaction)
        self._schedule.arm(transaction, now=now)
        return transaction

    def _step(
        self,
        transaction: Transaction,
        event: Event,
        now: float,
        *,
        data: bytes = b"",
        message: Request | Response | None = None,
        flow: Flow | None = None,
    ) -> None:
        """Feed one event to a transaction and carry out what it says."""
        actions = transaction.step(event, now=now)
        for action in actions:
            if action is Action.SEND:
                transaction.message = data
                self._outputs.append(Transmit(transaction.flow, data))
            elif action is Action.PASS:
                self._pass(transaction, message, flow or transaction.flow)
            elif action is Action.FORGET:
                transaction.message = b""
            elif action is Action.RESEND:
                if transaction.message:
                    self.copies["out"] += 1
                    self._outputs.append(Transmit(transaction.flow, transaction.message))
            elif action is Action.ACK:
                self._acknowledge(transaction, message)
            elif transaction.key[-1] != "CANCEL" or transaction.table is SERVER:
                why = "timeout" if action is Action.TIMED_OUT else "transport"
                self._outputs.append(TransactionFailed(transaction.key, why))
        state = transaction.state
        if state is State.TERMINATED:
            self._forget(transaction)
            return
        if state is State.COMPLETED or state is State.ACCEPTED:
            transaction.held = None
        self._schedule.arm(transaction, now=now)

    def _pass(self, transaction: Transaction, message: Request | Response | None, flow: Flow) -> None:
        if isinstance(message, Response):
            if transaction.key[-1] != "CANCEL":  # the answer to the INVITE tells what became of it
                self._outputs.append(ResponseReceived(transaction.key, message, flow))
        elif message is not None:
            self._outputs.append(AckReceived(message, flow, transaction.key))

    def _acknowledge(self, transaction: Transaction, message: Request | Response | None) -> None:
        """Send the ACK of a non-2xx response (section 17.1.1.3)."""
        invite = transaction.held
        if not isinstance(invite, Request) or message is None:
            raise LocalError("an INVITE transaction without its INVITE")
        ack = derived(invite, "ACK", message.headers.get("To") or "")
        transaction.message = bytes(ack)
        self._count("ACK", 0, "out")
        self._outputs.append(Transmit(transaction.flow, transaction.message))

    def _forget(self, transaction: Transaction) -> None:
        transaction.message, transaction.held = b"", None
        table = transaction.table
        owner = self._clients if table is CLIENT or table is INVITE_CLIENT else self._servers
        owner.pop(transaction.key, None)
        if transaction.merge is not None:
            self._merges.discard(transaction.merge)
        self._unlink(transaction)

    def _move(self, transaction: Transaction, flow: Flow) -> None:
        if transaction.flow != flow:
            self._unlink(transaction)
            transaction.flow = flow
            self._link(transaction)

    def _link(self, transaction: Transaction) -> None:
        known = self._by_flow.get(transaction.flow)
        if known is None:
            self._by_flow[transaction.flow] = (transaction.flow, {transaction: None})
        else:
            transaction.flow, same = known
            same[transaction] = None

    def _unlink(self, transaction: Transaction) -> None:
        known = self._by_flow.get(transaction.flow)
        if known is not None:
            same = known[1]
            same.pop(transaction, None)
            if not same:
                del self._by_flow[transaction.flow]

    # --- small parts ---

    def _with_via(self, request: Request, flow: Flow, token: str = "") -> tuple[Request, str]:
        """Return a copy with our Via on top, and its branch; the request itself stays its owner's."""
        branch = COOKIE + (token or self._token())
        host, port = self.sent_by(flow) or flow.local
        sent = request.copy()
        # rport: answer to where this came from (RFC 3581), or no answer passes a NAT
        via = f"SIP/2.0/{flow.transport} {print_host_port(host, port)};branch={branch};rport"
        sent.headers.prepend("Via", via)
        return sent, branch

    def _count(self, method: str, status: int, direction: str) -> None:
        # A peer may invent methods; it may not make our counters grow.
        place = (method if method in KNOWN_METHODS else "OTHER", status, direction)
        self.counts[place] += 1

    def _note(self, kind: str, flow: Flow, detail: str, *, broken: bool = False) -> None:
        self.bad[kind] += 1
        self._outputs.append(BadMessage(kind, flow, detail, broken))
