"""The side that is called: one INVITE from the request to its ACK (RFC 3261 sections 9.2, 13.3, 14.2; RFC 3262).

Until the final response, provisional ones go out; those that must arrive are numbered and repeated by `reliable.py`. A
2xx waits while one of them with a session description has no PRACK, for the answer may not overtake it; the state is
still Proceeding then, so that CANCEL, BYE and a refusal do what they always do.
"""

import enum

from softswitch.errors import LocalError
from softswitch.sip.invite import (
    RING_AGAIN_SECONDS,
    Acknowledged,
    Cancelled,
    HeaderLines,
    NotPracked,
    SendResponse,
    ServerOutput,
    Unacknowledged,
)
from softswitch.sip.message import Request, Response
from softswitch.sip.option_tags import requires, supports
from softswitch.sip.reliable import OPTION, ReliableResponses, first_rseq
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
        self._reliable = ReliableResponses(request, first=first_rseq(local_tag, request), t1=settings.t1)
        self._required = requires(request, OPTION)
        self._held: Response | None = None  # the 2xx that waits for a PRACK
        self._owed = False  # the ACK must bring a session description
        self.peer_reliable = supports(request, OPTION)
        """True when the caller can take reliable provisional responses."""

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
        reliable: bool = False,
        now: float,
    ) -> None:
        """Send a 101-199, again each minute until the final answer (section 13.3.1.1).

        reliable: it must arrive (RFC 3262), where the caller can acknowledge it; where the caller insists, each one
        must. Such a response waits for the PRACK of the one before.
        """
        if self.state is not ServerState.PROCEEDING or self._held is not None:
            return
        response = self._reply(status, reason, headers, body, content_type, contact=True)
        if self._required or (reliable and self.peer_reliable):
            self._reliable.send(response, now=now)
            self._send_reliable()
            # What is acknowledged must not be sent again: a minute later it only says that we are still there.
            response = self._reply(status, reason, headers, b"", None, contact=True)
        else:
            self._outputs.append(SendResponse(response))
        self._again, self._again_at = response, now + RING_AGAIN_SECONDS

    def pracked(self, request: Request, *, now: float) -> bool:
        """Take a PRACK. True: it acknowledges a response of this INVITE, answer 200; False: 481 (RFC 3262 section 3).

        It may come after the final response, too.
        """
        if not self._reliable.pracked(request, now=now):
            return False
        self._send_reliable()
        if self._held is not None and not self._reliable.describing:
            self._accept(self._held, now)
        return True

    def accept(
        self, *, body: bytes = b"", content_type: str | None = None, headers: HeaderLines = (), now: float
    ) -> None:
        """Send 200, again from T1 on until the ACK, whatever the transport (section 13.3.1.4).

        While a reliable response with a session description has no PRACK, the 200 waits (RFC 3262 section 3).
        """
        if self.state is not ServerState.PROCEEDING or self._held is not None:
            return
        response = self._reply(200, None, headers, body, content_type, contact=True)
        if not self._reliable.describing:
            self._accept(response, now)
            return
        self._held = response
        self._reliable.hurry()
        self._again, self._again_at = None, None

    def _accept(self, response: Response, now: float) -> None:
        self._held = None
        self._reliable.stop()
        self._owed = bool(response.body) and not self.request.body and not self._reliable.described
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

    def acknowledged_by_implication(self) -> None:
        """Take a request that the peer only sends after our 2xx: its ACK is lost, but the 2xx need not come again.

        Nothing changes where the ACK owes a session description: only another copy of the 2xx brings that one again.
        """
        if self.state is ServerState.ACCEPTED and not self._owed:
            self._finish()
            self._outputs.append(Acknowledged(None))

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
        times = [self._again_at, self._reliable.next_timer()]
        if self.state is ServerState.ACCEPTED:
            times.append(self._give_up_at)
        return min((at for at in times if at is not None), default=None)

    def handle_timer(self, *, now: float) -> None:
        """Send again or give up, if it is time."""
        if self.state is ServerState.ACCEPTED and now >= self._give_up_at:
            self._finish()
            self._outputs.append(Unacknowledged())
        elif self._reliable.overdue(now=now):
            self.refuse(504)  # RFC 3262 section 3 wants a 5xx; this one says that somebody did not answer in time
            self._outputs.append(NotPracked())
        else:
            self._reliable.handle_timer(now=now)
            self._send_reliable()
            if self._again is not None and self._again_at is not None and now >= self._again_at:
                self._repeat(self._again, now)

    def _repeat(self, response: Response, now: float) -> None:
        if self.state is ServerState.ACCEPTED:
            self._interval = min(2 * self._interval, self._settings.t2)
        else:
            self._interval = RING_AGAIN_SECONDS
        self._again_at = now + self._interval
        if self.state is ServerState.PROCEEDING and self._required:
            self._reliable.send(response, now=now)
            self._send_reliable()
        else:
            self._outputs.append(SendResponse(response))

    def _send_reliable(self) -> None:
        self._outputs.extend(SendResponse(response) for response in self._reliable.drain())

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
        self._held, self._again, self._again_at = None, None, None
        self._reliable.stop()
