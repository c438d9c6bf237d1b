"""The SIP user agent: one `SipCore`, its sockets, and the legs that its dialogs belong to.

From a datagram in to the first response out there is no await. Each input to the core is followed by a full drain and
the re-arming of one timer (`_pump`).
"""

import asyncio
import contextlib
import ipaddress
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softswitch import clock
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import LegId, LegSink
from softswitch.errors import RemoteError, ResourceError
from softswitch.legs.rtp_media import RtpMedia
from softswitch.legs.signalling import DialogLeg, LegSettings
from softswitch.legs.sip_leg import SDP, SipLeg
from softswitch.net.address import family, show
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.sip_socket import SipSockets
from softswitch.sdp.negotiate import Capabilities
from softswitch.sip import core as machine
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import SipCore
from softswitch.sip.dialog import Dialog, DialogId, incoming_id
from softswitch.sip.flow import Flow
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.transaction import Key
from softswitch.sip.uri import Uri

log = logging.getLogger("softswitch.sip")

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS"
DEFAULT_PORT = 5060
#: Log lines about bad messages in one second: enough to see what it is, too few to fill a disk.
MAX_BAD_LINES = 5
#: Numbers and names of callers longer than this are cut in records: nobody dials more.
MAX_NAME = 128


@dataclass(frozen=True, slots=True)
class UserAgentSettings:
    """public_address: written into Contact and session descriptions instead of the local address, when behind NAT.

    trusted: networks whose callers may use every rule. agent: our name in Server and User-Agent.
    """

    agent: str
    public_address: str = ""
    trusted: tuple[str, ...] = ()
    media_timeout: float = 60.0
    core: CoreSettings = CoreSettings()


@dataclass(frozen=True, slots=True)
class InboundCall:
    """An INVITE that wants to become a call. refusal: it cannot, for this cause."""

    leg: LegId
    number: str
    caller: str
    trusted: bool
    refusal: Cause | None


