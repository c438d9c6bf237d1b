"""A leg that finds its way: gateway after gateway, address after address, until one takes the call.

Theory of operation
-------------------
Each attempt is a `SipLeg` of its own. It is left for the next one when it fails in a way that another gateway may do
better (`Next.FAIL_OVER`: 503, 408, transport, RFC 3261 sections 8.1.3.1 and 21.5.4, RFC 3263 section 4.3), or when
nothing at all was heard of it within `try_seconds`: over UDP a gateway that lives says 100 within 0.2 s, and timer B
would let the caller wait 32 s. Once anything rang, sounded or answered, the call belongs to that gateway, and whatever
becomes of it is what became of the call: nobody's telephone shall ring twice.

An attempt that was left still ends as the RFC wants (CANCEL once a provisional response comes, ACK and BYE for a 200
that crosses it); what it reports is nobody's any more. `Ended` is said once, and `on_over` is called with it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from softswitch.call.cause import Cause, Next
from softswitch.call.leg import Answered, Ended, Leg, LegEvent, LegId, LegSink, LegState
from softswitch.call.record import MediaReport
from softswitch.errors import ResourceError
from softswitch.legs.around import Around
from softswitch.legs.callers import MAX_FORWARDS
from softswitch.legs.signalling import Placement, attempt
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.trunk import GatewayKey
from softswitch.net.address import family, show
from softswitch.net.resolve import Target
from softswitch.sip.flow import Flow, default_port
from softswitch.sip.history import merged

log = logging.getLogger("softswitch.trunks")

#: Addresses tried for one call; with 4 s each that is about a minute, longer than any caller waits.
MAX_ATTEMPTS = 16
#: Of the attempts that failed, this many are named in the cause; a record is not a log.
MAX_NAMED = 6


class Places(Protocol):
    """Who makes one attempt: the user agent."""

    def place(self, leg: LegId, placement: Placement, sink: LegSink) -> SipLeg: ...
    def why(self, flow: Flow) -> str:
        """Return what keeps a flow from carrying anything, as a predicate of its peer; empty where nothing is known."""


class Resolves(Protocol):
    """Who knows the addresses of a name."""

    async def resolve(
        self, host: str, port: int | None = None, transport: str | None = None
    ) -> Sequence[tuple[str, str, int]]: ...


@dataclass(frozen=True, slots=True)
class Hop:
    """One gateway to try. transport: None where DNS may choose. placement: the call, but for where it goes.

    gateway: the entry of `carriers.yaml` it stands for, which differs from where to send by way of a proxy.
    """

    host: str
    port: int | None
    transport: str | None
    placement: Placement
    gateway: GatewayKey = ("", None)

    @property
    def addresses(self) -> Sequence[Target]:
        """Where it is, where that needs no question."""
        if family(self.host) is None:
            return ()
        return (Target(self.transport or "udp", self.host, self.port or default_port(self.transport or "udp")),)


@dataclass(frozen=True, slots=True)
class Way:
    """Where a call shall go. hops: in the order of trying. name: `carrier x`, empty for a bare SIP URI; carrier: `x`.

    try_seconds: how long a gateway may say nothing. on_answer, on_over: called once, when the leg is answered, and when
    it is over. on_outcome: told of each gateway that answered (with a status) or did not (0, and why). refused: the
    call cannot even begin, for this. closed: says why an address may not be called, None where it may. headers:
    of each INVITE, besides those of its placement.
    """

    hops: tuple[Hop, ...]
    name: str = ""
    carrier: str = ""
    try_seconds: float = 4.0
    on_answer: Callable[[], None] = lambda: None
    on_over: Callable[[], None] = lambda: None
    on_outcome: Callable[[Hop, int, str], None] = lambda hop, status, why: None
    refused: Cause | None = None
    closed: Callable[[Target], Cause | None] = lambda target: None
    max_forwards: int = MAX_FORWARDS
    headers: tuple[tuple[str, str], ...] = ()


class TrunkLeg(Around[SipLeg]):
    """An outbound leg over the first gateway that takes it."""

    def __init__(self, id: LegId, way: Way, places: Places, resolves: Resolves, sink: LegSink) -> None:
        """Begin with the next round of the loop: what this leg says first must find it in the caller's books."""
        super().__init__()
        self.id = id
        #: The carrier it leaves by, empty for none.
        self.carrier = way.carrier
        self._way = way
        self._places = places
        self._resolves = resolves
        self._sink = sink
        self._hops = deque(way.hops)
        self._hop: Hop | None = None
        self._targets: deque[tuple[str, str, int]] = deque()
        self._attempts = 0
        self._failures: list[str] = []
        self._last: Cause | None = None
        self._taken = False
        self._over = False
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._beginning: asyncio.Handle | None = asyncio.get_running_loop().call_soon(self._begin)

    @property
    def state(self) -> LegState:
        """Where the leg is in its life; before a gateway took it, new."""
        if self._over:
            return LegState.ENDED
        return self._inner.state if self._inner is not None and self._taken else LegState.NEW

    @property
    def sound(self) -> MediaReport | None:
        """How its sound is so far, None where it has none."""
        return self._inner.sound if self._inner is not None else None

    def watch_levels(self) -> None:
        """Measure the levels of its sound for the next seconds."""
        if self._inner is not None:
            self._inner.watch_levels()

    def report_to(self, sink: LegSink) -> None:
        """Send the events of this leg to `sink` from now on."""
        self._sink = sink

    # Commands of the call ------------------------------------------------------------------------------------------

    def hang_up(self, cause: Cause = Cause.NORMAL) -> None:
        """End the leg at once, whether a gateway has it, is being tried, or is still looked up."""
        if self._over:
            return
        self._taken = True  # whatever the attempt says now is the end, and no reason to try another
        if self._inner is not None:
            self._inner.hang_up(cause)
        if not self._over:
            self._end(Ended(cause, by_peer=False))

    # One gateway after another -------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._beginning = None
        if self._way.refused is not None:
            self._end(Ended(self._way.refused, by_peer=False))
        else:
            self._next()

    def _next(self) -> None:
        """Try the next address, look the next gateway up, or give up."""
        while not self._over:
            if self._targets and self._attempts < MAX_ATTEMPTS:
                if self._try(Target(*self._targets.popleft())):
                    return
            elif self._hops and self._attempts < MAX_ATTEMPTS:
                self._hop = self._hops.popleft()
                self._targets.extend(self._hop.addresses)
                if not self._targets:
                    self._asking = asyncio.create_task(self._ask(self._hop), name=f"resolve {self._hop.host}")
                    return
            else:
                self._end(Ended(self._verdict(), by_peer=self._last is not None))

    async def _ask(self, hop: Hop) -> None:
        try:
            targets = await self._resolves.resolve(hop.host, hop.port, hop.transport)
        except ResourceError as error:
            self._failed(str(error), 0)
        else:
            self._targets.extend(targets)
        self._asking = None
        self._next()

    def _try(self, target: Target) -> bool:
        """Begin an attempt; False where it cannot even begin."""
        hop = self._hop
        if hop is None:
            return False
        closed = self._way.closed(target)
        if closed is not None:
            self._end(Ended(closed, by_peer=False))
            return True
        placement = replace(
            hop.placement,
            transport=target.transport,
            host=target.host,
            port=target.port,
            hops=self._way.max_forwards,
            name=hop.host,
            headers=merged((*hop.placement.headers, *self._way.headers)),
        )
        self._attempts += 1
        # Each attempt is a leg of its own in the user agent's books: the one before may still await its last answer.
        id = attempt(self.id, self._attempts)
        try:
            self._inner = self._places.place(id, placement, self._reported)
        except ResourceError as error:
            # No port for the sound, no socket of that kind: our own fault, and nothing against the gateway.
            self._failures.append(f"{show((target.host, target.port))} could not be called: {error}")
            return False
        self._timer = asyncio.get_running_loop().call_later(self._way.try_seconds, self._waited, target)
        return True

    def _waited(self, target: Target) -> None:
        """Leave a gateway that has said nothing at all."""
        self._timer = None
        inner = self._inner
        if inner is None or self._over or inner.heard:
            return
        self._inner = None  # first: what it reports of its end is of no interest any more
        inner.hang_up(Cause.TIMEOUT)
        where, seconds = show((target.host, target.port)), self._way.try_seconds
        words = self._places.why(inner.flow)
        self._failed(f"{where} gave no answer in {seconds:g} s" + (f": {words}" if words else ""), 0)
        self._next()

    def _reported(self, leg: Leg, event: LegEvent) -> None:
        """Take what an attempt says."""
        inner = self._inner
        if leg is not inner or inner is None or self._over:
            return
        if not isinstance(event, Ended):
            if not self._taken:
                self._take_over()
            if isinstance(event, Answered):
                self._failures.clear()  # who failed before explains nothing of how the call ends now
                self._way.on_answer()
            self._sink(self, event)
            return
        if self._taken or event.cause.next is not Next.FAIL_OVER or not event.by_peer:
            if not self._taken and self._hop is not None:
                self._way.on_outcome(self._hop, event.cause.sip, "")  # a refusal proves that the gateway lives
            self._end(self._explained(event))
            return
        self._inner = None
        self._stop_timer()
        self._note(inner, event.cause)
        # Not from inside the report: it comes out of the machine whose attempt this was.
        self._beginning = asyncio.get_running_loop().call_soon(self._resume)

    def _note(self, inner: SipLeg, cause: Cause) -> None:
        """Write down how an attempt failed."""
        where = show(inner.flow.remote)
        if cause == Cause.OUT_OF_ORDER and cause.detail and not inner.heard:
            self._failed(f"{where}: {cause.detail}", 0)
        elif cause == Cause.OUT_OF_ORDER:  # the transport's word, and no status that anybody gave
            self._failed(f"{where} {'broke the connection off' if inner.heard else 'could not be reached'}", 0)
        elif inner.heard:
            self._failed(f"{where} answered {cause.sip} {cause.words}", cause.sip, cause)
        else:
            self._failed(f"{where} gave no answer", 0)

    def _resume(self) -> None:
        self._beginning = None
        self._next()

    def _take_over(self) -> None:
        self._taken = True
        self._stop_timer()
        if self._hop is not None:
            self._way.on_outcome(self._hop, 200, "")

    def _failed(self, why: str, status: int, cause: Cause | None = None) -> None:
        log.info("%s an attempt failed: %s", self.id, why)
        self._failures.append(why)
        self._last = cause or self._last
        if self._hop is not None:
            self._way.on_outcome(self._hop, status, why)

    # The end -------------------------------------------------------------------------------------------------------

    def _verdict(self) -> Cause:
        """Return why nobody took the call: the last status that a gateway gave, and all of it in words."""
        named = _listed(self._failures)
        who = f"no gateway of {self._way.name}" if self._way.name else "nobody"
        if self._last is None:
            return Cause.OUT_OF_ORDER.because(f"{who} answered: {named}")
        return self._last.because(f"{who} took the call: {named}")

    def _explained(self, event: Ended) -> Ended:
        """Add to a refusal who failed before: it is why this gateway was asked."""
        if not self._failures or not event.by_peer or event.cause.detail:
            return event
        before = f"{event.cause.words}; before that {_listed(self._failures)}"
        return replace(event, cause=event.cause.because(before))

    def _end(self, event: Ended) -> None:
        self._over = True
        self._inner = None
        self._hops.clear()
        self._targets.clear()
        self._stop_timer()
        if self._beginning is not None:
            self._beginning.cancel()
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        try:
            self._way.on_over()
        finally:
            self._sink(self, event)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _listed(sentences: Iterable[str]) -> str:
    known = list(sentences)
    more = f", and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else ""
    return (", ".join(known[:MAX_NAMED]) or "none is known") + more
