"""The patch of one call: its legs, who hears whom, and their places on the 20 ms clock.

One bridge joins the subject with whom it talks. A leg that has sound but nobody to talk with (it sends early media
while others ring too, or is asked whether it takes a call) sits on a bridge of its own: what it sends would wait in its
socket otherwise, and whoever talks with it then would hear it that much later.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from softswitch.audio.frame import Voice, cut
from softswitch.call.bridge import Bridge, Tap
from softswitch.call.leg import Leg, LegId
from softswitch.call.voices import NOBODY, OnHold

Tick = Callable[[float], None]


class Seat(Protocol):
    """A place on the 20 ms clock."""

    def leave(self) -> None: ...


class Ticks(Protocol):
    """The 20 ms clock."""

    def join(self, tick: Tick) -> Seat: ...


class Patch:
    """Who hears whom on one call."""

    def __init__(self, subject: LegId, ticks: Ticks, guard: Callable[[Tick, float], None]) -> None:
        """guard: carries out a tick, and sees to it that one that raises ends this call alone."""
        self.legs: dict[LegId, Leg] = {}
        self.subject = subject
        self._ticks = ticks
        self._guard = guard
        self._bridge: Bridge | None = None
        self._seat: Seat | None = None
        self._other: Voice = NOBODY
        self._holds: dict[LegId, OnHold] = {}
        self._asides: dict[LegId, Seat] = {}
        self._taps: tuple[Tap, ...] = ()
        self._right: dict[LegId, bool] = {}  # on which side of the taps a leg is heard
        self._kept: Voice = NOBODY  # whom the subject talked with when all that was suspended

    @property
    def other(self) -> Voice:
        """Whom the subject talks with, also while nobody hears it yet."""
        return self._other

    def talk(self, voice: Voice) -> None:
        """Let the subject and `voice` hear each other."""
        self._other = voice
        if self._bridge is None:
            self._bridge = Bridge(self.legs[self.subject], voice)
            self._bridge.taps = self._taps
            self._seat = self._ticks.join(partial(self._guard, self._bridge.tick))
        self._mend()

    def tap(self, tap: Tap) -> None:
        """Let somebody hear both sides: the subject on the left, its partner on the right.

        A leg stays on the side where it was heard first, also when a transfer makes it the subject.
        """
        self._tapped((*self._taps, tap))

    def untap(self, tap: Tap) -> None:
        """Let it hear no more; twice is as good as once."""
        self._tapped(tuple(other for other in self._taps if other is not tap))

    def hold(self, leg: Leg, music: Voice | None, *, by_us: bool) -> None:
        """Put `leg` behind its hold, where it stands in the bridge; None: the hold is over."""
        self._holds.pop(leg.id, None)
        if music is not None:
            self._holds[leg.id] = OnHold(leg, music, by_us=by_us)
        self._mend()

    def suspend(self, subject: Leg) -> None:
        """Let nobody talk, but keep who did; `subject`, one of them, is the subject now."""
        before, self._kept = self.subject, self._other
        self.subject = subject.id
        self.talk(NOBODY)
        for leg in tuple(self.legs.values()):
            if leg.id == before or leg is self._kept:
                self.wait(leg)

    def replace(self, leg: Leg, old: LegId) -> None:
        """Let `leg` stand where the leg `old` stands, which is heard by nobody then."""
        before = self.legs.get(old)
        if old == self.subject:
            self.subject = leg.id
            if self._bridge is not None:
                self._mend()
            else:
                self.talk(self._other)
        elif before is not None and self._other is before:
            self.talk(leg)
        if before is not None:
            self._leave(old)
            self.wait(before)

    def resume(self, subject: Leg) -> None:
        """Let those talk again who did before; `subject` is the subject again."""
        self.subject = subject.id
        kept, self._kept = self._kept, NOBODY
        self.talk(kept)

    def aside(self, leg: Leg, voice: Voice = NOBODY) -> None:
        """Let a leg that the subject does not talk with hear `voice`, and be heard by it alone."""
        if self._talks(leg):
            return
        self._leave(leg.id)
        cut(leg)
        self._asides[leg.id] = self._ticks.join(partial(self._guard, Bridge(leg, voice).tick))

    def wait(self, leg: Leg) -> None:
        """Let a leg that has sound, but nobody to talk with, be heard by nobody."""
        if leg.id not in self._asides:
            self.aside(leg)

    def drop(self, leg: Leg) -> None:
        """Take out a leg that is over: whoever talked with it hears nobody."""
        self.legs.pop(leg.id, None)
        self._holds.pop(leg.id, None)
        self._right.pop(leg.id, None)
        self._leave(leg.id)
        if self._kept is leg:
            self._kept = NOBODY
        if self._bridge is None:
            return
        if leg.id == self.subject:
            if self._seat is not None:
                self._seat.leave()
            self._seat = self._bridge = None
        elif self._other is leg:
            self.talk(NOBODY)

    def close(self) -> None:
        """Hold nobody any more who could still be told of a tick, or talk."""
        self._guard = _carry_out
        self._other = self._kept = NOBODY

    def _mend(self) -> None:
        """Put into the bridge who talks, each behind its hold if it has one."""
        if self._bridge is None:
            return
        subject = self.legs[self.subject]
        other = next((id for id, leg in self.legs.items() if leg is self._other), "")
        bridge, before = self._bridge, (self._bridge.a, self._bridge.b)
        bridge.a = self._holds.get(subject.id, subject)
        bridge.b = self._holds.get(other, self._other)
        if (bridge.a, bridge.b) != before:
            cut(bridge.a)
            cut(bridge.b)
        self._leave(subject.id)
        self._leave(other)
        bridge.turned = self._turned(subject.id, other)

    def _turned(self, subject: LegId, other: LegId) -> bool:
        turned = self._right.get(subject, not self._right.get(other, True))
        self._right.setdefault(subject, turned)
        if other:
            self._right.setdefault(other, not turned)
        return turned

    def _tapped(self, taps: tuple[Tap, ...]) -> None:
        self._taps = taps
        if self._bridge is not None:
            self._bridge.taps = taps

    def _talks(self, leg: Leg) -> bool:
        return self._bridge is not None and (leg is self._other or leg.id == self.subject)

    def _leave(self, id: LegId) -> None:
        seat = self._asides.pop(id, None)
        if seat is not None:
            seat.leave()


def _carry_out(tick: Tick, now: float) -> None:
    tick(now)