#: Told of each inbound call; calls the second argument once, with the sink of the leg's events, to get the leg.
OnInvite = Callable[[InboundCall, Callable[[LegSink], SipLeg]], None]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how to place a call. codecs: in order of preference."""

    uri: Uri
    caller_id: str
    transport: str
    host: str
    port: int
    codecs: tuple[str, ...]


class UserAgent:
    """Makes legs out of what the network says, and messages out of what legs say."""

    def __init__(
        self, settings: UserAgentSettings, ports: RtpPorts, on_invite: OnInvite, *, token: clock.Token = clock.token
    ) -> None:
        self.core = SipCore(settings.core, token=token)
        self.sockets = SipSockets(self._message, self._flow_failed)
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._ports = ports
        self._on_invite = on_invite
        self._token = token
        self._trusted = [ipaddress.ip_network(text) for text in settings.trusted]
        headers = (("Server", settings.agent), ("Allow", ALLOW))
        self._leg_settings = LegSettings(settings.core.timers, headers)
        self._dialogs: dict[DialogId, DialogLeg] = {}
        self._inviting: dict[Key, DialogLeg] = {}
        self._keys_of: dict[LegId, list[Key]] = {}
        self._dialogs_of: dict[LegId, list[DialogId]] = {}
        self._resolving: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._pumping = False
        self._unanswered: set[Key] = set()
        self._answered = asyncio.Event()
        self._noted_at = 0.0
        self._noted = 0

    @property
    def legs(self) -> int:
        """How many legs the user agent still knows, those whose last messages are on their way included."""
        return len(self._keys_of)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Bind UDP and TCP on one port; return where. Raises ResourceError."""
        address = await self.sockets.listen_udp(host, port)
        await self.sockets.listen_tcp(*address)
        return address

    async def settled(self, seconds: float) -> None:
        """Wait until every request of ours has its final response, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._unanswered:
                    self._answered.clear()
                    await self._answered.wait()

    async def close(self) -> None:
        """Give back every socket, timer and task."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._resolving:
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        await self.sockets.close()

    # Outbound ------------------------------------------------------------------------------------------------------

    def place(self, leg: LegId, placement: Placement, sink: LegSink) -> SipLeg:
        """Call somebody. Raises ResourceError when no port or no socket is free, or the host is unknown."""
        host = "127.0.0.1" if placement.host == "localhost" else placement.host
        if family(host) is None:
            raise ResourceError(f"{placement.host} is not an IP address; name the gateway by its address")
        flow = self.sockets.flow_to(placement.transport.upper(), (host, placement.port))
        made = self._make_leg(leg, flow, sink, Capabilities(codecs=placement.codecs))
        if made.media is None:
            raise ResourceError("no RTP port is free; widen rtp.ports")
        # The caller's id may come from another peer's INVITE: it is escaped, not pasted.
        caller = Uri.of(placement.caller_id or "softswitch", self._advertised(flow), flow.local[1])
        headers = Headers(
            [
                ("Max-Forwards", "70"),
                ("From", f"<{caller}>;tag={self._token()}"),
                ("To", f"<{placement.uri}>"),
                ("Call-ID", f"{self._token()}@{flow.local[0]}"),
                ("CSeq", "1 INVITE"),
                ("Contact", self._contact(flow, placement.caller_id)),
                ("Allow", ALLOW),
                ("User-Agent", self._settings.agent),
            ]
        )
        request = Request("INVITE", placement.uri, headers)
        # After the switchboard has the leg in its books: its first report may be that it failed.
        asyncio.get_running_loop().call_soon(made.invite, request)
        return made

    # What legs need (`sip_leg.Signalling`) -------------------------------------------------------------------------

    def respond(self, key: Key, response: Response) -> None:
        """Send a response by its transaction."""
        self.core.send_response(key, response, now=clock.now())
        self._pump()

    def request(self, request: Request, flow: Flow, leg: DialogLeg) -> Key:
        """Send a request in a transaction of its own; what comes of it goes to `leg`."""
        key = self.core.send_request(request, flow, now=clock.now())
        if request.method == "INVITE":
            self._remember(key, leg)
        self._unanswered.add(key)
        self._pump()
        return key

    def acknowledge(self, request: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx."""
        self.core.send_ack(request, flow)
        self._pump()

    def cancel(self, key: Key) -> None:
        """Send a CANCEL for an INVITE of ours."""
        self.core.cancel(key, now=clock.now())
        self._pump()

    def flow_to(self, dialog: Dialog, flow: Flow) -> Flow:
        """Return the way to the next hop of a dialog: its address where that is one, else the way the peer came."""
        if flow.transport != "UDP" and not dialog.routes:
            return flow  # a connection that stands is the way back, whatever port the Contact names (RFC 5626 spirit)
        hop = dialog.next_hop
        if family(hop.host) is None:
            return flow
        remote = (hop.host, hop.port or DEFAULT_PORT)
        transport = (hop.param("transport") or "udp").upper()
        if remote == flow.remote and transport == flow.transport:
            return flow
        try:
            return self.sockets.flow_to(transport, remote)
        except ResourceError:
            return flow

    def dialog_made(self, dialog: Dialog, leg: DialogLeg) -> None:
        """Send requests of this dialog to `leg` from now on."""
        self._dialogs[dialog.id] = leg
        self._dialogs_of.setdefault(leg.id, []).append(dialog.id)

    def forget(self, leg: DialogLeg) -> None:
        """Drop a leg whose last message is done."""
        for key in self._keys_of.pop(leg.id, ()):
            self._inviting.pop(key, None)
        for dialog_id in self._dialogs_of.pop(leg.id, ()):
            self._dialogs.pop(dialog_id, None)

    def _remember(self, key: Key, leg: DialogLeg) -> None:
        self._inviting[key] = leg
        self._keys_of.setdefault(leg.id, []).append(key)

    # What the network says -----------------------------------------------------------------------------------------

    def _message(self, data: bytes, flow: Flow) -> None:
        self.core.receive(data, flow, now=clock.now())
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
                self.sockets.send(flow, data)
            case machine.RequestReceived(key=key, request=request, flow=flow):
                self._request_received(key, request, flow)
            case machine.AckReceived(request=request):
                leg = self._dialogs.get(incoming_id(request))
                if leg is not None:
                    leg.ack_received(request)
            case machine.CancelReceived(invite_key=key):
                leg = self._inviting.get(key)
                if leg is not None:
                    leg.cancel_received()
            case machine.ResponseReceived():
                self._response_received(output)
            case machine.TransactionFailed(key=key, why=why):
                self._settle(key)
                leg = self._inviting.get(key)
                if leg is not None:
                    leg.request_failed(key, why)
            case machine.BadMessage(kind=kind, flow=flow, detail=detail):
                self._note_bad(kind, flow, detail)

    def _response_received(self, output: machine.ResponseReceived) -> None:
        if output.response.status >= 200:
            self._settle(output.key)
        leg = self._inviting.get(output.key)
        if leg is not None:
            leg.response_received(output.key, output.response, output.flow)

    def _note_bad(self, kind: str, flow: Flow, detail: str) -> None:
        """Log a bad message; in a flood only the first of each second, the counters have them all."""
        now = clock.now()
        if now - self._noted_at >= 1.0:
            self._noted_at, self._noted = now, 0
        self._noted += 1
        if self._noted <= MAX_BAD_LINES:
            log.info("a bad SIP message was dropped or refused: %s from %s: %s", kind, show(flow.remote), detail)

    def _settle(self, key: Key) -> None:
        self._unanswered.discard(key)
        self._answered.set()

    def _request_received(self, key: Key, request: Request, flow: Flow) -> None:
        if request.to.tag:
            leg = self._dialogs.get(incoming_id(request))
            if leg is None:
                self._reply(key, request, 481)
            else:
                # Not remembered: a re-INVITE is answered at once, and a peer may send as many as it likes.
                leg.request_received(request, key, contact=self._contact(flow))
            return
        match request.method:
            case "INVITE":
                self._invited(key, request, flow)
            case "OPTIONS":
                self._reply(key, request, 200, (("Accept", SDP),))
            case _:
                self._reply(key, request, 481)

    def _invited(self, key: Key, request: Request, flow: Flow) -> None:
        tag = self._token()
        id = f"{tag}-0"
        holder: list[SipLeg] = []

        def make(sink: LegSink) -> SipLeg:
            leg = holder[0]
            leg.report_to(sink)
            return leg

        leg = self._make_leg(id, flow, _nowhere, Capabilities())
        holder.append(leg)
        self._remember(key, leg)
        refusal = leg.invited(request, key, tag=tag, contact=self._contact(flow))
        cause = from_status(refusal.status) if refusal is not None else None
        try:
            number, caller = request.uri.username[:MAX_NAME], request.from_.uri.username[:MAX_NAME]
        except RemoteError:  # a tel or foreign scheme in From is legal, and is nobody we know
            number, caller = request.uri.username[:MAX_NAME], ""
        trusted = _inside(flow.remote[0], self._trusted)
        try:
            self._on_invite(InboundCall(id, number, caller, trusted, cause), make)
        except Exception:
            log.exception("%s a call could not be taken", id)
            leg.hang_up(Cause.INTERNAL)

    def _make_leg(self, id: LegId, flow: Flow, sink: LegSink, capabilities: Capabilities) -> SipLeg:
        leg = SipLeg(id, self, self._leg_settings, sink, flow=flow)
        try:
            leg.media = RtpMedia(
                id,
                self._ports,
                capabilities,
                address=self._advertised(flow, self._ports.host),
                media_timeout=self._settings.media_timeout,
                on_keys=leg.keys_happened,
                on_dead=leg.sound_died,
            )
        except ResourceError as error:
            log.error("%s no sound for this leg: %s", id, error)
        return leg

    def _reply(self, key: Key, request: Request, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        lines = (*self._leg_settings.headers, *headers)
        self.respond(key, request.reply(status, to_tag=self._token(), headers=lines))

    def _advertised(self, flow: Flow, bound: str = "") -> str:
        """Return the address the peer of `flow` shall use: the configured public one, else the one it reached."""
        if self._settings.public_address:
            return self._settings.public_address
        return flow.local[0] if bound in ("", "0.0.0.0", "::") else bound  # noqa: S104 - compared, not bound

    def _contact(self, flow: Flow, user: str = "") -> str:
        uri = Uri.of(user or "softswitch", self._advertised(flow), flow.local[1])
        transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        return f"<{uri}{transport}>"

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


def _nowhere(_leg: object, _event: object) -> None:
    """Stand in for the sink of a leg that nobody has taken yet."""


def _inside(host: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in networks)
