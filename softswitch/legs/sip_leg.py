"""A leg over SIP: one call with one peer, one stream of sound, either direction.

Theory of operation. A leg is put together of parts, each of which knows one thing: how the call comes about (`Inbound`
or `Outbound`), what changes once it stands (`Session`), keys by INFO (`InfoKeys`). The parts drive the pure machines of
`sip/`; what they have in common is here: the dialog, the sound, the state, what the call is told. `Pump` drives them,
and the leg is forgotten when nothing more will come.

`Ended` is said, and the RTP port given back, the moment the leg is over; the last messages of its dialog (a BYE that
waits for an ACK, copies of an ACK) follow by themselves.
"""

import asyncio
import logging
from collections.abc import Iterable

from softswitch.audio.frame import Frame
from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, Digit, DigitsSent, Ended, FarEnd, Held, LegEvent, LegId, LegSink, LegState
from softswitch.call.record import NO_MEDIA, MediaReport
from softswitch.errors import RemoteError
from softswitch.legs.inbound import Inbound
from softswitch.legs.info_keys import InfoKeys
from softswitch.legs.outbound import Outbound
from softswitch.legs.pump import Pump
from softswitch.legs.referred import Referred
from softswitch.legs.referring import Referring
from softswitch.legs.replacing import far_end
from softswitch.legs.rtp_media import RtpMedia
from softswitch.legs.session import Session
from softswitch.legs.signalling import LegSettings, Refusal, Signalling, Standing, leg_of_attempt, reason, reason_in
from softswitch.legs.vigil import Vigil
from softswitch.legs.whole import OnAnswer, Part
from softswitch.sip.auth import DigestClient
from softswitch.sip.dialog import Dialog, DialogId
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request, Response
from softswitch.sip.session_timer import SessionTimer, SessionTimerSettings
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.sip")


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
        contact: str,
        session_timer: SessionTimerSettings,
    ) -> None:
        """`media` is given afterwards; without it (no port was free) the leg can only be refused."""
        self.id = id
        self.state = LegState.NEW
        self.flow = flow
        #: Whether the peer is reached by `flow` alone, and its Contact leads nowhere.
        self.only_way = False
        self.contact = contact
        #: By which the call goes, empty for none.
        self.carrier = ""
        self.media: RtpMedia | None = None
        self.auth: DigestClient | None = None
        self.dialog: Dialog | None = None
        self.timer = SessionTimer(session_timer)
        self.signalling = signalling
        self.settings = settings
        #: What the peer says it can do (Allow), upper case; empty while it has said nothing.
        self.peer_allows: frozenset[str] = frozenset()
        self._sink = sink
        self._setup: Inbound | Outbound | None = None
        self._session = Session(self)
        self._info_keys = InfoKeys(self)
        self._referred = Referred(self)
        self._referring = Referring(self)
        self._standing: tuple[Part, ...] = (
            self._session,
            self._info_keys,
            self._referred,
            self._referring,
            Vigil(self, settings.vigil),
        )
        self._pump = Pump(self._standing, self._still)
        self._answers: dict[Key, OnAnswer] = {}
        self._bye_sent = False
        self._bye_reason: tuple[tuple[str, str], ...] = ()

    def report_to(self, sink: LegSink) -> None:
        """Send the events of this leg to `sink` from now on."""
        self._sink = sink

    # Begin -------------------------------------------------------------------------------------------------------

    def invited(self, request: Request, key: Key, *, tag: str) -> Refusal | None:
        """Take the INVITE that makes this leg; return why it must be refused, None where it may be answered."""
        inbound = Inbound(self, request, key, tag)
        self._begin(inbound)
        return inbound.refusal

    def invite(self, request: Request, *, late_offer: bool = False) -> None:
        """Send the INVITE that makes this leg, unless it was hung up before that."""
        if self.state is LegState.ENDED:
            return
        outbound = Outbound(self, request, late_offer=late_offer)
        self._begin(outbound)
        outbound.start()
        self._pump()

    def abandon(self) -> None:
        """Be over without having begun: nobody was told of this leg."""
        self.state = LegState.ENDED
        self._pump.close()

    def _begin(self, setup: Inbound | Outbound) -> None:
        self._setup = setup
        self._pump.parts = (setup, *self._standing)

    @property
    def sound(self) -> MediaReport | None:
        """How its sound is so far, None where it has none."""
        return self.media.report() if self.media is not None else None

    def watch_levels(self) -> None:
        """Measure the levels of its sound for the next seconds."""
        if self.media is not None:
            self.media.watch_levels()

    @property
    def far_end(self) -> FarEnd:
        """Whom it leads to."""
        return far_end(self)

    @property
    def heard(self) -> bool:
        """Whether the peer has answered our INVITE with anything at all."""
        return isinstance(self._setup, Outbound) and self._setup.heard

    def standing(self, dialog: DialogId) -> Standing:
        """Return how a dialog of this leg stands: it may be one of a telephone that another one was faster than."""
        setup, lost = self._setup, self.dialog is not None and self.dialog.id != dialog
        return Standing(
            leg_of_attempt(self.id),
            early=setup is None or setup.open,
            calling=setup is not None and setup.calling,
            over=lost or self.state is LegState.ENDED,
            host=self.flow.remote[0],
            carrier=self.carrier,
        )

    def way(self, dialog: Dialog) -> Flow:
        """Return the way to the next hop of a dialog of this leg."""
        if self.only_way and not self.flow.reliable and not dialog.routes:
            return self.flow
        return self.signalling.flow_to(dialog, self.flow)

    # Commands of the call ------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Send 180."""
        if isinstance(self._setup, Inbound) and self.state in (LegState.NEW, LegState.RINGING):
            self.state = LegState.RINGING
            self._setup.ring()
            self._pump()

    def progress(self, reliable: bool = False) -> None:
        """Send 183 with our session description; reliable: by RFC 3262, where the caller knows that."""
        if isinstance(self._setup, Inbound) and self.state in (LegState.NEW, LegState.RINGING):
            self.state = LegState.RINGING
            self._setup.progress(reliable=reliable)
            self._pump()

    def answer(self) -> None:
        """Send 200. The leg is up at once, or with the ACK where that brings the session description."""
        if isinstance(self._setup, Inbound) and self.state in (LegState.NEW, LegState.RINGING):
            self._setup.answer()
            self._pump()

    def hold(self, held: bool) -> None:
        """Put the far end on hold by a re-INVITE, or take it back."""
        if self.state in (LegState.UP, LegState.HELD):
            self._session.hold(held)
            self._pump()

    def send_dtmf(self, digits: str, *, in_sound: bool = False) -> None:
        """Press keys towards the far end, in its dialect; in_sound: its tones are in what the far end hears already."""
        media = self.media
        if media is None or self.state not in (LegState.UP, LegState.HELD):
            return
        dialect = media.dialect
        if in_sound and dialect == "inband":
            self.keys_happened(DigitsSent())
        elif dialect == "info":
            self._info_keys.press(digits)
            self._pump()
        else:
            media.send_digits(digits)

    def refer(self, target: str, *, replaces: str = "", referred_by: str = "") -> None:
        """Send REFER, once no offer is open; `ReferProgress` follows."""
        if self.state in (LegState.UP, LegState.HELD):
            self._referring.refer(target, replaces=replaces, referred_by=referred_by)
            self._pump()

    def refer_progress(self, status: int) -> None:
        """Send NOTIFY with how the transfer goes that the far end asked for, even after its BYE."""
        self._referred.progress(status)
        self._pump()

    def hang_up(self, cause: Cause = Cause.NORMAL) -> None:
        """Refuse, cancel or release, whatever the state asks for."""
        if self.state is LegState.ENDED:
            return
        setup = self._setup
        if setup is not None and setup.open:
            setup.give_up(cause)
        elif setup is not None:
            self.release(cause)
        self.ended(cause, by_peer=False)

    # What the parts do with the leg -------------------------------------------------------------------------------

    def release(self, cause: Cause) -> None:
        """Send BYE; after a 200 without its ACK it must wait for that, or for its time-out (RFC 3261 section 15)."""
        self._bye_reason = (reason(cause),)
        if self._setup is None or not self._setup.awaits_ack:
            self.send_bye()

    def send_bye(self) -> None:
        """Send BYE now, once."""
        if self.dialog is None or self._bye_sent:
            return
        self._bye_sent = True
        bye = self.dialog.request("BYE", headers=(*self._bye_reason, *self.settings.requests))
        self.send(bye, self.dialog)

    def send(self, request: Request, dialog: Dialog, on_answer: OnAnswer | None = None) -> Key:
        """Send a request inside a dialog; on_answer: told of its final response."""
        key = self.signalling.send(request, self.way(dialog), self, self.auth, dialog)
        if on_answer is not None:
            self._answers[key] = on_answer
        return key

    def answer_request(
        self,
        request: Request,
        key: Key,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        """Answer a request of the peer inside a dialog."""
        lines = (*self.settings.answers, *headers)
        self.signalling.respond(key, request.reply(status, headers=lines, body=body, content_type=content_type))

    @property
    def setup(self) -> Inbound | Outbound | None:
        """How the call comes about."""
        return self._setup

    @property
    def changing(self) -> bool:
        """Whether an offer is open."""
        return self._session.busy

    def unacknowledged(self) -> None:
        """Give up a call whose peer did not acknowledge our 2xx (RFC 3261 section 13.3.1.4)."""
        self._bye_reason = ()
        self.send_bye()
        self.ended(
            Cause.TIMEOUT.because(f"no ACK came for our answer, whose Contact was {self.contact}"), by_peer=False
        )

    def lost(self, cause: Cause) -> None:
        """Give up a call whose peer does not know it any more, or is not there."""
        if self.state is not LegState.ENDED:
            log.warning("%s the peer is gone: %s", self.id, cause)
            self.release(cause)
            self.ended(cause, by_peer=False)

    def meet(self, message: Request | Response) -> None:
        """Note what the peer says about itself."""
        if "Allow" in message.headers:
            self.peer_allows = frozenset(name.upper() for name in message.headers.readable("Allow"))

    def up(self) -> None:
        """The leg is answered; it is up when sound can flow: what is said while a handshake goes on is lost."""
        if self.state not in (LegState.NEW, LegState.RINGING):
            return
        if self.media is not None and not self.media.ready(self._up_with_keys):
            return
        self.state = LegState.UP
        self.signalling.talking(self, self.flow)
        self.report(Answered())
        self.note_hold()

    def _up_with_keys(self) -> None:
        self.up()
        self._pump()

    def note_hold(self) -> None:
        """Tell the call where the peer has put us on hold, or taken us back."""
        held = self.media is not None and self.media.held
        if held != (self.state is LegState.HELD) and self.state in (LegState.UP, LegState.HELD):
            self.state = LegState.HELD if held else LegState.UP
            self.report(Held(held))

    def ended(self, cause: Cause, *, by_peer: bool, said: str = "") -> None:
        """The leg is over: give everything back, say so, once. said: what the peer said, when it refused."""
        if self.state is LegState.ENDED:
            return
        self.state = LegState.ENDED
        media, self.media = self.media, None
        self.timer.stop()
        self._session.stop()
        self._info_keys.stop()
        self._referred.stop()
        self._referring.stop()
        event = Ended(cause, by_peer, media.report() if media is not None else NO_MEDIA, said)
        if media is not None:
            media.close()
        self._pump()  # first the wire, then the books
        self.report(event)

    def report(self, event: LegEvent) -> None:
        """Tell the call."""
        self._sink(self, event)

    # What the peer did -------------------------------------------------------------------------------------------

    def request_received(self, request: Request, key: Key, flow: Flow) -> None:
        """Take a request of the peer inside a dialog of this leg."""
        dialog = self._dialog_of(request)
        if dialog is None:
            self.answer_request(request, key, 481)
            return
        try:
            dialog.receive(request)
        except RemoteError as error:
            self.signalling.note(error.kind, flow, str(error))
            self.answer_request(request, key, error.status)
            return
        self.flow = flow  # a peer behind a NAT may come by another way today
        match request.method:
            case "BYE":
                self.answer_request(request, key, 200)
                self._bye_received(request)
            case "INVITE" | "UPDATE":
                self._session.request_received(request, key, dialog)
                self._pump()
            case "PRACK" if isinstance(self._setup, Inbound):
                self._setup.pracked(request, key)
                self._pump()
            case "INFO":
                self._info_keys.received(request, key)
            case "OPTIONS":
                self.answer_request(request, key, 200)
            case "REFER" | "SUBSCRIBE":
                self._referred.request_received(request, key)
                self._pump()
            case "NOTIFY":
                self._referring.notified(request, key)
                self._pump()
            case "REGISTER":  # known outside of calls, and nothing that ends this one
                self.answer_request(request, key, 405)
            case _:  # a PRACK that nothing here waits for
                self.answer_request(request, key, 481)

    def ack_received(self, ack: Request) -> None:
        """Take an ACK of a 2xx of ours."""
        if isinstance(self._setup, Inbound):
            self._setup.acknowledged(ack)
        self._session.acknowledged(ack)
        self._pump()

    def cancel_received(self, cancel: Request) -> None:
        """Take the caller's CANCEL."""
        if isinstance(self._setup, Inbound):
            self._setup.cancelled(reason_in(cancel.headers, Cause.CANCELLED))
            self._pump()

    def response_received(self, key: Key, response: Response, flow: Flow) -> None:
        """Take a response to a request of ours."""
        if isinstance(self._setup, Outbound) and self._setup.key == key:
            self.flow = flow
            self._setup.response_received(response)
        elif self._session.owns(key):
            self._session.response_received(key, response)
        elif response.status >= 200:
            self._answered(key, response)
        self._pump()

    def request_failed(self, key: Key, why: str) -> None:
        """Take the end of a transaction that brought no final response."""
        if self._setup is not None and self._setup.key == key:
            self._setup.failed(why)
        elif self._session.owns(key):
            self._session.failed(key, why)
        else:
            self._answered(key, None)
        self._pump()

    def request_resent(self, old: Key, new: Key, request: Request) -> None:
        """Follow a request that went out again with credentials."""
        if isinstance(self._setup, Outbound) and self._setup.key == old:
            self._setup.resent(new, request)
        elif self._session.owns(old):
            self._session.resent(old, new, request)
        elif old in self._answers:
            self._answers[new] = self._answers.pop(old)
            self._referring.resent(old, new, request)

    def _answered(self, key: Key, response: Response | None) -> None:
        on_answer = self._answers.pop(key, None)
        if on_answer is not None:
            on_answer(response)

    def _dialog_of(self, request: Request) -> Dialog | None:
        if self.dialog is not None:  # once one phone has answered, what the others say is nothing to this call
            return self.dialog if self.dialog.matches(request) else None
        return self._setup.early_dialog(request) if isinstance(self._setup, Outbound) else None

    def _bye_received(self, request: Request) -> None:
        cause = reason_in(request.headers, Cause.NORMAL)
        if isinstance(self._setup, Inbound):
            self._setup.bye()
        elif self._setup is not None and self._setup.open:  # of a phone that rings, which section 15 forbids
            self._setup.give_up(cause)
        self._session.bye()
        self._bye_sent = True
        self.ended(cause, by_peer=True)
        self._pump()

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

    def cut(self) -> None:
        """Learn that what it hears next does not follow what it heard before."""
        if self.media is not None:
            self.media.cut()

    def keys_happened(self, event: Digit | DigitsSent) -> None:
        """Pass on what was said of keys; the tick it comes from must be over first."""
        asyncio.get_running_loop().call_soon(self._report_key, event)

    def _report_key(self, event: Digit | DigitsSent) -> None:
        if self.state is not LegState.ENDED:  # `Ended` is the last that is said
            self.report(event)

    def sound_died(self) -> None:
        """Give up a call whose peer sends nothing any more."""
        log.warning("%s no sound has come for too long, the call is given up", self.id)
        asyncio.get_running_loop().call_soon(self.hang_up, Cause.MEDIA_TIMEOUT)

    def sound_insecure(self, why: str) -> None:
        """Give up a call whose sound cannot be encrypted as it was agreed."""
        asyncio.get_running_loop().call_soon(self.hang_up, Cause.INCOMPATIBLE.because(why))

    def _still(self) -> None:
        if self.state is LegState.ENDED and self._pump.finished:
            self.signalling.forget(self)
            self._pump.close()
