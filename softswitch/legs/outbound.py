"""How an outbound call comes about: our INVITE, its provisional answers and forks, the 200 and its ACK."""

import logging

from softswitch import clock
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import EarlyMedia, LegState, Ringing
from softswitch.errors import RemoteError
from softswitch.legs.rtp_media import RtpMedia
from softswitch.legs.signalling import CREDENTIALS, SDP, reason, reason_in
from softswitch.legs.whole import Attached, Whole
from softswitch.net.address import show
from softswitch.sip import invite as machine
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.invite_client import ClientInvite, ClientState
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.sip")

#: Characters of a refusal that are kept: the reason is the peer's, who may have sent 60 kB.
MAX_SAID = 160
#: Why no final response came; any other word is what is wrong with the one that did.
_FAILED = {"transport": Cause.OUT_OF_ORDER, "timeout": from_status(408)}


class Outbound(Attached):
    """The side that calls. key: of the INVITE's transaction. heard: any response came."""

    def __init__(self, leg: Whole, request: Request, *, late_offer: bool) -> None:
        super().__init__(leg)
        self.key: Key = ()
        self.heard = False
        self._request = request
        self._late_offer = late_offer
        self._client = ClientInvite(request, settings=leg.settings.timers)
        self._early: dict[str, Dialog] = {}
        #: Of whom we hear early media (tag), and the session description that said so.
        self._sounding: tuple[str, bytes] | None = None
        self._cancel_reason: tuple[tuple[str, str], ...] = ()

    def start(self) -> None:
        """Send the INVITE."""
        leg = self._leg
        if not self._late_offer and leg.media is not None:
            self._request.body = leg.media.offer()
            self._request.headers.set("Content-Type", SDP)
        for name, value in leg.timer.request_headers():
            self._request.headers.set(name, value)
        self._send(self._request)

    def _send(self, request: Request) -> None:
        leg = self._leg
        self.key = leg.signalling.send(request, leg.flow, leg, leg.auth)
        leg.signalling.invites(self.key, leg)
        leg.signalling.talking(leg, leg.flow)

    def give_up(self, cause: Cause) -> None:
        """Cancel the call, as soon as the RFC lets us (RFC 3261 section 9.1)."""
        self._cancel_reason = (reason(cause),)
        self._leg.signalling.give_up(self.key)
        self._client.cancel()

    # What the peer did -----------------------------------------------------------------------------------------

    def response_received(self, response: Response) -> None:
        """Take a response to the INVITE."""
        leg = self._leg
        self.heard = True
        leg.meet(response)
        if response.status == 422 and leg.state is not LegState.ENDED and leg.timer.refused(response):
            self._once_more()
        else:
            self._client.response(response, now=clock.now())

    def _once_more(self) -> None:
        """Ask again with the longer interval that the peer wants (RFC 4028 section 7.4)."""
        request = self._client.request.copy()
        request.headers.set("CSeq", f"{request.cseq.number + 1} INVITE")
        for name, value in self._leg.timer.request_headers():
            request.headers.set(name, value)
        self._client.resent(request)
        self._send(request)

    def resent(self, key: Key, request: Request) -> None:
        """Follow the INVITE that went out again with credentials."""
        self.key = key
        self._client.resent(request)

    def failed(self, why: str) -> None:
        """Take the end of the transaction without a final response."""
        self._client.failed(why)

    def early_dialog(self, request: Request) -> Dialog | None:
        """Return the early dialog that a request of the peer belongs to."""
        dialog = self._early.get(request.from_.tag or "")
        return dialog if dialog is not None and dialog.matches(request) else None

    # As a part of the leg ------------------------------------------------------------------------------------------

    #: The caller has no 2xx to be acknowledged, and owes no answer once it is up.
    answered = False
    awaits_ack = False
    owes_answer = False
    calling = True

    @property
    def open(self) -> bool:
        """True until the peer's final answer is here."""
        return self._client.state in (ClientState.CALLING, ClientState.PROCEEDING)

    def acknowledged_by_implication(self) -> None:
        """Nothing: there is no 2xx of ours."""

    def settled(self, dialog: Dialog) -> bool:
        """Tell whether this phone has answered our offer, so that it may make another (RFC 3311 section 5.2)."""
        return self._sounding is not None and self._sounding[0] == dialog.remote_tag

    @property
    def finished(self) -> bool:
        """True when nothing more will come of the INVITE."""
        return self._client.finished

    def carry_out(self) -> bool:
        """Do what the machine wants."""
        leg = self._leg
        outputs = self._client.drain()
        for output in outputs:
            match output:
                case machine.SendCancel():
                    leg.signalling.cancel(self.key, self._cancel_reason)
                case machine.SendAck(request=request, dialog=dialog):
                    leg.signalling.acknowledge(request, leg.way(dialog))
                case machine.SendBye(request=request, dialog=dialog):
                    leg.send(request, dialog)
                case machine.Progressed(response=response, dialog=dialog, rack=rack):
                    self._progressed(response, dialog, rack)
                case machine.Answered(response=response, dialog=dialog):
                    self._answered(response, dialog)
                case machine.Refused(response=response):
                    cause = reason_in(response.headers, from_status(response.status))
                    leg.ended(cause, by_peer=True, said=said_by(response, leg.flow))
                case machine.Failed(why=why):
                    leg.ended(self._failed(why), by_peer=True)
                case _:  # AnsweredTooLate: ACK and BYE are on their way
                    pass
        return bool(outputs)

    def next_timer(self) -> float | None:
        """Return when copies of the 2xx cannot come any more."""
        return self._client.next_timer()

    def handle_timer(self, *, now: float) -> None:
        """Finish, if it is time."""
        self._client.handle_timer(now=now)

    # Inside ----------------------------------------------------------------------------------------------------

    def _failed(self, why: str) -> Cause:
        cause = _FAILED.get(why, Cause.UNUSABLE)
        words = self._leg.signalling.why(self._leg.flow) if why == "transport" else ""
        return cause.because(words) if words else cause

    def _progressed(self, response: Response, dialog: Dialog | None, rack: str) -> None:
        leg = self._leg
        if dialog is not None and dialog.remote_tag not in self._early:
            self._early[dialog.remote_tag] = dialog
            leg.signalling.dialog_made(dialog, leg)
        sounds, answer = self._listen(response, reliable=bool(rack))
        if rack and dialog is not None:
            prack = dialog.request(
                "PRACK",
                headers=(("RAck", rack), *leg.settings.requests),
                body=answer,
                content_type=SDP if answer else None,
            )
            leg.send(prack, dialog)
        if leg.state is LegState.ENDED or response.status == 100:
            return
        leg.state = LegState.RINGING
        if sounds:
            leg.report(EarlyMedia())
        elif self._sounding is None:  # another phone's ringing must not replace the sound there is
            leg.report(Ringing())

    def _listen(self, response: Response, *, reliable: bool) -> tuple[bool, bytes]:
        """Take the session description of a provisional response; return whether sound begins, and our answer."""
        leg, tag, body = self._leg, response.to.tag or "", response.body
        if not body or leg.media is None or response.content_type != SDP:
            return False, b""
        if self._sounding is not None and (self._sounding[0] != tag or self._sounding[1] == body):
            return False, b""
        answer = b""
        try:
            if not self._late_offer:
                self._accept(leg.media, tag, body)
            elif reliable:  # an offer must not get lost: one in an unreliable response is none (RFC 3262 section 5)
                answer = leg.media.answer(body)
            else:
                return False, b""
        except RemoteError as error:
            log.warning("%s early session description is unusable: %s", leg.id, error)
            leg.signalling.note(error.kind, leg.flow, str(error))
            return False, b""
        begins = self._sounding is None
        self._sounding = (tag, body)
        return begins, answer

    def _accept(self, media: RtpMedia, tag: str, answer: bytes) -> None:
        """Take an answer to our offer."""
        if not media.offering:  # the phone that is heard has made an offer of its own since, by UPDATE
            if self._sounding is not None and self._sounding[0] == tag:
                return  # what it agreed to there counts, not what it repeats here (RFC 3261 section 13.2.1)
            media.reopen()
        media.accept(answer)

    def _answered(self, response: Response, dialog: Dialog) -> None:
        leg, media = self._leg, self._leg.media
        if media is None:
            return
        leg.dialog = dialog
        leg.signalling.dialog_made(dialog, leg)
        tag = response.to.tag or ""
        heard_before = self._sounding is not None and self._sounding[0] == tag
        answer, fault = b"", ""
        try:
            if not response.body:
                fault = "" if heard_before else "it has none"
            elif not self._late_offer and self._sounding != (tag, response.body):
                self._accept(media, tag, response.body)
            elif self._late_offer and not heard_before:
                answer = media.answer(response.body)
        except RemoteError as error:
            fault = str(error)
            leg.signalling.note(error.kind, leg.flow, fault)
        credentials = [line for line in self._client.request.headers if line[0] in CREDENTIALS]
        self._client.acknowledge(headers=credentials, body=answer, content_type=SDP if answer else None)
        self.carry_out()
        if fault or not media.agreed:
            log.warning("%s answered without a usable session description: %s", leg.id, fault)
            leg.release(Cause.INCOMPATIBLE)
            leg.ended(Cause.INCOMPATIBLE.because(f"the peer's answer cannot be used: {fault}"), by_peer=True)
            return
        leg.timer.answered(response, now=clock.now())
        leg.up()


def said_by(response: Response, flow: Flow) -> str:
    """Return a refusal in the peer's own words, for our record: who, status, reason, and its Warning if it has one."""
    warning = (response.headers.get("Warning") or "").partition('"')[2].rpartition('"')[0]
    words = f"{response.status} {response.reason}" + (f" ({warning})" if warning else "")
    words = "".join(character if character.isprintable() else "?" for character in words)
    return f"{show(flow.remote)} answered {words if len(words) <= MAX_SAID else words[: MAX_SAID - 1] + '…'}"
