"""How often a line may be logged about what peers do again and again: seldom, but seen."""

from collections.abc import Hashable

#: Of one thing from one address, one line in this time; counters have them all. Seconds.
SELDOM_SECONDS = 60.0
#: Things told apart in that time; beyond it they share one line, since UDP lets anybody send from any address.
MAX_TOLD_APART = 20


class Seldom:
    """Says whether a line about something is due: the first at once, the next in the next minute."""

    def __init__(self, seconds: float = SELDOM_SECONDS, most: int = MAX_TOLD_APART) -> None:
        self._seconds = seconds
        self._most = most
        self._since = float("-inf")
        self._counts: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}

    def due(self, what: Hashable, *, now: float) -> str | None:
        """Return what stands at the end of the line, which says how many were left out before; None: no line now."""
        if now - self._since >= self._seconds:
            self._since, self._before, self._counts = now, self._counts, {}
        if what not in self._counts and len(self._counts) >= self._most:
            what = None
        self._counts[what] = self._counts.get(what, 0) + 1
        if self._counts[what] > 1:
            return None
        left_out = self._before.get(what, 0) - 1
        return f" (and {left_out} more like it before)" if left_out > 0 else ""
