"""A leg to a user: all of its phones ring, the first that answers is the leg, the others are told so.

Theory of operation
-------------------
Phones ring in groups of equal `q`, the highest first (RFC 3261 section 16.6). A group that nobody answers gives way to
the next one after GROUP_SECONDS, and at once when each of its phones has refused. Each phone is a `TrunkLeg`: it finds
the address of its contact, and gives up on a phone that says nothing at all.

Towards the call this is one leg. It rings once, and what a phone sends before it answers is heard only where it is the
user's only one: nobody's early sound may be taken for the answer. A phone that refuses for everywhere (6xx) ends it for
all (section 16.7 step 5); any other refusal leaves the rest ringing. Those that lose get a CANCEL that says why, so
that they show no missed call (RFC 3326).
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence

from softswitch.call.cause import Cause
from softswitch.call.dial import best_cause
from softswitch.call.leg import Answered, EarlyMedia, Ended, Leg, LegEvent, LegId, LegSink, LegState, Ringing
from softswitch.call.record import MediaReport
from softswitch.legs.around import Around
from softswitch.legs.signalling import Placement
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.trunk_leg import Places, Resolves, TrunkLeg, Way
from softswitch.sip.flow import Flow

log = logging.getLogger("softswitch.users")

#: How long a group rings before the phones that are less preferred ring, too late for nobody who dials for a minute.
GROUP_SECONDS = 20.0


class UserLeg(Around[TrunkLeg]):
    """An outbound leg to whichever phone of a user answers first."""

    def __init__(
        self,
        id: LegId,
        user: str,
        groups: Sequence[Sequence[Way]],
        places: Places,
        resolves: Resolves,
        sink: LegSink,
    ) -> None:
        """groups: the phones, those that ring together in one. Begins with the next round of the loop."""
        super().__init__()
        self.id = id
        #: It leaves by no carrier.
        self.carrier = ""
        self.user = user
        self._groups = list(groups)
        self._single = sum(len(group) for group in groups) == 1
        self._places = places
        self._resolves = resolves
        self._sink = sink
        self._ringing: list[TrunkLeg] = []
        self._placed = 0
        self._causes: list[Cause] = []
        self._rung = self._answered = self._over = self._refused = False
        self._next: asyncio.Handle | None = asyncio.get_running_loop().call_soon(self._ring_group)

    @property
    def state(self) -> LegState:
        """Where the leg is in its life."""
        if self._over:
            return LegState.ENDED
        if self._answered and self._inner is not None:
            return self._inner.state
        return LegState.RINGING if self._rung else LegState.NEW

    @property
    def sound(self) -> MediaReport | None:
        """How the sound of the phone that answered is so far."""
        return self._inner.sound if self._inner is not None else None

    def watch_levels(self) -> None:
        """Measure the levels of its sound for the next seconds."""
        if self._inner is not None:
            self._inner.watch_levels()

    def report_to(self, sink: LegSink) -> None:
        """Send the events of this leg to `sink` from now on."""
        self._sink = sink

    def hang_up(self, cause: Cause = Cause.NORMAL) -> None:
        """End the leg at once: nobody rings any more, or the talk is over."""
        if self._over:
            return
        if self._answered and self._inner is not None:
            self._inner.hang_up(cause)  # its end is ours
            return
        self._let_go(cause)
        self._end(Ended(cause, by_peer=False))

    def place(self, leg: LegId, placement: Placement, sink: LegSink) -> SipLeg:
        """Place one attempt for a phone, under a name that no other attempt of this leg has."""
        self._placed += 1
        id = self.id if self._placed == 1 else f"{self.id}.{self._placed}"
        return self._places.place(id, placement, sink)

    def why(self, flow: Flow) -> str:
        """Return what keeps a flow from carrying anything."""
        return self._places.why(flow)

    # One group after another ---------------------------------------------------------------------------------------

    def _ring_group(self) -> None:
        """Let the next group ring, in place of the one before; without one, say why nobody answered."""
        self._stop_timer()
        if self._ringing:
            self._causes.append(Cause.NO_ANSWER)
            self._let_go(Cause.NO_ANSWER)
        if not self._groups:
            self._end(Ended(self._verdict(), by_peer=self._refused))
            return
        group = self._groups.pop(0)
        self._ringing = [TrunkLeg(self.id, way, self, self._resolves, self._reported) for way in group]
        if self._groups:
            self._next = asyncio.get_running_loop().call_later(GROUP_SECONDS, self._ring_group)

    def _reported(self, leg: Leg, event: LegEvent) -> None:
        """Take what a phone says."""
        if self._over or leg not in self._ringing:
            return  # it lost
        match event:
            case Ringing() | EarlyMedia() if not self._single:
                self._ring_once()
            case Answered():
                self._won(leg)
                self._sink(self, event)
            case Ended() if self._answered:
                self._end(event)
            case Ended():
                self._failed(leg, event)
            case _:
                self._rung = True
                self._inner = leg if isinstance(leg, TrunkLeg) else None
                self._sink(self, event)

    def _ring_once(self) -> None:
        if not self._rung:
            self._rung = True
            self._sink(self, Ringing())

    def _won(self, winner: Leg) -> None:
        self._stop_timer()
        self._groups.clear()
        losers = [leg for leg in self._ringing if leg is not winner]
        self._ringing = [leg for leg in self._ringing if leg is winner]
        self._inner, self._answered = self._ringing[0], True
        for leg in losers:
            leg.hang_up(Cause.ELSEWHERE)

    def _failed(self, leg: Leg, event: Ended) -> None:
        self._ringing = [one for one in self._ringing if one is not leg]
        if self._inner is leg:
            self._inner = None
        self._causes.append(event.cause)
        self._refused = self._refused or event.by_peer
        if event.by_peer and event.cause.sip >= 600:
            self._groups.clear()
            self._let_go(event.cause)
        if not self._ringing:
            self._stop_timer()
            # Not from inside the report: it comes out of the machine whose call this was.
            self._next = asyncio.get_running_loop().call_soon(self._ring_group)

    # The end -------------------------------------------------------------------------------------------------------

    def _let_go(self, cause: Cause) -> None:
        ringing, self._ringing, self._inner = self._ringing, [], None
        for leg in ringing:
            leg.hang_up(cause)

    def _verdict(self) -> Cause:
        if not self._causes:
            return Cause.UNREGISTERED.because(f"user {self.user} has no phone registered")
        best = best_cause(self._causes)
        if best.sip < 500 or best.sip >= 600:
            return best
        # A phone that cannot be reached is a phone that is not there: it makes no difference to who calls.
        why = "; ".join(dict.fromkeys(_why(self._causes)))
        return Cause.UNAVAILABLE.because(f"no phone of user {self.user} could be reached: {why}")

    def _end(self, event: Ended) -> None:
        self._over = True
        self._groups.clear()
        self._stop_timer()
        self._ringing, self._inner = [], None
        self._sink(self, event)

    def _stop_timer(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None


def _why(causes: Sequence[Cause]) -> Iterator[str]:
    for cause in causes:
        yield cause.detail or cause.words
