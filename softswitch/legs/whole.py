"""The leg as its parts see it: what they share, and what they ask of each other through it."""

from collections.abc import Callable, Iterable
from typing import Protocol
from weakref import proxy

from softswitch.call.cause import Cause
from softswitch.call.leg import Digit, DigitsSent, LegEvent, LegId, LegState
from softswitch.legs.rtp_media import RtpMedia
from softswitch.legs.signalling import DialogLeg, LegSettings, Signalling
from softswitch.sip.auth import DigestClient
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request, Response
from softswitch.sip.session_timer import SessionTimer
from softswitch.sip.transaction import Key

#: Called once with the final response to a request, None where none came.
OnAnswer = Callable[[Response | None], None]


class Part(Protocol):
    """One part of a leg: machines, and what they want done."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will come of it."""

    def carry_out(self) -> bool:
        """Do what the machines want; tell whether there was anything."""

    def next_timer(self) -> float | None: ...
    def handle_timer(self, *, now: float) -> None: ...

    def let_go(self) -> None:
        """Hold the leg no longer: nothing more will come of it."""


class Setup(Part, Protocol):
    """How a call comes about, on either side."""

    key: Key

    @property
    def calling(self) -> bool:
        """Whether we made the call: the Call-ID is ours."""

    @property
    def open(self) -> bool:
        """Whether the INVITE has no final answer yet."""

    @property
    def answered(self) -> bool:
        """Whether we have accepted the peer's INVITE."""

    @property
    def awaits_ack(self) -> bool:
        """Whether our 2xx has no ACK yet."""

    @property
    def owes_answer(self) -> bool:
        """Whether the peer owes the answer to our first offer."""

    def settled(self, dialog: Dialog) -> bool:
        """Tell whether the first offer has its answer, so that another may be made before the call is up."""

    def give_up(self, cause: Cause) -> None:
        """End what is not answered yet: refuse or cancel."""

    def acknowledged_by_implication(self) -> None:
        """Take a request that the peer can only send once our 2xx has reached it."""

    def failed(self, why: str) -> None:
        """Take the end of the INVITE's transaction."""


class Whole(DialogLeg, Protocol):
    """A leg, for its parts."""

    id: LegId
    state: LegState
    flow: Flow
    only_way: bool
    contact: str
    media: RtpMedia | None
    auth: DigestClient | None
    dialog: Dialog | None
    timer: SessionTimer
    signalling: Signalling
    settings: LegSettings
    peer_allows: frozenset[str]

    @property
    def setup(self) -> Setup | None: ...
    def way(self, dialog: Dialog) -> Flow: ...
    @property
    def changing(self) -> bool:
        """Whether an offer is open, ours or the peer's."""

    def meet(self, message: Request | Response) -> None: ...
    def hang_up(self, cause: Cause = Cause.NORMAL) -> None: ...
    def release(self, cause: Cause) -> None: ...
    def send_bye(self) -> None: ...
    def send(self, request: Request, dialog: Dialog, on_answer: OnAnswer | None = None) -> Key: ...
    def answer_request(
        self,
        request: Request,
        key: Key,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None: ...
    def unacknowledged(self) -> None: ...
    def lost(self, cause: Cause) -> None: ...
    def up(self) -> None: ...
    def note_hold(self) -> None: ...
    def ended(self, cause: Cause, *, by_peer: bool, said: str = "") -> None: ...
    def report(self, event: LegEvent) -> None: ...
    def keys_happened(self, event: Digit | DigitsSent) -> None: ...


class Attached:
    """What every part has: the leg that it is a part of."""

    def __init__(self, leg: Whole) -> None:
        self._leg = leg

    def let_go(self) -> None:
        """Hold the leg no longer than others do.

        A leg and its parts that held each other for ever would stay until the collector comes round, after thousands
        of calls; and it would have so many of them to look at that the clock were late.
        """
        self._leg = proxy(self._leg)
