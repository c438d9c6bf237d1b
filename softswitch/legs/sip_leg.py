"""A leg over SIP: one dialog, one stream of sound, either direction.

The protocol's races are settled in `sip/invite_*.py`; this object turns its outputs into what the call understands
(`Ringing`, `Answered`, `Ended`) and the call's commands into messages. `Ended` is said, and the RTP port given back,
the moment the leg is over; the last messages of its dialog (a BYE that waits for an ACK, copies of an ACK) follow
by themselves, and the user agent forgets the leg when they are done.
"""

import asyncio
import logging
from collections.abc import Iterable

from softswitch import clock
from softswitch.audio.frame import Frame
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import (
    Answered,
    Digit,
    DigitsSent,
    EarlyMedia,
    Ended,
    Held,
    LegEvent,
    LegId,
    LegSink,
    LegState,
    Ringing,
)
from softswitch.errors import RemoteError
from softswitch.legs.rtp_media import RtpMedia
from softswitch.legs.signalling import LegSettings, Refusal, Signalling, cause_in
from softswitch.sdp.negotiate import MediaRefused
from softswitch.sip import invite as machine
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.invite_client import ClientInvite
from softswitch.sip.invite_server import ServerInvite, ServerState
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.sip")

SDP = "application/sdp"
#: What a 503 asks the peer to wait (RFC 3261 section 20.33): a call that cannot be taken now may be in a few seconds.
RETRY_AFTER_SECONDS = 5
#: A challenge is for us, not for our caller, who could not answer it: it would come without its challenge header.
_REFUSED_AS = {401: 403, 407: 403}


