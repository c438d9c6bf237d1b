"""How an inbound call comes about: one received INVITE from its offer to its ACK."""

import logging

from softswitch import clock
from softswitch.call.cause import Cause
from softswitch.call.leg import LegState
from softswitch.errors import RemoteError
from softswitch.legs import nat
from softswitch.legs.signalling import SDP, Refusal, reason
from softswitch.legs.whole import Attached, Whole
from softswitch.sdp.agreement import MediaRefused
from softswitch.sip import invite as machine
from softswitch.sip.dialog import Dialog
from softswitch.sip.invite_server import ServerInvite, ServerState
from softswitch.sip.message import Request
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.sip")

#: What a 503 asks the peer to wait (RFC 3261 section 20.33): a call that cannot be taken now may be in a few seconds.
RETRY_AFTER_SECONDS = 5
#: A challenge is for us, not for our caller, who could not answer it: it would come without its challenge header.
_REFUSED_AS = {401: 403, 407: 403}


class Inbound(Attached):
    """The side that is called. refusal: why the INVITE cannot become a call, None where it can."""

    def __init__(self, leg: Whole, request: Request, key: Key, tag: str) -> None:
        super().__init__(leg)
        self.key = key
        self.refusal: Refusal | None = None
        self._accepted = False
        self._server = ServerInvite(
            request, local_tag=tag, contact=leg.contact, settings=leg.settings.timers, headers=leg.settings.answers
        )
        self._answer = b""
        self._owes_offer = not request.body
        #: Our session description is out in a reliable provisional response, and the peer has it (RFC 3262).
        self._described = False
        self._early = False
        self._offered = False  # by a reliable 183; the PRACK answers it
        self._cancel_cause = Cause.CANCELLED
        leg.meet(request)
        leg.only_way = nat.translated(request, leg.flow)
        try:
            leg.dialog = Dialog.answering(request, tag)
            leg.signalling.dialog_made(leg.dialog, leg)
            self.refusal = self._read(request)
        except RemoteError as error:
            leg.signalling.note(error.kind, leg.flow, str(error))
            self.refusal = Refusal(error.status)

    def _read(self, request: Request) -> Refusal | None:
        media, timer = self._leg.media, self._leg.timer
        if media is None:
            return Refusal(503, (("Retry-After", str(RETRY_AFTER_SECONDS)),))
        if timer.judge(request):
            return Refusal(422, timer.too_small_headers())
        if self._owes_offer:
            return None
        if request.content_type != SDP:
            return Refusal(415, (("Accept", SDP),))
        try:
            self._answer = media.answer(request.body)
        except MediaRefused as error:
            self._leg.signalling.note(error.kind, self._leg.flow, str(error))
            return Refusal(488, (("Warning", error.header("softswitch")),), f"its offer was refused: {error}")
        return None

    # Commands --------------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Send 180."""
        self._server.provisional(180, now=clock.now())

    def progress(self, *, reliable: bool) -> None:
        """Send 183 with our session description: our answer, or by a reliable one our offer."""
        if self._early:
            return
        self._early = True
        # Our offer must arrive, and only a reliable response is sure to (RFC 3262 section 5).
        reliable = (reliable or self._owes_offer) and self._server.peer_reliable
        media = self._leg.media
        body = self._answer
        if self._owes_offer:
            body = media.offer() if reliable and media is not None else b""
            self._offered = bool(body)
        if not body:  # no sound can flow: better a caller who hears his own telephone ring than one who hears nothing
            self.ring()
            return
        self._server.provisional(183, body=body, content_type=SDP, reliable=reliable, now=clock.now())

    def answer(self) -> None:
        """Send 200; the leg is up at once, or with the ACK that brings the session description."""
        leg = self._leg
        if leg.media is None or self._accepted:
            return
        self._accepted = True
        now = clock.now()
        body = b""
        if not self._described and not self._offered:  # said once is said (RFC 6337 section 3.1.1)
            body = leg.media.offer() if self._owes_offer else self._answer
        headers = leg.timer.answering(self._server.request, now=now)
        self._server.accept(body=body, content_type=SDP if body else None, headers=headers, now=now)
        self._up()

    def _up(self) -> None:
        """The leg is up once the 200 is out, which may wait for a PRACK, and both sides have described their sound."""
        leg = self._leg
        self.carry_out()
        if self._server.answered and leg.media is not None and leg.media.agreed and not self._owes_offer:
            if leg.state in (LegState.NEW, LegState.RINGING):
                leg.up()

    def give_up(self, cause: Cause) -> None:
        """Refuse the call."""
        refusal = self.refusal or Refusal(_REFUSED_AS.get(cause.sip, cause.sip) if cause.sip >= 400 else 480)
        headers = [*refusal.headers, reason(cause)]
        if refusal.status == 503 and not refusal.headers:
            headers.append(("Retry-After", str(RETRY_AFTER_SECONDS)))
        self._server.refuse(refusal.status, headers=headers)

    # What the peer did -----------------------------------------------------------------------------------------

    def acknowledged(self, ack: Request) -> None:
        """Take an ACK of our 2xx."""
        if self._server.request.cseq.number == ack.cseq.number:
            self._server.acknowledged(ack)

    def acknowledged_by_implication(self) -> None:
        """Take a request that the peer can only send once our 2xx has reached it."""
        self._server.acknowledged_by_implication()

    def pracked(self, request: Request, key: Key) -> None:
        """Answer a PRACK; it may bring the answer to our offer, or another offer (RFC 3262 section 5)."""
        leg = self._leg
        if not self._server.pracked(request, now=clock.now()):
            leg.answer_request(request, key, 481)
            return
        if request.body and not self._takes_from_prack:
            leg.answer_request(request, key, 491)
            return
        body = b""
        try:
            if request.body and leg.media is not None:
                if self._offered and self._owes_offer:
                    leg.media.accept(request.body)
                else:
                    body = leg.media.answer(request.body)
        except RemoteError as error:
            log.warning("%s the PRACK has no usable session description: %s", leg.id, error)
            leg.signalling.note(error.kind, leg.flow, str(error))
            leg.answer_request(request, key, error.status)
            if self._owes_offer:  # it was the answer to our offer, and there will be no other
                leg.hang_up(Cause.INCOMPATIBLE)
            return
        if self._early and leg.media is not None and leg.media.agreed:
            self._described = True
            self._owes_offer = False
        leg.answer_request(request, key, 200, body=body, content_type=SDP if body else None)
        self._up()

    @property
    def _takes_from_prack(self) -> bool:
        """Whether a PRACK may bring a session description (RFC 3262 section 5).

        It brings the answer to our offer, or another offer once the 183 has answered the first; not while an offer is
        open either way, and not when it comes so late that the call is up: that is for UPDATE and re-INVITE.
        """
        up = self._leg.state in (LegState.UP, LegState.HELD)
        return self._offered if self._owes_offer else self._early and not up

    def cancelled(self, cause: Cause) -> None:
        """Take the caller's CANCEL."""
        self._cancel_cause = cause
        self._server.cancelled()

    def bye(self) -> None:
        """Take the peer's BYE."""
        self._server.bye()

    def failed(self, why: str) -> None:
        """Take the end of the transaction: of ringing that nobody answered, or of a way that is gone."""
        # A call that is up outlives the way its INVITE came by: the peer may come back by another connection.
        unanswered = self._server.state is ServerState.PROCEEDING
        if why == "transport":
            # RFC 6026 section 8.6 leaves the transaction to us: without a final answer it would stay until the hard
            # lifetime of ringing, and whoever opens connections and drops them could fill all there is room for.
            self._server.refuse(480)
        else:
            self._server.failed()
        if unanswered:
            self._leg.ended(Cause.TIMEOUT, by_peer=True)

    # As a part of the leg ------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True when nothing more will come of the INVITE."""
        return self._server.finished

    #: The Call-ID is the peer's.
    calling = False

    @property
    def open(self) -> bool:
        """True until our final answer is out."""
        return self._server.state is ServerState.PROCEEDING

    @property
    def answered(self) -> bool:
        """True when we have accepted the call, from then on."""
        return self._accepted and not self.open

    @property
    def awaits_ack(self) -> bool:
        """True from our 2xx until its ACK."""
        return self._server.answered

    @property
    def owes_answer(self) -> bool:
        """True while the peer owes the answer to an offer of ours."""
        return self._owes_offer and self.awaits_ack

    def settled(self, _dialog: Dialog) -> bool:
        """Tell whether the first offer has its answer, so that another offer may be made (RFC 3311 section 5.1)."""
        return self._described or (self.answered and not self._owes_offer)

    def carry_out(self) -> bool:
        """Do what the machine wants."""
        outputs = self._server.drain()
        for output in outputs:
            match output:
                case machine.SendResponse(response=response):
                    self._leg.signalling.respond(self.key, response)
                case machine.Acknowledged(ack=ack):
                    self._confirmed(ack)
                case machine.Unacknowledged():
                    self._leg.unacknowledged()
                case machine.NotPracked():
                    self._leg.ended(Cause.TIMEOUT, by_peer=True)
                case machine.Cancelled():
                    self._leg.ended(self._cancel_cause, by_peer=True)
        return bool(outputs)

    def next_timer(self) -> float | None:
        """Return when something must be sent again or given up."""
        return self._server.next_timer()

    def handle_timer(self, *, now: float) -> None:
        """Send again or give up, if it is time."""
        self._server.handle_timer(now=now)

    def _confirmed(self, ack: Request | None) -> None:
        leg = self._leg
        if leg.state is LegState.ENDED:
            leg.send_bye()
            return
        if not self._owes_offer or leg.media is None or ack is None:
            return
        self._owes_offer = False
        try:
            leg.media.accept(ack.body)
        except RemoteError as error:
            # The ACK owed us an answer (RFC 3264 section 4) and brought none that can be used.
            log.warning("%s the ACK has no usable session description: %s", leg.id, error)
            leg.signalling.note(error.kind, leg.flow, str(error))
            leg.release(Cause.INCOMPATIBLE)
            leg.ended(Cause.INCOMPATIBLE.because(f"the peer's answer cannot be used: {error}"), by_peer=False)
            return
        leg.up()
