"""One INVITE from the request to its ACK, on either side (RFC 3261 sections 9, 13, 14).

The transaction ends its work at the 2xx. What follows belongs to the user agent and lives here: the server side sends
its 2xx again until the ACK comes, the client side sends its ACK again for every 2xx that comes again. Both sides settle
the races: CANCEL against 200, BYE against ACK, one INVITE answered by several phones.

Neither machine knows flows or transactions: what it outputs is sent by its owner, who is told `finished` when it may
forget the machine.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from softswitch.errors import LocalError, RemoteError
from softswitch.sip.dialog import Dialog
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import TimerSettings

HeaderLines = Iterable[tuple[str, str]]

#: Section 13.3.1.1: a proxy forgets an INVITE that stays silent for three minutes, so ring again each minute.
RING_AGAIN_SECONDS = 60.0
#: Phones that may ring for one INVITE; each is a dialog that we must keep.
MAX_FORKS = 16


# --- what the machines put out -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendResponse:
    """Send this response through the transaction of the INVITE."""

    response: Response


@dataclass(frozen=True, slots=True)
class SendCancel:
    """Send a CANCEL for the transaction of the INVITE."""


@dataclass(frozen=True, slots=True)
class SendAck:
    """Send this ACK of a 2xx, without a transaction, to the next hop of `dialog`."""

    request: Request
    dialog: Dialog


@dataclass(frozen=True, slots=True)
class SendBye:
    """Send this BYE, in a transaction of its own, to the next hop of `dialog`: nobody here wants that answer."""

    request: Request
    dialog: Dialog


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The 2xx arrived: its ACK came, the first time. The ACK has the session description that an empty INVITE owed."""

    ack: Request


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """No ACK for 64*T1: the owner sends BYE (section 13.3.1.4)."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before a final answer; 487 is on its way."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """A provisional response came. dialog: the early dialog it made, None for 100 and the like."""

    response: Response
    dialog: Dialog | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The first 2xx came; the owner calls `acknowledge`."""

    response: Response
    dialog: Dialog


@dataclass(frozen=True, slots=True)
class AnsweredTooLate:
    """A 2xx crossed our CANCEL; ACK and BYE are on their way, the call is over."""

    response: Response


@dataclass(frozen=True, slots=True)
class Refused:
    """A final response from 300 on; after a cancel it is usually 487."""

    response: Response


@dataclass(frozen=True, slots=True)
class Failed:
    """No final response will come. why: `timeout`, `transport`, or the kind of fault in an answer nobody can use."""

    why: str


ServerOutput = SendResponse | Acknowledged | Unacknowledged | Cancelled
ClientOutput = SendCancel | SendAck | SendBye | Progressed | Answered | AnsweredTooLate | Refused | Failed


# --- the side that is called ---------------------------------------------------------------------------------------


class ServerState(enum.Enum):
    """Where the answer to an INVITE is."""

    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    FINISHED = "finished"


