"""Provisional responses that surely arrive (RFC 3262), for either side of an INVITE.

`ReliableResponses` numbers them, sends one at a time, and repeats it until its PRACK comes. `ReliableOrder` tells the
side that calls which of them is new. Both belong to an INVITE machine and work for it alone.
"""

import zlib
from dataclasses import dataclass
from typing import Self

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.grammar import broken
from softswitch.sip.headers import CSEQ_LIMIT, CSeq
from softswitch.sip.message import Request, Response
from softswitch.sip.option_tags import requires

#: The option tag of RFC 3262.
OPTION = "100rel"
#: Section 7.1: an RSeq is below 2**32, and the first one below 2**31, so that adding one never wraps.
RSEQ_LIMIT = 2**32
#: Responses that wait for the PRACK of an earlier one. A call says few things before it is answered; a caller who never
#: acknowledges must not make us keep more.
MAX_WAITING = 8


@dataclass(frozen=True, slots=True)
class RAck:
    """What a PRACK acknowledges (section 7.2): the response's RSeq, and CSeq number and method of its request."""

    rseq: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an RAck value; RemoteError `bad_rack` when it is none."""
        parts = text.split()
        if len(parts) != 3 or not grammar.is_token(parts[2]):
            raise broken("not an RAck", text, kind="bad_rack")
        rseq = grammar.number(parts[0], below=RSEQ_LIMIT, what="RSeq in RAck", kind="bad_rack")
        number = grammar.number(parts[1], below=CSEQ_LIMIT, what="CSeq in RAck", kind="bad_rack")
        return cls(rseq, CSeq(number, parts[2]))

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq}"


def rseq_of(response: Response) -> int | None:
    """Return the number of a reliable provisional response, None for one that wants no PRACK.

    A 100 goes from hop to hop and is never reliable (section 3). One that requires PRACK but has no number that can be
    read cannot be acknowledged, and passes for an unreliable one.
    """
    if not 100 < response.status < 200 or not requires(response, OPTION):
        return None
    try:
        number = grammar.number(response.headers.get("RSeq") or "", below=RSEQ_LIMIT, what="RSeq", kind="bad_rseq")
    except RemoteError:
        return None
    return number or None


def first_rseq(tag: str, request: Request) -> int:
    """Return the first number for the responses to `request`: 1 to 2**31 - 1, spread by our random tag (section 3)."""
    return zlib.crc32(f"{tag} {request.cseq.number}".encode()) % (2**31 - 1) + 1


class ReliableResponses:
    """The reliable provisional responses to one request: one without PRACK at a time, the next ones wait (section 3).

    first: number of the first. t1: seconds until the first copy. `drain` returns what to send.
    """

    def __init__(self, request: Request, *, first: int, t1: float) -> None:
        self._cseq = request.cseq
        self._next = first
        self._t1 = t1
        self._open: Response | None = None
        self._open_rseq = 0
        self._waiting: list[Response] = []
        self._interval = 0.0
        self._again_at: float | None = None
        self._give_up_at = 0.0
        self._outputs: list[Response] = []
        self.described = False
        """True when a response with a session description has been acknowledged."""

    @property
    def describing(self) -> bool:
        """True while a session description is on its way, or waits to be: a 2xx must wait for its PRACK."""
        return any(response.body for response in (self._open, *self._waiting) if response is not None)

    def send(self, response: Response, *, now: float) -> None:
        """Number a response and send it, at once or after the PRACK of the one before."""
        if self._open is None:
            self._send(response, now)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(response)

    def pracked(self, request: Request, *, now: float) -> bool:
        """Take a PRACK; False where it acknowledges nothing that is open."""
        try:
            rack = RAck.parse(request.headers.get("RAck") or "")
        except RemoteError:
            return False
        if self._open is None or rack.rseq != self._open_rseq or rack.cseq != self._cseq:
            return False
        self.described = self.described or bool(self._open.body)
        self._open, self._again_at = None, None
        if self._waiting:
            self._send(self._waiting.pop(0), now)
        return True

    def hurry(self) -> None:
        """Forget what was not sent yet and describes nothing: the answer, which says more, waits."""
        self._waiting = [response for response in self._waiting if response.body]

    def stop(self) -> None:
        """Send no copies any more: a final response is out. A late PRACK of the open one is still known (section 3)."""
        self._waiting.clear()
        self._again_at = None

    def overdue(self, *, now: float) -> bool:
        """Tell whether no PRACK has come for 64*T1."""
        return self._again_at is not None and now >= self._give_up_at

    def next_timer(self) -> float | None:
        """Return when the open response must be sent again or given up."""
        return None if self._again_at is None else min(self._again_at, self._give_up_at)

    def handle_timer(self, *, now: float) -> None:
        """Send again, if it is time: from T1 on, the double each time, without a limit (section 3)."""
        if self._open is None or self._again_at is None or not self._again_at <= now < self._give_up_at:
            return
        self._outputs.append(self._open)
        self._interval *= 2
        self._again_at = now + self._interval

    def drain(self) -> list[Response]:
        """Return what to send, in order, once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _send(self, response: Response, now: float) -> None:
        numbered = response.copy()
        numbered.headers.add("Require", OPTION)
        numbered.headers.add("RSeq", str(self._next))
        self._open, self._open_rseq = numbered, self._next
        self._next += 1
        self._interval = self._t1
        self._again_at, self._give_up_at = now + self._t1, now + 64 * self._t1
        self._outputs.append(numbered)


class ReliableOrder:
    """Which reliable responses of each early dialog were taken, on the side that calls (section 4)."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def take(self, tag: str, rseq: int) -> bool:
        """Tell whether this is the next one of the dialog with that remote tag; not a copy, none missing before it.

        One that comes too early is not acknowledged, and so comes again when its predecessor has been.
        """
        last = self._last.get(tag)
        if last is not None and rseq != last + 1:
            return False
        self._last[tag] = rseq
        return True
