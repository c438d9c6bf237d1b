"""What legs, trunks and their user agent agree on: the calls between them, and the values they share."""

from dataclasses import dataclass
from typing import Protocol

from softswitch.call.cause import Cause, from_q850
from softswitch.call.leg import LegId
from softswitch.sdp.protection import Encryption
from softswitch.sip.auth import DigestClient
from softswitch.sip.dialog import Dialog, DialogId
from softswitch.sip.flow import Flow
from softswitch.sip.history import Diversions
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.refer import Replaces
from softswitch.sip.session_timer import SessionTimerSettings
from softswitch.sip.transaction import Key, TimerSettings
from softswitch.sip.uri import Uri
from softswitch.sip.vouching import Verdict

SDP = "application/sdp"
#: Methods we handle, and extensions we speak (RFC 3262, 4028, 3891, 4488): said in every message that makes a dialog.
ALLOW = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO", "NOTIFY", "REFER", "SUBSCRIBE")
SUPPORTED = ("100rel", "timer", "replaces", "norefersub")
#: What a peer can be told of (RFC 6665 section 8.2.2): how its transfer goes.
EVENTS = ("refer",)
#: Answers to a request inside a dialog that say there is none (RFC 3261 sections 12.2.1.2, 14.1).
GONE = (408, 481)
#: What the ACK of a 2xx takes over from its INVITE (RFC 3261 section 22.1).
CREDENTIALS = ("Authorization", "Proxy-Authorization")


class Requester(Protocol):
    """Whoever sends a request and wants to know what came of it."""

    def response_received(self, key: Key, response: Response, flow: Flow) -> None: ...
    def request_failed(self, key: Key, why: str) -> None:
        """Take the end of a transaction without a final response: `timeout` or `transport`."""

    def request_resent(self, old: Key, new: Key, request: Request) -> None:
        """Take the news that a challenge was answered: the request went out again, under another key."""


class DialogLeg(Requester, Protocol):
    """What the user agent tells a leg: what came from the peer."""

    @property
    def id(self) -> LegId: ...
    def standing(self, dialog: DialogId) -> "Standing":
        """Return how a dialog of this leg stands."""

    def request_received(self, request: Request, key: Key, flow: Flow) -> None: ...
    def ack_received(self, ack: Request) -> None: ...
    def cancel_received(self, cancel: Request) -> None: ...


class Signalling(Protocol):
    """What a leg asks of the user agent. Sockets and transactions stay there."""

    def respond(self, key: Key, response: Response) -> None: ...
    def send(
        self,
        request: Request,
        flow: Flow,
        owner: Requester,
        auth: DigestClient | None = None,
        dialog: Dialog | None = None,
    ) -> Key: ...
    def invites(self, key: Key, leg: DialogLeg) -> None: ...
    def invite_over(self, key: Key, leg: DialogLeg) -> None: ...
    def acknowledge(self, request: Request, flow: Flow) -> None: ...
    def cancel(self, key: Key, headers: tuple[tuple[str, str], ...] = ()) -> None: ...
    def give_up(self, key: Key) -> None: ...
    def flow_to(self, dialog: Dialog, flow: Flow) -> Flow: ...
    def why(self, flow: Flow) -> str: ...
    def dialog_made(self, dialog: Dialog, leg: DialogLeg) -> None: ...
    def talking(self, leg: DialogLeg, flow: Flow) -> None: ...
    def leg_of(self, replaces: Replaces) -> LegId:
        """Return the leg that has this dialog and is not over, empty for none."""

    def note(self, kind: str, flow: Flow, detail: str) -> None:
        """Count and log what was wrong with a message that only its leg understood."""

    def forget(self, leg: DialogLeg) -> None: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """A dialog of a leg as those see it who want its place. early: not answered. calling: we made the call.

    over: by its end, or because another telephone took the call. host: of its peer. carrier: by which it goes.
    """

    leg: LegId
    early: bool
    calling: bool
    over: bool
    host: str
    carrier: str


