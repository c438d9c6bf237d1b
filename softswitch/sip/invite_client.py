"""The side that calls: one INVITE until no copy of its answers can come any more (RFC 3261 sections 9.1, 13.2, 14).

Each phone that answers is a dialog of its own, from its first response with a tag on, and keeps its numbers: a PRACK
counts up the CSeq of its early dialog, and the BYE that ends it later must go on from there.
"""

import contextlib
import enum

from softswitch.errors import LocalError, RemoteError
from softswitch.sip.dialog import Dialog
from softswitch.sip.invite import (
    MAX_FORKS,
    Answered,
    AnsweredTooLate,
    ClientOutput,
    Failed,
    HeaderLines,
    Progressed,
    Refused,
    SendAck,
    SendBye,
    SendCancel,
)
from softswitch.sip.message import Request, Response
from softswitch.sip.reliable import RAck, ReliableOrder, rseq_of
from softswitch.sip.transaction import TimerSettings


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
        self._order = ReliableOrder()
        self._branches: dict[str, _Branch] = {}
        self._first: _Branch | None = None
        self._outputs: list[ClientOutput] = []
        self._forget_at: float | None = None

    @property
    def finished(self) -> bool:
        """True when nothing more will come of it."""
        return self.state is ClientState.FINISHED

    def resent(self, request: Request) -> None:
        """Take the news that the INVITE was sent again, with credentials or another session interval: it begins anew.

        The ACK has the CSeq of this request. A wish to cancel stays, and waits for a provisional response to this one.
        """
        if self._branches:
            raise LocalError("an INVITE that was answered is not sent again")
        self.request = request
        self.state = ClientState.CALLING
        self._early.clear()
        self._order = ReliableOrder()

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
        dialog, rseq = self._early_dialog(response), rseq_of(response)
        if dialog is None or rseq is None:  # without a dialog there is no PRACK, and then the peer ends it by itself
            self._outputs.append(Progressed(response, dialog))
        elif self._order.take(dialog.remote_tag, rseq):
            self._outputs.append(Progressed(response, dialog, str(RAck(rseq, self.request.cseq))))

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
        fault = ""
        try:
            dialog = self._confirm(response, tag)
        except RemoteError as error:
            dialog, fault = self._early.get(tag) or Dialog.salvaged(self.request, response), error.kind
        branch = self._branches[tag] = _Branch(dialog)
        first = self.state is not ClientState.ANSWERED
        if first:
            self.state = ClientState.ANSWERED
            self._forget_at = now + 64 * self._settings.t1
        # a re-INVITE that was cancelled too late has succeeded
        if first and not fault and (self._inside or not self._cancel_wanted):
            self.dialog, self._first = dialog, branch
            self._outputs.append(Answered(response, dialog))
            return
        self._end(branch)
        if first:
            self._outputs.append(Failed(fault) if fault and not self._cancel_wanted else AnsweredTooLate(response))

    def _confirm(self, response: Response, tag: str) -> Dialog:
        if self.dialog is not None and self._inside:
            with contextlib.suppress(RemoteError):  # a Contact that cannot be read moves nothing, and the call stands
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
