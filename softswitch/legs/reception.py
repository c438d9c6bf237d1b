"""What comes to no dialog: calls, questions whether we live, notices, and what other rooms take for themselves.

A method has one service. Calls are of those whom `identify` knows, of strangers, or of somebody who must prove first
who he is; only then is a leg made.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from softswitch import clock
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import Ended, Leg, LegEvent, LegId, LegSink
from softswitch.errors import RemoteError
from softswitch.legs.callers import Callers
from softswitch.legs.inbound import RETRY_AFTER_SECONDS
from softswitch.legs.replacing import replaced
from softswitch.legs.signalling import SDP, DialogLeg, InboundCall, Known, Refusal, Standing
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.strangers import Strangers
from softswitch.sdp.agreement import Capabilities
from softswitch.sdp.protection import Encryption
from softswitch.sip.flow import Flow
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Request, Response
from softswitch.sip.refer import PACKAGE, Replaces, event
from softswitch.sip.trace import Trace
from softswitch.sip.transaction import Key
from softswitch.sip.vouching import Verdict

log = logging.getLogger("softswitch.sip")

#: What registrars and mailboxes send without being asked; it is taken, and asks nothing of us (RFC 3842).
NOTICES = frozenset({"message-summary", "keep-alive", "service-control", "reg", "check-sync"})

#: Seconds after which a phone shall ask a switch again that is stopping: as long as a restart takes.
RETRY_AFTER = 30

#: Told of each inbound call; calls the second argument once, with the sink of the leg's events, to get the leg.
OnInvite = Callable[[InboundCall, Callable[[LegSink], SipLeg]], None]
#: Takes one request outside of any dialog, and answers it.
Service = Callable[[Key, Request, Flow], None]
#: Says whose a new INVITE is: of somebody known, of a stranger (None), or why it gets no further.
Identify = Callable[[Request, Flow], Known | Refusal | None]


#: The verdict on a call's signature, None where nobody wants one, and whether it is refused for it.
Vouch = Callable[[Request, InboundCall], tuple[Verdict | None, bool]]


class Front(Protocol):
    """The user agent, as its reception needs it."""

    @property
    def trace(self) -> Trace: ...
    def respond(self, key: Key, response: Response, *, forget: bool = False) -> None: ...
    def invites(self, key: Key, leg: DialogLeg) -> None: ...
    def standing(self, replaces: Replaces) -> Standing | None: ...
    def note(self, kind: str, flow: Flow, detail: str) -> None: ...
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
    ) -> SipLeg: ...


class Reception:
    """Answers what comes outside of dialogs.

    services: method -> who takes it. identify: whose an INVITE is. draining: OPTIONS is answered with 503, so that
    carriers and balancers send their calls elsewhere.
    """

    def __init__(
        self,
        front: Front,
        answers: Sequence[tuple[str, str]],
        callers: Callers,
        on_invite: OnInvite,
        *,
        token: clock.Token,
        encryption: Encryption,
        strangers: Strangers,
    ) -> None:
        """answers: headers of every answer. encryption: of the sound of whoever has none of his own.

        strangers: how many calls they may have.
        """
        self.services: dict[str, Service] = {
            "INVITE": self._invited,
            "OPTIONS": self._asked,
            "NOTIFY": self._noticed,
            "REFER": self._referred,
            "SUBSCRIBE": self._subscribed,
        }
        self.identify: Identify = _nobody_known
        #: Judges the signature of a call; says whether it is refused for that.
        self.vouch: Vouch = _nobody_asked
        self.draining = False
        self._front = front
        self._answers = tuple(answers)
        self._callers = callers
        self._on_invite = on_invite
        self._token = token
        self.encryption = encryption
        self._strangers = strangers

    def serve(self, method: str, service: Service, allow: Sequence[str]) -> None:
        """Give a method to whoever takes it. allow: all that are known from now on."""
        self.services[method] = service
        self._answers = tuple((name, ", ".join(allow) if name == "Allow" else value) for name, value in self._answers)

    def request_received(self, key: Key, request: Request, flow: Flow) -> None:
        """Take a request that belongs to no dialog."""
        service = self.services.get(request.method)
        if self.draining and request.method == "REGISTER":
            # A phone that has another registrar goes there; one that has none asks again when we may be back.
            self.reply(key, request, 503, (("Retry-After", str(RETRY_AFTER)),))
        elif service is None:
            self.reply(key, request, 481)
        else:
            service(key, request, flow)

    def reply(
        self,
        key: Key,
        request: Request,
        status: int,
        headers: Sequence[tuple[str, str]] = (),
        *,
        forget: bool = False,
    ) -> None:
        """Answer a request outside of any dialog; forget: each copy of it gets the same."""
        lines = (*self._answers, *headers)
        self._front.respond(key, request.reply(status, to_tag=self._token(), headers=lines), forget=forget)

    def _asked(self, key: Key, request: Request, _flow: Flow) -> None:
        self.reply(key, request, 503 if self.draining else 200, (("Accept", SDP),))

    def _noticed(self, key: Key, request: Request, _flow: Flow) -> None:
        """Answer a NOTIFY that nobody subscribed to: registrars send some after REGISTER, and take a refusal badly."""
        package, _ = event(request)
        if package in NOTICES:
            self.reply(key, request, 200)
        else:
            self.reply(key, request, 489)

    def _referred(self, key: Key, request: Request, flow: Flow) -> None:
        """Refuse a REFER outside of a call: it would have us call somebody, for nobody (RFC 3515 section 5.2)."""
        self.reply(key, request, 403)
        self._front.note("refer_outside_call", flow, "a REFER outside of a call was refused with 403")

    def _subscribed(self, key: Key, request: Request, _flow: Flow) -> None:
        """Refuse a SUBSCRIBE: only a REFER begins the one subscription that there is (RFC 3515 section 2.4.4)."""
        package, _ = event(request)
        self.reply(key, request, 403 if package == PACKAGE else 489)

    def _place(self, whose: Known | None, flow: Flow) -> Callable[[], None] | str:
        """Take a place for a call where its caller is a stranger; return what gives it back, or why there is none."""
        if whose is not None or self._callers.trusts(flow):
            return _nothing
        return self._strangers.take(flow.remote[0], now=clock.now())

    def _invited(self, key: Key, request: Request, flow: Flow) -> None:
        whose = self.identify(request, flow)
        if isinstance(whose, Refusal):
            self.reply(key, request, whose.status, whose.headers)
            return
        give_back = self._place(whose, flow)
        if isinstance(give_back, str):
            self.reply(key, request, 503, (("Retry-After", str(RETRY_AFTER_SECONDS)),))
            self._front.note("strangers_full", flow, give_back)
            return
        known = whose or _STRANGER
        replaces = replaced(request, flow, known, trusted=self._callers.trusts(flow), find=self._front.standing)
        if isinstance(replaces, Refusal):
            self.reply(key, request, replaces.status)
            self._front.note("replaces_refused", flow, f"an INVITE with Replaces was refused with {replaces.status}")
            give_back()
            return
        tag = self._token()
        id = f"{tag}-0"
        if flow.secure and known.carrier:  # should the connection be lost, the next one has to lead to the same one
            flow = flow._replace(carrier=known.carrier)
        can = Capabilities(known.codecs, encryption=known.encryption or self.encryption)
        sips = wants_sips(request)
        leg = self._front.make_leg(id, flow, _nowhere, can, known.dtmf, known.session_expires, sips=sips)

        def make(sink: LegSink) -> SipLeg:
            def report(of: Leg, event: LegEvent) -> None:
                if isinstance(event, Ended):
                    give_back()
                sink(of, event)

            leg.report_to(report)
            return leg

        leg.carrier = known.carrier
        self._front.trace.bind(request.call_id, id, now=clock.now())
        self._front.invites(key, leg)
        refusal = leg.invited(request, key, tag=tag)
        cause = from_status(refusal.status).because(refusal.why) if refusal is not None else None
        inbound = replace(self._callers.describe(id, request, flow, known, cause), replaces=replaces)
        verdict, refused = self.vouch(request, inbound)
        if verdict is not None:
            why = from_status(verdict.status).because(verdict.words) if refused and cause is None else cause
            inbound = replace(inbound, verdict=verdict, refusal=why)
        try:
            self._on_invite(inbound, make)
        except Exception:  # whatever it is, it is this call's alone
            log.exception("%s a call could not be taken", id)
            give_back()
            leg.hang_up(Cause.INTERNAL)


def wants_sips(request: Request) -> bool:
    """Say whether the Contact in our answer has to be a `sips:` URI (RFC 3261 section 12.1.1)."""
    if request.uri.scheme == "sips":
        return True
    try:
        recorded = request.headers.all("Record-Route")
        first = NameAddr.parse(recorded[0]) if recorded else next(iter(request.contacts), None)
    except RemoteError:  # what is wrong with it is said by whoever needs it
        return False
    return first is not None and first.uri.scheme == "sips"


_STRANGER = Known("")


def _nothing() -> None:
    """Give nothing back: nothing was taken."""


def _nobody_known(_request: Request, _flow: Flow) -> Known | None:
    """Know no carrier."""
    return None


def _nobody_asked(_request: Request, _inbound: InboundCall) -> tuple[None, bool]:
    """Ask for no signature."""
    return None, False


def _nowhere(_leg: object, _event: object) -> None:
    """Stand in for the sink of a leg that nobody has taken yet."""
