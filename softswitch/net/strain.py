"""Whether the 20 ms clock suffers: the mean of how late it was in the last second, with some obstinacy. Pure."""

from typing import Final, Protocol

#: So late on average, in milliseconds, and the loop has more to do than it can: calls up begin to hear it at 20.
HIGH_MS: Final = 5.0
#: And so late it must be at most to be well again.
LOW_MS: Final = 2.0
#: How much of the past one look covers.
WINDOW_SECONDS: Final = 1.0


class Lateness(Protocol):
    """What the clock counts: phases served, and the sum of how late they were."""

    @property
    def count(self) -> int: ...
    @property
    def sum_ms(self) -> float: ...


class Strain:
    """Looks at the clock when it is asked, once a second at most."""

    def __init__(self, late: Lateness, *, now: float) -> None:
        self._late = late
        self._at = now
        self._count, self._sum_ms = late.count, late.sum_ms
        self._high = False

    def high(self, *, now: float) -> bool:
        """Tell whether the clock was too late lately."""
        if now - self._at >= WINDOW_SECONDS:
            served, late_ms = self._late.count - self._count, self._late.sum_ms - self._sum_ms
            self._at, self._count, self._sum_ms = now, self._late.count, self._late.sum_ms
            mean_ms = late_ms / served if served else 0.0
            self._high = mean_ms > (LOW_MS if self._high else HIGH_MS)
        return self._high
