"""Who hears whom: two voices, exchanged every 20 ms by direct calls.

No queue, no task, no await: what one says in this tick the other hears in this tick (about 0.25 µs for eight stages;
a queue and a task for each would cost 30 µs). A voice that has nothing to say is silence, so both sides get
one frame in each tick and what is sent to a phone is paced by the ticker alone.
"""

from typing import Protocol

from softswitch.audio.frame import SILENCE, Frame, Voice


class Nobody:
    """The voice of no one: silent and deaf. Stands where a leg waits for somebody to talk to."""

    def take(self) -> Frame | None:
        """Return silence."""
        return None

    def give(self, frame: Frame) -> None:
        """Hear nothing."""


class Tap(Protocol):
    """Hears both sides of a bridge, and is heard by nobody: a recording, a level meter."""

    def hear(self, left: Frame | None, right: Frame | None, now: float) -> None:
        """Take what both sides said in one tick; None is silence. Never blocks, never raises."""


class Bridge:
    """Lets `a` hear `b` and `b` hear `a`. Either may be replaced between ticks: that is how a transfer works.

    taps: who listens besides: to `a` on the left and to `b` on the right, the other way round where `turned`.
    """

    __slots__ = ("a", "b", "taps", "turned")

    def __init__(self, a: Voice, b: Voice) -> None:
        self.a = a
        self.b = b
        self.taps: tuple[Tap, ...] = ()
        self.turned = False

    def tick(self, now: float) -> None:
        """Exchange 20 ms."""
        a, b = self.a, self.b
        from_a = a.take()
        b.give(SILENCE if from_a is None else from_a)
        # b speaks after it has heard: an echo or an agent that decides in this tick is on the wire in this tick.
        from_b = b.take()
        a.give(SILENCE if from_b is None else from_b)
        for tap in self.taps:
            if self.turned:
                tap.hear(from_b, from_a, now)
            else:
                tap.hear(from_a, from_b, now)