@dataclass(frozen=True, slots=True)
class LegSettings:
    """What all legs of one user agent share.

    answers, requests: headers of every response and every request of ours that belongs to a dialog. vigil: seconds
    between two questions whether a peer on hold is still there.
    """

    timers: TimerSettings
    session_timer: SessionTimerSettings
    answers: tuple[tuple[str, str], ...]
    requests: tuple[tuple[str, str], ...]
    vigil: float


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how to place a call. host: an IP literal. codecs: in order of preference.

    from_uri, from_name: who calls, instead of caller_id at our own address. headers: such as P-Asserted-Identity.
    routes: Route values. auth: answers challenges. dtmf: `auto`, `rfc4733`, `info` or `inband`. late_offer: send no
    session description, but answer that of the 200. session_expires: seconds, 0 for no session timer. encryption: of
    the sound, None as the switch has it for whoever is no carrier. name: over TLS, the host that the peer must prove to
    be, with the keys and authorities of `carrier`. flow: the only way there is to the peer, instead of transport, host
    and port.
    """

    uri: Uri
    caller_id: str
    transport: str
    host: str
    port: int
    codecs: tuple[str, ...]
    from_uri: Uri | None = None
    from_name: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    routes: tuple[str, ...] = ()
    auth: DigestClient | None = None
    dtmf: str = "auto"
    late_offer: bool = False
    contact_user: str = ""
    carrier: str = ""
    session_expires: int | None = None
    hops: int = 70
    encryption: Encryption | None = None
    name: str = ""
    flow: Flow | None = None

    @property
    def secure(self) -> bool:
        """True where the call goes by `sips:`, and our Contact must too (RFC 3261 section 8.1.1.8)."""
        return self.uri.scheme == "sips" or any(route.lower().startswith("<sips:") for route in self.routes[:1])


@dataclass(frozen=True, slots=True)
class Known:
    """Who an inbound call comes from, and how its legs are to be.

    carrier: by name, empty where it came by none. user: one of our users who has proved it, empty for nobody.
    caller: who it is from, whatever it says itself; empty where its own word counts.
    encryption: of the sound, None as the switch has it for strangers.
    """

    carrier: str
    user: str = ""
    caller: str = ""
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    dtmf: str = "auto"
    session_expires: int | None = None
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class InboundCall:
    """An INVITE that wants to become a call. refusal: it cannot, for this cause.

    number, to_user: of the Request-URI and of To, which differ where a registrar puts our Contact in the Request-URI.
    caller: of P-Asserted-Identity where a carrier or a trusted network says it (RFC 3325), else of From.
    user: one of our users who has proved it. replaces: the leg of ours whose place it takes (RFC 3891).
    verdict: on its signature (RFC 8224), None where nobody asked for one.
    diversions: who passed the call on before, as a carrier or a trusted network says it.
    """

    leg: LegId
    number: str
    caller: str
    trusted: bool
    refusal: Cause | None
    carrier: str = ""
    to_user: str = ""
    uri: str = ""
    source: tuple[str, int] = ("", 0)
    hops: int = 70
    user: str = ""
    replaces: LegId = ""
    verdict: Verdict | None = None
    diversions: Diversions = Diversions()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an INVITE cannot become a call: the status the RFC wants, and the headers that explain it.

    why: a sentence for our own record.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    why: str = ""


def attempt(leg: LegId, number: int) -> LegId:
    """Return the id of one attempt of a leg that tries several gateways: each is a leg of its own to its peer."""
    return leg if number == 1 else f"{leg}.{number}"


def leg_of_attempt(id: LegId) -> LegId:
    """Return the leg that an attempt belongs to, as the call knows it."""
    return id.partition(".")[0]


def named(header: str, agent: str) -> tuple[tuple[str, str], ...]:
    """Return the header that names us, none where we have no name."""
    return ((header, agent),) if agent else ()


def reason(cause: Cause) -> tuple[str, str]:
    """Return the Reason header that says a cause (RFC 3326)."""
    if cause is Cause.ELSEWHERE:
        return ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
    return ("Reason", f'Q.850;cause={cause.q850};text="{cause.words}"')


def reason_in(headers: Headers, default: Cause) -> Cause:
    """Return the cause that a message names in Reason (RFC 3326), `default` where it names none that is known."""
    for value in headers.readable("Reason"):
        protocol, _, params = value.partition(";")
        number = _cause_number(params)
        if number is None:
            continue
        match protocol.strip().upper():
            case "Q.850" if 0 < number < 128:  # Asterisk writes 0 where it knows of no cause
                return default if number == default.q850 else from_q850(number, default.sip)
            case "SIP" if number == 200:
                return Cause.ELSEWHERE
            case _:
                pass
    return default


def _cause_number(params: str) -> int | None:
    for param in params.split(";"):
        name, _, number = param.partition("=")
        number = number.strip()
        # isdigit alone is true for digits of all scripts, and for superscripts that int() does not take
        if name.strip().lower() == "cause" and number.isascii() and number.isdigit() and len(number) <= 3:
            return int(number)
    return None
