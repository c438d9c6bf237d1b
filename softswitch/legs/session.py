"""What changes in a call that stands: offers after the first one, hold, refreshes (RFC 3261 14, RFC 3311, RFC 4028).

One side at a time may have an offer open. What we want (hold, a refresh) is remembered and sent when nothing is open;
where both sides began at once, 491 sends both away, and the side that made the call waits longer (section 14.1). What
the peer refuses is not wanted any more; a peer that does not know the call, or does not answer, ends it.
"""

import contextlib
import logging
from math import inf

from softswitch import clock
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import LegState
from softswitch.errors import RemoteError
from softswitch.legs.signalling import CREDENTIALS, GONE, SDP, Refusal
from softswitch.legs.whole import Attached, Whole
from softswitch.sdp.agreement import MediaRefused
from softswitch.sdp.description import Direction
from softswitch.sip import invite as machine
from softswitch.sip.dialog import Dialog
from softswitch.sip.invite_client import ClientInvite, ClientState
from softswitch.sip.invite_server import ServerInvite
from softswitch.sip.message import Request, Response
from softswitch.sip.session_timer import Expired
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.sip")

#: Re-INVITEs of ours whose 2xx may still be repeated (64*T1 each); nobody changes his mind that often.
MAX_LINGERING = 8
#: A refresh that was refused for no lasting reason is tried again after this time; the interval is minutes.
AGAIN_SECONDS = 10.0
#: Glares in a row after which we give way: two honest sides are apart after two or three.
MAX_GLARES = 10
#: How many T1 a re-INVITE may be without a final answer (64 s): longer than any honest peer takes that asks nobody.
MAX_PENDING = 128


