"""The side that is called: one INVITE from the request to its ACK (RFC 3261 sections 9.2, 13.3, 14.2)."""

import enum

from softswitch.errors import LocalError
from softswitch.sip.invite import (
    RING_AGAIN_SECONDS,
    Acknowledged,
    Cancelled,
    HeaderLines,
    SendResponse,
    ServerOutput,
    Unacknowledged,
)
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import TimerSettings


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