class ServerInvite:
    """The side that is called: from a received INVITE (or re-INVITE) to its ACK.

    local_tag: our To tag, ignored where the INVITE has one. contact: value of our Contact, in every response that makes
    a dialog. headers: what every response carries, such as Server and Allow.
    """

    def __init__(
        self, request: Request, *, local_tag: str, contact: str, settings: TimerSettings, headers: HeaderLines = ()
    ) -> None:
        self.request = request
        self.state = ServerState.PROCEEDING
        self._tag = local_tag
        self._contact = contact
        self._headers = tuple(headers)
        self._settings = settings
        self._outputs: list[ServerOutput] = []
        self._again: Response | None = None
        self._again_at: float | None = None
        self._interval = 0.0
        self._give_up_at = 0.0

    @property
    def finished(self) -> bool:
        """True when nothing more will come of it."""
        return self.state is ServerState.FINISHED

    @property
    def answered(self) -> bool:
        """True from our 2xx on until its ACK; a BYE of ours must wait that long (section 15)."""
        return self.state is ServerState.ACCEPTED

    def provisional(
        self,
        status: int,
        reason: str | None = None,
        *,
        body: bytes = b"",
        content_type: str | None = None,
        headers: HeaderLines = (),
        now: float,
    ) -> None:
        """Send a 101-199, again each minute until the final answer (section 13.3.1.1)."""
        if self.state is not ServerState.PROCEEDING:
            return
        response = self._reply(status, reason, headers, body, content_type, contact=True)
        self._outputs.append(SendResponse(response))
        self._again, self._again_at = response, now + RING_AGAIN_SECONDS

    def accept(
        self, *, body: bytes = b"", content_type: str | None = None, headers: HeaderLines = (), now: float
    ) -> None:
        """Send 200, again from T1 on until the ACK, whatever the transport (section 13.3.1.4)."""
        if self.state is not ServerState.PROCEEDING:
            return
        response = self._reply(200, None, headers, body, content_type, contact=True)
        self._outputs.append(SendResponse(response))
        self.state = ServerState.ACCEPTED
        self._interval = self._settings.t1
        self._again, self._again_at = response, now + self._interval
        self._give_up_at = now + 64 * self._settings.t1

    def refuse(self, status: int, reason: str | None = None, *, headers: HeaderLines = ()) -> None:
        """Send a 300-699; the transaction sees it to its ACK."""
        if status < 300:
            raise LocalError(f"{status} refuses nothing")
        if self.state is not ServerState.PROCEEDING:
            return
        self._outputs.append(SendResponse(self._reply(status, reason, headers, b"", None, contact=False)))
        self._finish()

    def cancelled(self) -> None:
        """Take the caller's CANCEL, which the core has answered: 487, unless a final answer is out (section 9.2)."""
        if self.state is ServerState.PROCEEDING:
            self.refuse(487)
            self._outputs.append(Cancelled())

    def acknowledged(self, ack: Request) -> None:
        """Take an ACK of this INVITE's 2xx, the first or a copy."""
        if self.state is ServerState.ACCEPTED:
            self._finish()
            self._outputs.append(Acknowledged(ack))

    def bye(self) -> None:
        """Take the peer's BYE: an open INVITE gets 487 (section 15.1.2), a 2xx without ACK is not sent any more."""
        if self.state is ServerState.PROCEEDING:
            self.refuse(487)
        else:
            self._finish()

    def failed(self) -> None:
        """Take the end of the transaction without a final answer of ours: the hard lifetime of ringing."""
        if self.state is ServerState.PROCEEDING:
            self._finish()

    def next_timer(self) -> float | None:
        """Return when something must be sent again or given up."""
        if self.state is ServerState.ACCEPTED and self._again_at is not None:
            return min(self._again_at, self._give_up_at)
        return self._again_at

    def handle_timer(self, *, now: float) -> None:
        """Send again or give up, if it is time."""
        if self.state is ServerState.ACCEPTED and now >= self._give_up_at:
            self._finish()
            self._outputs.append(Unacknowledged())
        elif self._again is not None and self._again_at is not None and now >= self._again_at:
            self._outputs.append(SendResponse(self._again))
            if self.state is ServerState.ACCEPTED:
                self._interval = min(2 * self._interval, self._settings.t2)
            else:
                self._interval = RING_AGAIN_SECONDS
            self._again_at = now + self._interval

    def drain(self) -> list[ServerOutput]:
        """Return what to do and what happened, in order, once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _reply(
        self,
        status: int,
        reason: str | None,
        headers: HeaderLines,
        body: bytes,
        content_type: str | None,
        *,
        contact: bool,
    ) -> Response:
        lines: tuple[tuple[str, str], ...] = (*self._headers, *headers)
        if contact:
            lines = (("Contact", self._contact), *lines)
        return self.request.reply(status, reason, to_tag=self._tag, headers=lines, body=body, content_type=content_type)

    def _finish(self) -> None:
        self.state = ServerState.FINISHED
        self._again, self._again_at = None, None


# --- the side that calls -------------------------------------------------------------------------------------------


class ClientState(enum.Enum):
    """Where the INVITE that we sent is. `CALLING`: nothing came yet, so a CANCEL must wait (section 9.1)."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    ANSWERED = "answered"
    FINISHED = "finished"


class _Branch:
    """One phone that answered: its dialog, and the ACK to send again."""

    __slots__ = ("ack", "dialog")

    def __init__(self, dialog: Dialog) -> None:
        self.dialog = dialog
        self.ack: Request | None = None