class SipLeg:
    """One SIP call leg. Made by `UserAgent`, which drives it by what came from the peer."""

    def __init__(
        self,
        id: LegId,
        signalling: Signalling,
        settings: LegSettings,
        sink: LegSink,
        *,
        flow: Flow,
    ) -> None:
        """`media` is given afterwards; without it (no port was free) the leg can only be refused."""
        self.id = id
        self.state = LegState.NEW
        self.flow = flow
        self.media: RtpMedia | None = None
        self.dialog: Dialog | None = None
        self._signalling = signalling
        self._settings = settings
        self._sink = sink
        self._server: ServerInvite | None = None
        self._server_key: Key = ()
        self._client: ClientInvite | None = None
        self._client_key: Key = ()
        self._refusal: Refusal | None = None
        self._answer = b""
        self._owes_offer = False
        self._reason: tuple[tuple[str, str], ...] = ()
        self._early = False
        self._early_answer = b""
        self._bye_sent = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None

    def report_to(self, sink: LegSink) -> None:
        """Send the events of this leg to `sink` from now on."""
        self._sink = sink

    # Begin -------------------------------------------------------------------------------------------------------

    def invited(self, request: Request, key: Key, *, tag: str, contact: str) -> Refusal | None:
        """Take the INVITE that makes this leg; return why it must be refused, None where it may be answered."""
        self._server = self._server_invite(request, tag=tag, contact=contact)
        self._server_key = key
        try:
            self.dialog = Dialog.answering(request, tag)
            self._signalling.dialog_made(self.dialog, self)
            self._refusal = self._read_offer(request)
        except RemoteError as error:
            self._refusal = Refusal(error.status)
        return self._refusal

    def invite(self, request: Request) -> None:
        """Send the INVITE that makes this leg, unless it was hung up before that."""
        if self.state is LegState.ENDED:
            return
        if self.media is not None:
            request.body = self.media.offer()
            request.headers.set("Content-Type", SDP)
        client = ClientInvite(request, settings=self._settings.timers)
        self._client = client
        self._client_key = self._signalling.request(request, self.flow, self)
        self._pump()

    def _server_invite(self, request: Request, *, tag: str, contact: str) -> ServerInvite:
        return ServerInvite(
            request, local_tag=tag, contact=contact, settings=self._settings.timers, headers=self._settings.headers
        )

    def _read_offer(self, request: Request) -> Refusal | None:
        if self.media is None:
            return Refusal(503, (("Retry-After", str(RETRY_AFTER_SECONDS)),))
        if not request.body:
            self._owes_offer = True
            return None
        if (request.content_type or "").partition(";")[0].strip().lower() != SDP:
            return Refusal(415, (("Accept", SDP),))
        try:
            self._answer = self.media.answer(request.body)
        except MediaRefused as error:
            return Refusal(488, (("Warning", error.header("softswitch")),))
        return None

    # Commands of the call ------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Send 180."""
        if self._server is not None and self.state in (LegState.NEW, LegState.RINGING):
            self.state = LegState.RINGING
            self._server.provisional(180, now=clock.now())
            self._pump()

    def progress(self, reliable: bool = False) -> None:
        """Send 183 with our session description, where the caller has offered one."""
        if self._server is None or self.state not in (LegState.NEW, LegState.RINGING) or self._early:
            return
        self.state = LegState.RINGING
        self._early = not self._owes_offer
        body = b"" if self._owes_offer else self._answer
        self._server.provisional(183, body=body, content_type=SDP if body else None, now=clock.now())
        self._pump()

    def answer(self) -> None:
        """Send 200. The leg is up at once, or with the ACK where that brings the session description."""
        server, media = self._server, self.media
        if server is None or media is None or self.state not in (LegState.NEW, LegState.RINGING):
            return
        body = media.offer() if self._owes_offer else self._answer
        server.accept(body=body, content_type=SDP, now=clock.now())
        self._pump()
        if not self._owes_offer:
            self._up()

    def hold(self, held: bool) -> None:
        """Hold is announced by a re-INVITE, which this leg does not send: the bridge's silence holds the far end."""

    def send_dtmf(self, digits: str, *, in_sound: bool = False) -> None:
        """Press keys towards the far end."""
        if self.media is not None and self.state in (LegState.UP, LegState.HELD):
            self.media.send_digits(digits)

    def refer(self, target: str) -> None:
        """Refer is not spoken by this leg: the call bridges a transfer instead."""

    def hang_up(self, cause: Cause = Cause.NORMAL) -> None:
        """Refuse, cancel or release, whatever the state asks for."""
        if self.state is LegState.ENDED:
            return
        server, client = self._server, self._client
        if self.state in (LegState.UP, LegState.HELD) or (server is not None and server.answered):
            self._release(cause)
        elif server is not None:
            self._refuse(server, cause)
        elif client is not None:
            client.cancel()
        self._ended(cause, by_peer=False)

    def _refuse(self, server: ServerInvite, cause: Cause) -> None:
        refusal = self._refusal or Refusal(_REFUSED_AS.get(cause.sip, cause.sip) if cause.sip >= 400 else 480)
        headers = [*refusal.headers, ("Reason", f'Q.850;cause={cause.q850};text="{cause.words}"')]
        if refusal.status == 503 and not refusal.headers:
            headers.append(("Retry-After", str(RETRY_AFTER_SECONDS)))
        server.refuse(refusal.status, headers=headers)

    def _release(self, cause: Cause) -> None:
        self._reason = (("Reason", f'Q.850;cause={cause.q850};text="{cause.words}"'),)
        # A 200 without its ACK must not be followed by a BYE yet (RFC 3261 section 15): it waits for either.
        if self._server is None or not self._server.answered:
            self._send_bye()

    def _send_bye(self) -> None:
        if self.dialog is None or self._bye_sent:
            return
        self._bye_sent = True
        bye = self.dialog.request("BYE", headers=(*self._reason, *self._settings.headers))
        self._signalling.request(bye, self._signalling.flow_to(self.dialog, self.flow), self)

    # What the peer did -------------------------------------------------------------------------------------------

    def request_received(self, request: Request, key: Key, *, contact: str) -> None:
        """Take a request of the peer inside this dialog."""
        dialog = self.dialog
        if dialog is None:
            return
        try:
            dialog.receive(request)
        except RemoteError as error:
            self._reply(request, key, error.status)
            return
        match request.method:
            case "BYE":
                self._reply(request, key, 200)
                self._bye_received(request)
            case "INVITE":
                self._reinvited(request, key, contact=contact)
            case "OPTIONS":
                self._reply(request, key, 200)
            case _:
                self._reply(request, key, 501)

    def ack_received(self, ack: Request) -> None:
        """Take an ACK of a 2xx of ours."""
        server = self._server
        if server is not None and server.request.cseq.number == ack.cseq.number:
            server.acknowledged(ack)
            self._pump()

    def cancel_received(self) -> None:
        """Take the caller's CANCEL."""
        if self._server is not None:
            self._server.cancelled()
            self._pump()

    def response_received(self, request_key: Key, response: Response, flow: Flow) -> None:
        """Take a response to a request of ours."""
        client = self._client
        if client is None or self._client_key != request_key:
            return
        self.flow = flow
        client.response(response, now=clock.now())
        self._pump()

    def request_failed(self, request_key: Key, why: str) -> None:
        """Take the end of a transaction of ours that brought no final response."""
        if self._client is not None and self._client_key == request_key:
            self._client.failed(why)
        elif self._server is not None and self._server_key == request_key:
            # A call that is up outlives the way its INVITE came by: the peer may come back by another connection.
            unanswered = self._server.state is ServerState.PROCEEDING
            self._server.failed()
            if unanswered:
                self._ended(Cause.TIMEOUT, by_peer=True)
        self._pump()

    def _bye_received(self, request: Request) -> None:
        if self._server is not None:
            self._server.bye()
        self._bye_sent = True
        self._ended(cause_in(request), by_peer=True)
        self._pump()

    def _reinvited(self, request: Request, key: Key, *, contact: str) -> None:
        """Answer a re-INVITE: another offer for the same sound (RFC 3261 section 14.2)."""
        media, dialog = self.media, self.dialog
        if media is None or dialog is None:
            self._reply(request, key, 481)
            return
        if self.state not in (LegState.UP, LegState.HELD) or (self._server is not None and not self._server.finished):
            # One at a time; 0 to 10 s by the RFC, and the first one is as good as done.
            self._reply(request, key, 500, (("Retry-After", "1"),))
            return
        server = self._server_invite(request, tag=dialog.local_tag, contact=contact)
        try:
            self._owes_offer = not request.body
            body = media.offer() if self._owes_offer else media.answer(request.body)
        except RemoteError as error:
            warning = (("Warning", error.header("softswitch")),) if isinstance(error, MediaRefused) else ()
            server.refuse(error.status, headers=warning)
            self._carry_out(server, key)
            return
        self._server, self._server_key = server, key
        server.accept(body=body, content_type=SDP, now=clock.now())
        self._pump()
        self._note_hold()

    def _reply(self, request: Request, key: Key, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._signalling.respond(key, request.reply(status, headers=(*self._settings.headers, *headers)))

    # Sound ---------------------------------------------------------------------------------------------------------

    def take(self) -> Frame | None:
        """Return the next 20 ms the far end says."""
        media = self.media
        return media.take() if media is not None else None

    def give(self, frame: Frame) -> None:
        """Send 20 ms to the far end."""
        media = self.media
        if media is not None:
            media.give(frame)

    def keys_happened(self, event: Digit | DigitsSent) -> None:
        """Pass on what the sound said of keys; the tick it comes from must be over first."""
        asyncio.get_running_loop().call_soon(self._report_key, event)

    def _report_key(self, event: Digit | DigitsSent) -> None:
        if self.state is not LegState.ENDED:  # `Ended` is the last that is said
            self._report(event)

    def sound_died(self) -> None:
        """Give up a call whose peer sends nothing any more."""
        log.warning("%s no sound has come for too long, the call is given up", self.id)
        asyncio.get_running_loop().call_soon(self.hang_up, Cause.MEDIA_TIMEOUT)

    # Inside --------------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Carry out what the INVITE machines want, arm one timer, and let the user agent forget what is done."""
        if self._server is not None:
            self._carry_out(self._server, self._server_key)
        if self._client is not None:
            self._carry_out(self._client, self._client_key)
        self._arm()
        done = (self._server is None or self._server.finished) and (self._client is None or self._client.finished)
        if done and self.state is LegState.ENDED:
            self._signalling.forget(self)

    def _carry_out(self, one: ServerInvite | ClientInvite, key: Key) -> None:
        for output in one.drain():
            match output:
                case machine.SendResponse(response=response):
                    self._signalling.respond(key, response)
                case machine.SendCancel():
                    self._signalling.cancel(key)
                case machine.SendAck(request=request, dialog=dialog):
                    self._signalling.acknowledge(request, self._signalling.flow_to(dialog, self.flow))
                case machine.SendBye(request=request, dialog=dialog):
                    self._signalling.request(request, self._signalling.flow_to(dialog, self.flow), self)
                case _:
                    self._happened(output)

    def _happened(self, output: machine.ServerOutput | machine.ClientOutput) -> None:
        match output:
            case machine.Acknowledged(ack=ack):
                self._acknowledged(ack)
            case machine.Unacknowledged():
                self._unacknowledged()
            case machine.Cancelled():
                self._ended(Cause.CANCELLED, by_peer=True)
            case machine.Progressed(response=response):
                self._progressed(response)
            case machine.Answered(response=response, dialog=dialog):
                self._answered(response, dialog)
            case machine.Refused(response=response):
                self._ended(from_status(response.status), by_peer=True)
            case machine.Failed(why=why):
                self._ended(Cause.OUT_OF_ORDER if why == "transport" else from_status(408), by_peer=True)
            case _:
                pass

    def _acknowledged(self, ack: Request) -> None:
        if self.state is LegState.ENDED:
            self._send_bye()
            return
        if not self._owes_offer or self.media is None:
            return
        self._owes_offer = False
        try:
            self.media.accept(ack.body)
        except RemoteError as error:
            # The ACK owed us an answer (RFC 3264 section 4) and brought none that can be used.
            log.warning("%s the ACK has no usable session description: %s", self.id, error)
            if self.state in (LegState.UP, LegState.HELD):
                return  # of a re-INVITE: what was agreed before still stands (RFC 3261 section 14.1)
            self._reason = ()
            self._send_bye()
            self._ended(Cause.INCOMPATIBLE, by_peer=False)
            return
        if self.state in (LegState.UP, LegState.HELD):
            self._note_hold()
        else:
            self._up()

    def _unacknowledged(self) -> None:
        self._reason = ()
        self._send_bye()  # RFC 3261 section 13.3.1.4
        if self.state is not LegState.ENDED:
            self._ended(Cause.TIMEOUT, by_peer=True)

    def _progressed(self, response: Response) -> None:
        if self.state is LegState.ENDED or response.status == 100:
            return
        self.state = LegState.RINGING
        if self._early:
            return  # it has sound already, which a copy or another phone's ringing must not replace
        if response.body and self.media is not None:
            try:
                self.media.accept(response.body)
            except RemoteError as error:
                log.warning("%s early session description is unusable: %s", self.id, error)
            else:
                self._early, self._early_answer = True, response.body
                self._report(EarlyMedia())
                return
        self._report(Ringing())

    def _answered(self, response: Response, dialog: Dialog) -> None:
        client, media = self._client, self.media
        if client is None or media is None:
            return
        client.acknowledge()
        self.dialog = dialog
        self._signalling.dialog_made(dialog, self)
        self._carry_out(client, self._client_key)
        try:
            if response.body and response.body != self._early_answer:  # it may come from another phone (a fork)
                media.accept(response.body)
            if not media.agreed:
                raise RemoteError("the answer has no session description", kind="missing_sdp")
        except RemoteError as error:
            log.warning("%s answered without a usable session description: %s", self.id, error)
            self._release(Cause.INCOMPATIBLE)
            self._ended(Cause.INCOMPATIBLE, by_peer=True)
            return
        self._up()

    def _up(self) -> None:
        self.state = LegState.UP
        self._report(Answered())
        self._note_hold()

    def _note_hold(self) -> None:
        held = self.media is not None and self.media.held
        if held != (self.state is LegState.HELD) and self.state in (LegState.UP, LegState.HELD):
            self.state = LegState.HELD if held else LegState.UP
            self._report(Held(held))

    def _ended(self, cause: Cause, *, by_peer: bool) -> None:
        if self.state is LegState.ENDED:
            return
        self.state = LegState.ENDED
        media, self.media = self.media, None
        event = Ended(cause, by_peer)
        if media is not None:
            event = Ended(cause, by_peer, media.report())
            media.close()
        self._pump()  # first the wire, then the books
        self._report(event)

    def _report(self, event: LegEvent) -> None:
        self._sink(self, event)

    def _arm(self) -> None:
        times = [one.next_timer() for one in (self._server, self._client) if one is not None]
        at = min((time for time in times if time is not None), default=None)
        if at == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = at
        if at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - clock.now()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer, self._timer_at = None, None
        now = clock.now()
        for one in (self._server, self._client):
            if one is not None:
                one.handle_timer(now=now)
        self._pump()
