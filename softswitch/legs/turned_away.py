"""Whose credentials were wrong lately, and from where: what an operator asks for whose telephone does not register.

Peers choose the names and the addresses. So there are few places, and names of nobody have their own: they push out no
user.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Users and hosts that are remembered, and names of nobody.
MAX_USERS: Final = 20
MAX_OTHERS: Final = 5
#: For how long: a telephone that was put right is forgotten at once, and one that was switched off after this.
SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Who was refused. source: address and port of the last try. known: there is such a user, or account."""

    user: str
    source: str
    known: bool
    times: int
    seconds_ago: float


@dataclass(slots=True)
class _Tries:
    source: str
    at: float
    times: int = 0


class Turnings:
    """Those who were turned away last."""

    def __init__(self) -> None:
        self._users: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._others: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def refused(self, user: str, host: str, source: str, *, known: bool, now: float) -> None:
        """Note wrong credentials for a name."""
        book, most = (self._users, MAX_USERS) if known else (self._others, MAX_OTHERS)
        tries = book.setdefault((user, host), _Tries(source, now))
        tries.source, tries.at, tries.times = source, now, tries.times + 1
        book.move_to_end((user, host))
        if len(book) > most:
            book.popitem(last=False)

    def proved(self, user: str, host: str) -> None:
        """Forget what went wrong there before."""
        self._users.pop((user, host), None)

    def last(self, *, now: float) -> Iterator[TurnedAway]:
        """Yield them, the last first; users before names of nobody."""
        for book, known in ((self._users, True), (self._others, False)):
            for (user, _), tries in reversed(book.items()):
                if now - tries.at < SECONDS:
                    yield TurnedAway(user, tries.source, known, tries.times, round(now - tries.at, 1))