class ClientInvite:
    """The side that calls: from a sent INVITE to its ACK, and 64*T1 longer for copies and forks.

    dialog: the dialog of a re-INVITE; without it each tag in a response makes a new one.
    """

    def __init__(self, request: Request, *, settings: TimerSettings, dialog: Dialog | None = None) -> None:
        self.request = request
        self.state = ClientState.CALLING
        self.dialog = dialog
        self._inside = dialog is not None
        self._settings = settings
        self._cancel_wanted = False
        self._early: dict[str, Dialog] = {}
        self._branches: dict[str, _Branch] = {}
        self._first: _Branch | None = None
        self._outputs: list[ClientOutput] = []
        self._forget_at: float | None = None

    @property
    def finished(self) -> bool:
        """True when nothing more will come of it."""
        return self.state is ClientState.FINISHED

    def response(self, response: Response, *, now: float) -> None:
        """Take a response that the transaction handed up."""
        if self.state is ClientState.FINISHED:
            return
        if response.status < 200:
            self._progress(response)
        elif response.status < 300:
            self._answer(response, now)
        elif self.state is not ClientState.ANSWERED:
            self._outputs.append(Refused(response))
            self.state = ClientState.FINISHED

    def cancel(self) -> None:
        """Give up: CANCEL goes out as soon as a provisional response is there (section 9.1)."""
        if self._cancel_wanted or self.state not in (ClientState.CALLING, ClientState.PROCEEDING):
            return
        self._cancel_wanted = True
        if self.state is ClientState.PROCEEDING:
            self._outputs.append(SendCancel())

    def failed(self, why: str) -> None:
        """Take the end of the transaction without a final response: `timeout` or `transport`."""
        if self.state in (ClientState.CALLING, ClientState.PROCEEDING):
            self._outputs.append(Failed(why))
            self.state = ClientState.FINISHED

    def acknowledge(self, *, headers: HeaderLines = (), body: bytes = b"", content_type: str | None = None) -> None:
        """Send the ACK of the first 2xx, with the session description it owes; once, copies follow by themselves."""
        branch = self._first
        if branch is None:
            raise LocalError("there is no 2xx to acknowledge")
        if branch.ack is None:
            branch.ack = branch.dialog.ack(
                self.request.cseq.number, headers=headers, body=body, content_type=content_type
            )
            self._outputs.append(SendAck(branch.ack, branch.dialog))

    def next_timer(self) -> float | None:
        """Return when copies of the 2xx cannot come any more (section 13.2.2.4)."""
        return self._forget_at

    def handle_timer(self, *, now: float) -> None:
        """Finish, if it is time."""
        if self._forget_at is not None and now >= self._forget_at:
            self._forget_at = None
            self.state = ClientState.FINISHED

    def drain(self) -> list[ClientOutput]:
        """Return what to do and what happened, in order, once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _progress(self, response: Response) -> None:
        if self.state is ClientState.ANSWERED:  # another phone rings on; its 2xx will be ended
            return
        if self.state is ClientState.CALLING:
            self.state = ClientState.PROCEEDING
            if self._cancel_wanted:
                self._outputs.append(SendCancel())
        self._outputs.append(Progressed(response, self._early_dialog(response)))

    def _early_dialog(self, response: Response) -> Dialog | None:
        if self._inside:
            return self.dialog
        tag = response.to.tag
        if response.status == 100 or not tag:
            return None
        dialog = self._early.get(tag)
        if dialog is None and len(self._early) < MAX_FORKS:
            try:
                dialog = self._early[tag] = Dialog.calling(self.request, response)
            except RemoteError:  # it may still ring; the 2xx will be judged by itself
                return None
        return dialog

    def _answer(self, response: Response, now: float) -> None:
        tag = response.to.tag or ""
        known = self._branches.get(tag)
        if known is not None:
            if known.ack is not None:  # our ACK was lost: the same again (section 13.2.2.4)
                self._outputs.append(SendAck(known.ack, known.dialog))
            return
        if len(self._branches) >= MAX_FORKS:
            return
        try:
            dialog = self._confirm(response, tag)
        except RemoteError as error:
            self.failed(error.kind)
            return
        branch = self._branches[tag] = _Branch(dialog)
        first = self.state is not ClientState.ANSWERED
        if first:
            self.state = ClientState.ANSWERED
            self._forget_at = now + 64 * self._settings.t1
            self._early.clear()
        if first and (self._inside or not self._cancel_wanted):  # a re-INVITE that was cancelled too late has succeeded
            self.dialog, self._first = dialog, branch
            self._outputs.append(Answered(response, dialog))
            return
        self._end(branch)
        if first:
            self._outputs.append(AnsweredTooLate(response))

    def _confirm(self, response: Response, tag: str) -> Dialog:
        if self.dialog is not None and self._inside:
            self.dialog.refresh(response)
            return self.dialog
        early = self._early.get(tag)
        if early is None:
            return Dialog.calling(self.request, response)
        early.confirm(response)
        return early

    def _end(self, branch: _Branch) -> None:
        """Acknowledge an answer that nobody wants and end its dialog (section 13.2.2.4)."""
        branch.ack = branch.dialog.ack(self.request.cseq.number)
        self._outputs.append(SendAck(branch.ack, branch.dialog))
        self._outputs.append(SendBye(branch.dialog.request("BYE"), branch.dialog))
