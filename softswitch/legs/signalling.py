"""What a SIP leg and its user agent agree on: the calls between them, and the values they share."""

from dataclasses import dataclass
from typing import Protocol

from softswitch.call.cause import Cause
from softswitch.call.leg import LegId
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import Key, TimerSettings


class DialogLeg(Protocol):
    """What the user agent tells a leg: what came from the peer."""

    @property
    def id(self) -> LegId: ...
    def request_received(self, request: Request, key: Key, *, contact: str) -> None: ...
    def ack_received(self, ack: Request) -> None: ...
    def cancel_received(self) -> None: ...
    def response_received(self, request_key: Key, response: Response, flow: Flow) -> None: ...
    def request_failed(self, request_key: Key, why: str) -> None: ...


class Signalling(Protocol):
    """What a leg asks of the user agent. Sockets and transactions stay there."""

    def respond(self, key: Key, response: Response) -> None: ...
    def request(self, request: Request, flow: Flow, leg: DialogLeg) -> Key: ...
    def acknowledge(self, request: Request, flow: Flow) -> None: ...
    def cancel(self, key: Key) -> None: ...
    def flow_to(self, dialog: Dialog, flow: Flow) -> Flow: ...
    def dialog_made(self, dialog: Dialog, leg: DialogLeg) -> None: ...
    def forget(self, leg: DialogLeg) -> None: ...


@dataclass(frozen=True, slots=True)
class LegSettings:
    """What all legs of one user agent share. headers: what every message of ours carries."""

    timers: TimerSettings
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an INVITE cannot become a call: the status the RFC wants, and the headers that explain it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


def cause_in(request: Request) -> Cause:
    """Return the cause that a BYE names in Reason (RFC 3326), normal clearing where it names none."""
    for value in request.headers.all("Reason"):
        protocol, _, params = value.partition(";")
        if protocol.strip().upper() != "Q.850":
            continue
        for param in params.split(";"):
            name, _, number = param.partition("=")
            number = number.strip()
            # isdigit alone is true for digits of all scripts, and for superscripts that int() does not take
            if name.strip().lower() == "cause" and number.isascii() and number.isdigit() and len(number) <= 3:
                known = int(number) == Cause.NORMAL.q850
                return Cause.NORMAL if known else Cause(int(number), 200, "released by the peer")
    return Cause.NORMAL
