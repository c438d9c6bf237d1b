"""The SIP user agent: one `SipCore`, its sockets, and the legs that its dialogs belong to.

From a datagram in to the first response out there is no await. Each input to the core is followed by a full drain and
the re-arming of one timer (`_pump`).
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from softswitch import clock
from softswitch.call.leg import LegId, LegSink
from softswitch.errors import ResourceError
from softswitch.legs.callers import Callers
from softswitch.legs.complaints import Complaints
from softswitch.legs.guard import Guard
from softswitch.legs.invitation import invitation
from softswitch.legs.outgoing import Outgoing, Sent
from softswitch.legs.reach import Reach
from softswitch.legs.reception import OnInvite, Reception
from softswitch.legs.replacing import misplaced
from softswitch.legs.rtp_media import RtpMedia
from softswitch.legs.secured import Keyring
from softswitch.legs.signalling import (
    ALLOW,
    SUPPORTED,
    DialogLeg,
    Placement,
    Requester,
    Standing,
)
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.user_agent_settings import UserAgentSettings, leg_settings
from softswitch.net.address import family
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.seldom import Seldom
from softswitch.net.sip_socket import SipSockets
from softswitch.net.sip_tls import TlsContexts
from softswitch.sdp.agreement import Capabilities
from softswitch.sip import core as machine
from softswitch.sip.auth import DigestClient
from softswitch.sip.core import SipCore
from softswitch.sip.dialog import Dialog, DialogId, incoming_id
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request, Response
from softswitch.sip.multipart import unwrap
from softswitch.sip.refer import Replaces
from softswitch.sip.trace import Trace
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.sip")

#: Where the system chooses the port: how many it may choose until one is free over UDP and TCP alike.
MAX_PORTS_TRIED = 16
#: RFC 5626 section 4.4.1: a ping on a stream, whose pong is one CRLF; over UDP most NATs are content with any datagram.
KEEP_ALIVE = b"\r\n\r\n"


class UserAgent:
    """Makes legs out of what the network says, and messages out of what legs say."""

    def __init__(
        self,
        settings: UserAgentSettings,
        ports: RtpPorts,
        on_invite: OnInvite,
        *,
        token: clock.Token = clock.token,
        tls: TlsContexts | None = None,
    ) -> None:
        """tls: what TLS connections show and believe."""
        core = replace(settings.core, allow=ALLOW, supported=SUPPORTED, server=settings.agent)
        self.core = SipCore(core, token=token)
        self.guard = Guard(settings.guard)
        self.sockets = SipSockets(self._message, self._flow_failed, gate=self.guard.gate, tls=tls)
        self.guard.strangers.behind = lambda: len(self.sockets.turns)
        self.reach = Reach(self.sockets, ports.host, settings.public)
        self.core.sent_by = self.reach.via
        self.counts: Counter[str] = Counter()
        self.trace = Trace(settings.trace_mib, clock.wall_seconds)
        #: RTP ports of another address family than that of `ports`, where we listen in both.
        self.also: dict[int | None, RtpPorts] = {}
        #: What encrypted sound needs of us.
        self.keyring = Keyring()
        self._settings = settings
        self._ports = ports
        self._token = token
        self._leg_settings = leg_settings(settings)
        self.callers = Callers(settings.trusted)
        #: Takes what comes to no dialog: calls, questions, and what else is given to its `services`.
        self.reception = Reception(
            self,
            self._leg_settings.answers,
            self.callers,
            on_invite,
            token=token,
            encryption=settings.encryption,
            strangers=self.guard.strangers,
        )
        self._dialogs: dict[DialogId, DialogLeg] = {}
        self._inviting: dict[Key, DialogLeg] = {}
        self._keys_of: dict[LegId, list[Key]] = {}
        self._dialogs_of: dict[LegId, list[DialogId]] = {}
        self._outgoing = Outgoing()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._pumping = False
        self._unanswered: set[Key] = set()
        self._answered = asyncio.Event()
        self._complaints = Complaints()
        self._soundless = Seldom()
        self._watched: dict[Flow, Callable[[], None]] = {}

    @property
    def legs(self) -> int:
        """How many legs the user agent still knows, those whose last messages are on their way included."""
        return len(self._keys_of)

    def adopt(self, settings: UserAgentSettings) -> None:
        """Go by these settings: whom to listen to and to trust, and how legs are made from now on."""
        self._settings = replace(
            self._settings,
            patience=settings.patience,
            reports=settings.reports,
            session_timer=settings.session_timer,
            comfort_noise=settings.comfort_noise,
            silence=settings.silence,
        )
        self._leg_settings = replace(self._leg_settings, session_timer=settings.session_timer)
        self.callers.trust(settings.trusted)
        self.reception.encryption = settings.encryption
        self.guard.adopt(settings.guard)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Bind UDP and TCP on one port; return where. Raises ResourceError."""
        for _ in range(MAX_PORTS_TRIED if port == 0 else 1):
            address = await self.sockets.listen_udp(host, port)
            try:
                await self.sockets.listen_tcp(*address)
            except ResourceError as error:
                # The system chose the port for UDP alone; over TCP somebody may have it.
                self.sockets.leave_udp(address)
                failed = error
            else:
                return address
        raise failed

    async def settled(self, seconds: float) -> None:
        """Wait until every request of ours has its final response, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._unanswered:
                    self._answered.clear()
                    await self._answered.wait()

    async def close(self) -> None:
        """Give back every socket and timer."""
        if self._timer is not None:
            self._timer.cancel()
        await self.sockets.close()

    # Outbound ------------------------------------------------------------------------------------------------------

    def place(self, leg: LegId, placement: Placement, sink: LegSink) -> SipLeg:
        """Call somebody. Raises ResourceError when no port or no socket is free, or the host is no IP address."""
        flow = placement.flow or self.flow(
            placement.transport, placement.host, placement.port, name=placement.name, carrier=placement.carrier
        )
        offered = Capabilities(
            placement.codecs,
            telephone_event=placement.dtmf in ("auto", "rfc4733"),
            encryption=placement.encryption or self._settings.encryption,
        )
        sips = placement.secure
        made = self.make_leg(leg, flow, sink, offered, placement.dtmf, placement.session_expires, sips=sips)
        if made.media is None:
            made.abandon()
            raise ResourceError("no RTP port is free; widen rtp.ports")
        made.auth = placement.auth
        made.carrier = placement.carrier
        made.only_way = placement.flow is not None
        # After the switchboard has the leg in its books: its first report may be that it failed.
        request = invitation(placement, flow, self.reach, self._leg_settings.requests, token=self._token)
        self.trace.bind(request.call_id, leg, now=clock.now())
        asyncio.get_running_loop().call_soon(partial(made.invite, request, late_offer=placement.late_offer))
        return made

    def flow(self, transport: str, host: str, port: int, *, name: str = "", carrier: str = "") -> Flow:
        """Return the way to an address (an IP literal). name, carrier: as in `Flow`. Raises ResourceError."""
        return self.reach.flow(transport, host, port, name=name, carrier=carrier)

    def why(self, flow: Flow) -> str:
        """Return what keeps a flow from carrying anything, as a predicate of its peer; empty where nothing is known."""
        return self.sockets.why(flow)

    def contact(self, flow: Flow, user: str = "", params: str = "") -> str:
        """Return the value of a Contact header with our address as the peer of `flow` sees it."""
        return self.reach.contact(flow, user, params)

    def keep_alive(self, flow: Flow) -> None:
        """Keep a NAT binding or a connection open (RFC 5626 section 4.4.1)."""
        self.sockets.send(flow, KEEP_ALIVE)

    @property
    def public(self) -> tuple[str, int] | None:
        """Our address and port as seen from outside; None where they are the local ones."""
        return self.reach.public

    @public.setter
    def public(self, address: tuple[str, int] | None) -> None:
        self.reach.public = address

    # What legs and trunks need (`signalling.Signalling`) -----------------------------------------------------------

    def respond(self, key: Key, response: Response, *, forget: bool = False) -> None:
        """Send a response by its transaction; forget: each copy of the request gets the same."""
        self.core.send_response(key, response, now=clock.now(), forget=forget)
        self._pump()

    def send(
        self,
        request: Request,
        flow: Flow,
        owner: Requester,
        auth: DigestClient | None = None,
        dialog: Dialog | None = None,
    ) -> Key:
        """Send a request in a transaction of its own, challenges answered; what comes of it goes to `owner`."""
        if auth is not None:
            auth.authorize(request)
        return self._send(Sent(request, flow, owner, auth, dialog))

    def _send(self, sent: Sent) -> Key:
        key = self.core.send_request(sent.request, sent.flow, now=clock.now())
        self._outgoing.put(key, sent)
        self._unanswered.add(key)
        self._pump()
        if sent.flow.reliable:
            self._watch(sent.flow)
        return key

    def _watch(self, flow: Flow) -> None:
        """Have it noticed when a connection is closed on requests that nobody has answered."""
        if flow not in self._watched:
            self._watched[flow] = self.sockets.watch(flow, partial(self._connection_lost, flow))

    def _connection_lost(self, flow: Flow) -> None:
        self._watched.pop(flow, None)
        self.core.connection_lost(flow, now=clock.now())
        self._pump()

    def invites(self, key: Key, leg: DialogLeg) -> None:
        """Take the INVITE of `key`, ours or the peer's, for one of `leg`, until that is forgotten."""
        self._inviting[key] = leg
        self._keys_of.setdefault(leg.id, []).append(key)

    def invite_over(self, key: Key, leg: DialogLeg) -> None:
        """Strike one INVITE of a leg that lives on: nothing more comes of it."""
        self._inviting.pop(key, None)
        self._outgoing.drop(key)
        with contextlib.suppress(ValueError):
            self._keys_of.get(leg.id, []).remove(key)

    def acknowledge(self, request: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx."""
        self.core.send_ack(request, flow)
        self._pump()

    def cancel(self, key: Key, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send a CANCEL for an INVITE of ours."""
        self.core.cancel(key, headers=headers, now=clock.now())
        self._pump()

    def give_up(self, key: Key) -> None:
        """Answer no challenge to this request any more."""
        self._outgoing.give_up(key)

    def flow_to(self, dialog: Dialog, flow: Flow) -> Flow:
        """Return the way to the next hop of a dialog."""
        return self.reach.flow_to(dialog, flow)

    def dialog_made(self, dialog: Dialog, leg: DialogLeg) -> None:
        """Send requests of this dialog to `leg` from now on."""
        if self._dialogs.get(dialog.id) is not leg:
            self._dialogs[dialog.id] = leg
            self._dialogs_of.setdefault(leg.id, []).append(dialog.id)

    def talking(self, leg: DialogLeg, flow: Flow) -> None:
        """Take it that we are on a call with the peer of `flow`: it is no stranger until the leg is forgotten."""
        self.guard.talking(leg.id, flow.remote[0])

    def standing(self, replaces: Replaces) -> Standing | None:
        """Return how the dialog stands that somebody names from our side, None where we know none."""
        known = (dialog for dialog in replaces.dialogs if dialog in self._dialogs)
        dialog = next(known, None)
        return self._dialogs[dialog].standing(dialog) if dialog is not None else None

    def leg_of(self, replaces: Replaces) -> LegId:
        """Return the leg that has this dialog and is not over, empty for none."""
        standing = self.standing(replaces)
        return standing.leg if standing is not None and not standing.over else ""

    def note(self, kind: str, flow: Flow, detail: str) -> None:
        """Count and log what was wrong with a message that only its leg, or the reception, understood."""
        self.core.bad[kind] += 1
        self._complaints.note(kind, flow, detail)

    def forget(self, leg: DialogLeg) -> None:
        """Drop a leg whose last message is done."""
        self.guard.over(leg.id)
        for key in self._keys_of.pop(leg.id, ()):
            self._inviting.pop(key, None)
            self._outgoing.drop(key)
        for dialog_id in self._dialogs_of.pop(leg.id, ()):
            self._dialogs.pop(dialog_id, None)
        self.trace.over(leg.id)

    # What the network says -----------------------------------------------------------------------------------------

    def _message(self, data: bytes, flow: Flow) -> None:
        now = clock.now()
        self.trace.note(data, flow, sent=False, now=now)
        self.core.receive(data, flow, now=now)
        self._pump()

    def _flow_failed(self, flow: Flow) -> None:
        self.core.transport_failed(flow, now=clock.now())
        self._pump()

    def _pump(self) -> None:
        """Carry out all that the core wants, then arm the one timer. Nested calls leave the work to the outermost."""
        if self._pumping:
            return
        self._pumping = True
        try:
            outputs = self.core.drain()
            while outputs:
                for output in outputs:
                    try:
                        self._carry_out(output)
                    except Exception:  # the fault of one leg must not keep the messages of the others from going out
                        log.exception("a leg failed at %s", type(output).__name__)
                outputs = self.core.drain()
        finally:
            self._pumping = False
        self._arm()

    def _carry_out(self, output: machine.Output) -> None:
        match output:
            case machine.Transmit(flow=flow, data=data):
                self.trace.note(data, flow, sent=True, now=clock.now())
                self.sockets.send(flow, data)
            case machine.RequestReceived(key=key, request=request, flow=flow):
                self._request_received(key, request, flow)
            case machine.AckReceived(request=request, key=key):
                self._ack_received(request, key)
            case machine.CancelReceived(invite_key=key, request=request):
                leg = self._inviting.get(key)
                if leg is not None:
                    leg.cancel_received(request)
            case machine.ResponseReceived():
                self._response_received(output)
            case machine.TransactionFailed(key=key, why=why):
                self._settle(key)
                owner = self._outgoing.failed(key) or self._inviting.get(key)
                if owner is not None:
                    owner.request_failed(key, why)
            case machine.BadMessage(kind=kind, flow=flow, detail=detail, broken=broken):
                self._complaints.note(kind, flow, detail)
                if broken:
                    self.guard.offended(flow, "bad_message", kind)

    def _ack_received(self, request: Request, key: Key | None) -> None:
        if request.body:
            unwrap(request)
        leg = self._dialogs.get(incoming_id(request))
        if leg is None and key is not None:  # some write another To tag into it, and the branch of their INVITE
            leg = self._inviting.get(key)
        if leg is not None:
            leg.ack_received(request)

    def _response_received(self, output: machine.ResponseReceived) -> None:
        key, response = output.key, output.response
        if response.body:
            unwrap(response)
        if response.status >= 200:
            self._settle(key)
        sent = self._outgoing.answered(key, response)
        if sent is None:
            return
        again = self._outgoing.again(sent, response)
        if again is None:
            sent.owner.response_received(key, response, output.flow)
            return
        sent.request = again
        new = self._send(sent)
        leg = self._inviting.get(key)
        if leg is not None:
            self.invites(new, leg)
        sent.owner.request_resent(key, new, again)

    def _settle(self, key: Key) -> None:
        self._unanswered.discard(key)
        self._answered.set()

    def _request_received(self, key: Key, request: Request, flow: Flow) -> None:
        if request.body:
            unwrap(request)
        if misplaced(request):
            self.reception.reply(key, request, 400)
            self.note("replaces_misplaced", flow, f"Replaces in {request.method}")
            return
        if not request.to.tag:
            self.reception.request_received(key, request, flow)
            return
        leg = self._dialogs.get(incoming_id(request))
        if leg is None:
            self.reception.reply(key, request, 481, forget=True)
        else:
            leg.request_received(request, key, flow)

    def make_leg(
        self,
        id: LegId,
        flow: Flow,
        sink: LegSink,
        capabilities: Capabilities,
        dtmf: str,
        session_expires: int | None,
        *,
        sips: bool = False,
    ) -> SipLeg:
        """Return a leg that has done nothing yet; without `media` where no RTP port is free.

        sips: its Contact has to be a `sips:` URI.
        """
        timer = self._leg_settings.session_timer
        if session_expires is not None:
            timer = replace(timer, expires=session_expires)
        contact = self.reach.contact(flow, sips=sips)
        leg = SipLeg(id, self, self._leg_settings, sink, flow=flow, contact=contact, session_timer=timer)
        ports = self.also.get(family(flow.local[0]), self._ports)
        try:
            leg.media = RtpMedia(
                id,
                ports,
                replace(capabilities, comfort_noise=self._settings.comfort_noise, reports=self._settings.reports),
                address=self.reach.media_host(flow, ports.host),
                peer=flow.remote[0],
                dtmf=dtmf,
                patience=self._settings.patience,
                on_keys=leg.keys_happened,
                on_dead=leg.sound_died,
                on_insecure=leg.sound_insecure,
                keyring=self.keyring,
                silence=self._settings.silence,
            )
        except ResourceError as error:
            # Each call that comes while no port is free would say it, and they come by hundreds a second.
            more = self._soundless.due("no port", now=clock.now())
            if more is not None:
                log.error("%s no sound for this leg: %s%s", id, error, more)
        return leg

    def _arm(self) -> None:
        at = self.core.next_timer()
        if self._timer_at is not None and at is not None and at >= self._timer_at and self._timer is not None:
            return  # it fires early, finds nothing due, and arms itself: cheaper than a new timer for each message
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = at
        if at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - clock.now()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer, self._timer_at = None, None
        self.core.handle_timer(now=clock.now())
        self._pump()
