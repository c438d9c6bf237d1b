"""When which phase of the 20 ms clock is due: the deciding half of the ticker, in virtual time.

Theory of operation
-------------------
The period of 20 ms is cut into 20 phases of 1 ms. Time is counted in *slots* of 1 ms from `start`; slot s belongs to
phase s mod 20 and is due at `start + s * 0.001`. A deadline is always computed from the slot number, never from the
deadline before it, so that nothing adds up: an hour later a phase is still due within one rounding of where it began.

Only phases with members are due at all. Members go to the phase that has fewest; among equals to one that is far from
the last (step 7 of 20), so that few members are far apart.

When the loop stalls, each phase is late by some whole periods. Up to `MAX_CATCH_UP` of them are made good by serving
the phase as many times more: the sound of a short hiccup is then complete, only late, and the far end's jitter buffer
hides it. Beyond that a burst would do more harm than a gap (it overflows that buffer, and all of it is stale), so the
phase is served once, for now, and the missed periods are skipped and counted.
"""

from typing import Final, NamedTuple

PHASES: Final = 20
PHASE_SECONDS: Final = 0.001
PERIOD_SECONDS: Final = 0.020

#: Periods made good after a stall. With the present one it makes 60 ms, what common jitter buffers hold.
MAX_CATCH_UP: Final = 2

#: Order in which equally loaded phases are filled: 7 is coprime to 20, and about a third of the period.
_FILLING: Final = tuple(index * 7 % PHASES for index in range(PHASES))


class Turn(NamedTuple):
    """Serve every member of `phase`, `times` times. `late`: seconds since its (oldest kept) deadline."""

    phase: int
    times: int
    late: float


class TickPlan:
    """The plan of phases and deadlines. `start` is the time of slot 0, seconds, monotonic."""

    __slots__ = ("_due", "_members", "caught_up", "skipped", "start")

    def __init__(self, *, start: float) -> None:
        self.start = start
        #: Member ticks made good late, and member ticks that were given up, since the start.
        self.caught_up = 0
        self.skipped = 0
        self._members = [0] * PHASES
        self._due: dict[int, int] = {}

    @property
    def members(self) -> tuple[int, ...]:
        """Return how many members each phase has."""
        return tuple(self._members)

    def lightest(self) -> int:
        """Return the phase that the next member should get."""
        return min(_FILLING, key=self._members.__getitem__)

    def add(self, phase: int, *, now: float) -> None:
        """Count one more member of `phase`, due for the first time at the phase's next deadline after `now`."""
        if self._members[phase] == 0:
            following = int((now - self.start) // PHASE_SECONDS) + 1
            self._due[phase] = following + (phase - following) % PHASES
        self._members[phase] += 1

    def remove(self, phase: int) -> None:
        """Count one member less."""
        self._members[phase] -= 1
        if self._members[phase] == 0:
            del self._due[phase]

    def next_timer(self) -> float | None:
        """Return the next deadline, None while there are no members."""
        return self.start + min(self._due.values()) * PHASE_SECONDS if self._due else None

    def take(self, *, now: float) -> Turn | None:
        """Return the longest overdue turn, and count it as served; None when nothing is due yet."""
        if not self._due:
            return None
        slot = min(self._due.values())
        late = now - (self.start + slot * PHASE_SECONDS)
        if late < 0:
            return None
        phase = slot % PHASES
        missed = int(late / PERIOD_SECONDS)
        times = 1
        if missed > MAX_CATCH_UP:
            self.skipped += missed * self._members[phase]
        elif missed:
            self.caught_up += missed * self._members[phase]
            times += missed
        self._due[phase] = slot + (missed + 1) * PHASES
        return Turn(phase, times, late)
