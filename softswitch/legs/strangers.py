"""How many calls strangers may have at once, and whether they may begin one at all while the switch is pressed.

Strangers come last: what they may hold is a share of what the switch takes on, so that a flood of them leaves room for
those who are known, and while the 20 ms clock is late no new call of theirs makes it later. They are told to come again
(503 with Retry-After, RFC 3261 section 21.5.4).
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from softswitch.net.networks import subscriber
from softswitch.net.strain import Strain

#: Messages that wait for their turn to be handled: 50 ms of work for the loop at the cost of a new call.
MAX_BEHIND: Final = 50


class Strangers:
    """The calls of strangers. behind: how many messages wait. strain: of the 20 ms clock, None where there is none."""

    def __init__(self, each: int, every: int) -> None:
        """each: calls of one source at once. every: of all of them together."""
        self.behind: Callable[[], int] = lambda: 0
        self.strain: Strain | None = None
        self.calls = 0
        self._each = each
        self._every = every
        self._of: Counter[str] = Counter()
        self._numbers = 0
        self._taken: set[int] = set()

    def adopt(self, each: int, every: int) -> None:
        """Go by other limits from now on."""
        self._each, self._every = each, every

    def take(self, host: str, *, now: float) -> Callable[[], None] | str:
        """Take a place for a call of a host; return what gives it back, or a sentence where there is none.

        Given back twice it counts once.
        """
        if self.strain is not None and self.strain.high(now=now):
            return "the 20 ms clock is late, and strangers wait until it is not"
        waiting = self.behind()
        if waiting > MAX_BEHIND:
            return f"{waiting} messages wait to be handled, and strangers come after them"
        key = subscriber(host)
        has = self._of.get(key, 0)
        if has >= self._each:
            return f"stranger {key} has {has} calls already, and guard.calls is {self._each}"
        if self.calls >= self._every:
            return f"strangers have {self.calls} calls already, and guard.all_calls is {self._every}"
        self._of[key] += 1
        self.calls += 1
        self._numbers += 1
        self._taken.add(self._numbers)
        return partial(self._give_back, self._numbers, key)

    def _give_back(self, number: int, key: str) -> None:
        if number in self._taken:
            self._taken.remove(number)
            self.calls -= 1
            self._of[key] -= 1
            if not self._of[key]:
                del self._of[key]