class Session(Attached):
    """The changes of one leg's session."""

    def __init__(self, leg: Whole) -> None:
        super().__init__(leg)
        self._wish: Direction = "sendrecv"
        #: What the peer agreed to last.
        self._agreed: Direction = "sendrecv"
        self._refresh = False
        self._not_before = 0.0
        self._invites: dict[Key, ClientInvite] = {}
        self._asking: Key = ()
        self._asked: Direction = "sendrecv"
        self._give_up_at = 0.0
        self._glares = 0
        self._server: ServerInvite | None = None
        self._server_key: Key = ()
        self._owes_offer = False

    # Commands --------------------------------------------------------------------------------------------------

    def hold(self, held: bool) -> None:
        """Want the peer to hear us only, or to talk again."""
        self._wish = "sendonly" if held else "sendrecv"

    def stop(self) -> None:
        """Want nothing more: the leg is over."""
        self._wish, self._refresh = self._agreed, False
        self._take_back()

    # What the peer asks ----------------------------------------------------------------------------------------

    def request_received(self, request: Request, key: Key, dialog: Dialog) -> None:
        """Take a re-INVITE or an UPDATE."""
        leg = self._leg
        leg.meet(request)
        refusal = self._refusal(request, dialog)
        if refusal is not None:
            leg.answer_request(request, key, refusal.status, refusal.headers)
        elif request.method == "UPDATE":
            self._update_received(request, key)
        else:
            self._reinvited(request, key, dialog)

    def _refusal(self, request: Request, dialog: Dialog) -> Refusal | None:
        leg, setup = self._leg, self._leg.setup
        if leg.media is None or setup is None or leg.state is LegState.ENDED:
            return Refusal(481)
        up = self._up
        if request.method == "INVITE" and not up and not setup.answered:
            return Refusal(500, (("Retry-After", "1"),))  # the first one is not answered yet (section 14.2)
        if request.method == "INVITE" or request.body:
            if self._offering or self._owes_offer or setup.owes_answer:
                return Refusal(491)  # an offer of ours is open (section 14.2, RFC 3311 section 5.2)
            if not up and not setup.settled(dialog):
                return Refusal(500, (("Retry-After", "1"),))  # an offer of the peer is open
        if request.body and request.content_type != SDP:
            return Refusal(415, (("Accept", SDP),))
        if leg.timer.judge(request):
            return Refusal(422, leg.timer.too_small_headers())
        return None

    def _update_received(self, request: Request, key: Key) -> None:
        leg, media = self._leg, self._leg.media
        body = b""
        if request.body and media is not None:
            try:
                body = media.answer(request.body, self._wish)
            except RemoteError as error:
                leg.signalling.note(error.kind, leg.flow, str(error))
                leg.answer_request(request, key, error.status, _warning(error))
                return
            self._agreed = self._wish
        headers = [("Contact", leg.contact)]
        if self._up or (leg.setup is not None and leg.setup.answered):  # before that there is no session to time
            headers.extend(leg.timer.answering(request, now=clock.now()))
        leg.answer_request(request, key, 200, headers, body, SDP if body else None)
        leg.note_hold()

    def _reinvited(self, request: Request, key: Key, dialog: Dialog) -> None:
        """Answer another offer for the same sound, or with one (section 14.2)."""
        leg, media, setup = self._leg, self._leg.media, self._leg.setup
        if media is None or setup is None:
            return
        if setup.awaits_ack:  # its ACK was lost, or is late: nobody asks for more who has no answer
            setup.acknowledged_by_implication()
        server = ServerInvite(
            request,
            local_tag=dialog.local_tag,
            contact=leg.contact,
            settings=leg.settings.timers,
            headers=leg.settings.answers,
        )
        try:
            body = media.answer(request.body, self._wish) if request.body else media.offer(self._wish)
        except RemoteError as error:
            leg.signalling.note(error.kind, leg.flow, str(error))
            leg.answer_request(request, key, error.status, _warning(error))
            return
        self._owes_offer = not request.body
        self._agreed = self._wish
        self._server, self._server_key = server, key
        now = clock.now()
        server.accept(body=body, content_type=SDP, headers=leg.timer.answering(request, now=now), now=now)
        self.carry_out()
        if not self._owes_offer:
            leg.note_hold()

    def acknowledged(self, ack: Request) -> None:
        """Take an ACK of our 2xx to a re-INVITE."""
        if self._server is not None and self._server.request.cseq.number == ack.cseq.number:
            self._server.acknowledged(ack)

    def bye(self) -> None:
        """Take the peer's BYE."""
        if self._server is not None:
            self._server.bye()

    # What the peer answers -------------------------------------------------------------------------------------

    def owns(self, key: Key) -> bool:
        """Tell whether a transaction is one of ours."""
        return key == self._asking or key in self._invites

    def response_received(self, key: Key, response: Response) -> None:
        """Take a response to our re-INVITE or UPDATE."""
        self._leg.meet(response)
        client = self._invites.get(key)
        if client is not None:
            client.response(response, now=clock.now())
        elif response.status >= 200:
            self._update_answered(response)

    def failed(self, key: Key, why: str) -> None:
        """Take the end of a transaction that brought no final response."""
        client = self._invites.get(key)
        if client is not None:
            client.failed(why)
        else:
            self._gone(Cause.OUT_OF_ORDER if why == "transport" else from_status(408))

    def resent(self, old: Key, new: Key, request: Request) -> None:
        """Follow a request that went out again with credentials."""
        client = self._invites.pop(old, None)
        if client is not None:
            client.resent(request)
            self._invites[new] = client
            self._leg.signalling.invite_over(old, self._leg)
        if self._asking == old:
            self._asking = new

    def _update_answered(self, response: Response) -> None:
        leg = self._leg
        self._asking = ()
        if response.status < 300:
            self._refresh = False
            if leg.dialog is not None:
                with contextlib.suppress(RemoteError):  # a Contact that cannot be read moves nothing
                    leg.dialog.refresh(response)
            leg.timer.answered(response, now=clock.now())
        elif response.status in (405, 501):  # it said that it can, and cannot
            leg.peer_allows -= {"UPDATE"}
        else:
            self._refused(response)

    def _refused(self, response: Response) -> None:
        """Judge a final answer that is no 2xx."""
        leg, status = self._leg, response.status
        now = clock.now()
        self._glares = self._glares + 1 if status == 491 else 0
        if status in GONE:
            self._gone(from_status(status))
        elif 0 < self._glares <= MAX_GLARES:
            self._not_before = now + glare_seconds(leg)
        elif status == 422 and leg.timer.refused(response):
            self._not_before = now
        else:
            if self._wish != self._agreed:
                log.info("%s the peer refused a change of the session with %d", leg.id, status)
                self._wish = self._agreed
            self._glares, self._not_before = 0, now + AGAIN_SECONDS

    def _gone(self, cause: Cause) -> None:
        """The peer does not know the call any more, or is not there (section 14.1)."""
        self._asking = ()
        self._leg.lost(cause)

    # As a part of the leg ------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True when no message of a re-INVITE can come any more."""
        self._drop_finished()
        return not self._invites and (self._server is None or self._server.finished)

    @property
    def _offering(self) -> bool:
        client = self._invites.get(self._asking)
        return client is not None and client.state in (ClientState.CALLING, ClientState.PROCEEDING)

    @property
    def _up(self) -> bool:
        return self._leg.state in (LegState.UP, LegState.HELD)

    def carry_out(self) -> bool:
        """Do what the machines want, then what we want."""
        did = False
        if self._server is not None:
            outputs = self._server.drain()
            did = bool(outputs)
            for output in outputs:
                self._serve(self._server_key, output)
        for key, client in list(self._invites.items()):
            while happened := client.drain():  # to the end: its ACK goes before what others want to send now
                did = True
                for one in happened:
                    self._follow(key, client, one)
        for due in self._leg.timer.drain():
            did = True
            if isinstance(due, Expired):
                self._leg.release(Cause.TIMEOUT)
                self._leg.ended(Cause.SESSION_EXPIRED, by_peer=False)
            else:
                self._refresh = True
        return self._ask() or did

    def next_timer(self) -> float | None:
        """Return when something must be sent, repeated or given up."""
        times = [client.next_timer() for client in self._invites.values()]
        if self._server is not None:
            times.append(self._server.next_timer())
        if self._leg.state is not LegState.ENDED:
            times.append(self._leg.timer.next_timer())
            if self._wanted and self._up and not self.busy:
                times.append(self._not_before)
            if self._offering:
                times.append(self._give_up_at)
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, *, now: float) -> None:
        """Let the machines look at the clock."""
        for client in self._invites.values():
            client.handle_timer(now=now)
        if self._server is not None:
            self._server.handle_timer(now=now)
        self._leg.timer.handle_timer(now=now)
        if self._offering and now >= self._give_up_at:
            self._give_up_at = inf
            self._take_back()

    # Inside ----------------------------------------------------------------------------------------------------

    @property
    def _wanted(self) -> bool:
        return self._wish != self._agreed or self._refresh

    @property
    def busy(self) -> bool:
        """Whether something is open that must be over first."""
        setup = self._leg.setup
        waiting = self._server is not None and not self._server.finished
        asking = self._asking != () and (self._offering or self._asking not in self._invites)
        return waiting or asking or setup is None or setup.awaits_ack

    def _ask(self) -> bool:
        """Send what we want, if it is time and nothing is open."""
        leg, dialog, media = self._leg, self._leg.dialog, self._leg.media
        if not self._wanted or self.busy or dialog is None or media is None:
            return False
        now = clock.now()
        if not self._up or now < self._not_before:
            return False
        headers = (*leg.settings.requests, *leg.timer.request_headers())
        if self._wish == self._agreed and "UPDATE" in leg.peer_allows:
            self._asking = leg.send(dialog.request("UPDATE", contact=leg.contact, headers=headers), dialog)
            return True
        body = media.repeat(self._wish) if self._wish == self._agreed else media.offer(self._wish)
        request = dialog.request("INVITE", contact=leg.contact, headers=headers, body=body, content_type=SDP)
        self._asked = self._wish
        self._give_up_at = now + MAX_PENDING * leg.settings.timers.t1
        self._drop_finished()
        key = self._asking = leg.send(request, dialog)
        leg.signalling.invites(key, leg)
        self._invites[key] = ClientInvite(request, settings=leg.settings.timers, dialog=dialog)
        return True

    def _drop_finished(self) -> None:
        for key, client in list(self._invites.items()):
            if client.finished or (len(self._invites) > MAX_LINGERING and key != self._asking):
                del self._invites[key]
                self._leg.signalling.invite_over(key, self._leg)

    def _take_back(self) -> None:
        """Cancel the re-INVITE that has no final answer: nobody waits for it any more (RFC 3261 section 9.1)."""
        if self._offering:
            self._leg.signalling.give_up(self._asking)
            self._invites[self._asking].cancel()

    def _serve(self, key: Key, output: machine.ServerOutput) -> None:
        leg = self._leg
        match output:
            case machine.SendResponse(response=response):
                leg.signalling.respond(key, response)
            case machine.Acknowledged(ack=ack):
                self._confirmed(ack)
            case machine.Unacknowledged():
                if leg.state is not LegState.ENDED:
                    leg.unacknowledged()
            case _:
                pass

    def _confirmed(self, ack: Request | None) -> None:
        leg = self._leg
        if not self._owes_offer or ack is None:
            return
        self._owes_offer = False
        if leg.media is None:
            return
        try:
            leg.media.accept(ack.body)
        except RemoteError as error:  # what was agreed before still stands (section 14.1)
            log.warning("%s the ACK has no usable session description: %s", leg.id, error)
            leg.signalling.note(error.kind, leg.flow, str(error))
            return
        leg.note_hold()

    def _follow(self, key: Key, client: ClientInvite, output: machine.ClientOutput) -> None:
        leg = self._leg
        match output:
            case machine.SendCancel():
                leg.signalling.cancel(key)
            case machine.SendAck(request=request, dialog=dialog):
                leg.signalling.acknowledge(request, leg.way(dialog))
            case machine.Progressed(dialog=dialog, rack=rack) if rack and dialog is not None:
                leg.send(dialog.request("PRACK", headers=(("RAck", rack), *leg.settings.requests)), dialog)
            case machine.Answered(response=response):
                self._changed(client, response)
            case machine.Refused(response=response):
                self._asking = ()
                self._refused(response)
            case machine.Failed(why=why):
                self._gone(Cause.OUT_OF_ORDER if why == "transport" else from_status(408))
            case _:
                pass

    def _changed(self, client: ClientInvite, response: Response) -> None:
        """Take the 2xx to our re-INVITE."""
        leg, media = self._leg, self._leg.media
        client.acknowledge(headers=[line for line in client.request.headers if line[0] in CREDENTIALS])
        self._refresh, self._glares = False, 0
        self._agreed = self._asked
        if media is None:
            return
        leg.timer.answered(response, now=clock.now())
        try:
            if response.body:
                media.accept(response.body)
        except RemoteError as error:
            log.warning("%s the answer to a re-INVITE cannot be used, the call goes on as it was: %s", leg.id, error)
            leg.signalling.note(error.kind, leg.flow, str(error))
        leg.note_hold()


def glare_seconds(leg: Whole) -> float:
    """Return how long to wait after 491: longer for the owner of the Call-ID, so that one side is first (14.1)."""
    chance = clock.random_bits(16) / 0x10000
    if leg.setup is not None and leg.setup.calling:
        return 2.1 + round(chance * 1.9, 2)
    return round(chance * 2.0, 2)


def _warning(error: RemoteError) -> tuple[tuple[str, str], ...]:
    return (("Warning", error.header("softswitch")),) if isinstance(error, MediaRefused) else ()
