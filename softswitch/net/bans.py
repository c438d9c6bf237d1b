"""Who is not listened to for a while: bans that expire, that grow for who comes again, in a table that stays small.

Theory of operation
-------------------
An offence has points; they are forgiven one by one with time, and who has too many at once is banned. The first ban is
short. Who is banned again before the last ban is long forgotten gets twice the time, up to a limit; but only where what
was done cannot be a mistake: a telephone with a wrong password deserves no more than the first.

The table is ordered by when something was heard of a banned host last. When it is full, a new ban takes the place of
the one that has been quiet longest, if that has been quiet for `QUIET_SECONDS`: whoever still sends keeps his ban,
however many hosts somebody makes up to push him out. Where nobody is quiet the new one is not remembered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Bans kept, those that are over but remembered included: about 300 octets each.
MAX_BANS: Final = 16_384
#: A ban may be pushed out only when nothing came from there for so long.
QUIET_SECONDS: Final = 30.0
#: A ban is remembered for so long after its end, so that the next one is longer.
REMEMBERED_SECONDS: Final = 3600.0


@dataclass(slots=True)
class Ban:
    """One host, or network of IPv6. times: how often it was banned; dropped: messages and connections since.

    pleaded: when something of it was looked at last all the same.
    """

    kind: str
    since: float
    until: float
    heard: float
    times: int = 1
    dropped: int = 0
    pleaded: float = float("-inf")


@dataclass(frozen=True, slots=True)
class BanStatus:
    """One ban as operators see it. seconds_left: until it is over. connections: of these, and not of datagrams."""

    host: str
    kind: str
    seconds_left: float
    times: int
    dropped: int
    connections: bool = False


class Bans:
    """The ban list. seconds: of the first ban. longest: what it grows to."""

    def __init__(self, seconds: float, longest: float, *, most: int = MAX_BANS) -> None:
        self.last(seconds, longest)
        self._most = most
        self._bans: dict[str, Ban] = {}

    def last(self, seconds: float, longest: float) -> None:
        """Let bans that begin from now on last so long."""
        self._seconds = seconds
        self._longest = max(seconds, longest)

    def __len__(self) -> int:
        return len(self._bans)

    def hit(self, host: str, *, now: float) -> bool:
        """Tell whether a host is banned, and count what it sent."""
        ban = self._bans.get(host)
        if ban is None:
            return False
        if now - ban.heard > 1.0:  # its place in the order, once a second: that is exact enough to evict by
            ban.heard = now
            del self._bans[host]
            self._bans[host] = ban
        if ban.until <= now:
            return False
        ban.dropped += 1
        return True

    def pleads(self, host: str, seconds: float, *, now: float) -> bool:
        """Tell whether something of a banned host may be looked at, once in so many seconds."""
        ban = self._bans.get(host)
        if ban is None or now - ban.pleaded < seconds:
            return False
        ban.pleaded = now
        return True

    def holds(self, host: str, *, now: float) -> bool:
        """Tell whether a host is banned, and count nothing."""
        ban = self._bans.get(host)
        return ban is not None and ban.until > now

    def add(self, host: str, kind: str, *, grows: bool, now: float) -> float:
        """Ban a host; return for how many seconds, 0 where the table is full of bans that are needed more.

        grows: it gets longer each time.
        """
        old = self._bans.pop(host, None)
        if old is None and not self._room(now):
            return 0.0
        times = 1
        if old is not None and now < old.until + max(REMEMBERED_SECONDS, old.until - old.since):
            times = old.times + 1
        # Not by the power itself: the time of who is banned for the thousandth time has no end.
        seconds = min(self._seconds * (1 << min(times - 1, 30) if grows else 1), self._longest)
        self._bans[host] = Ban(kind, now, now + seconds, now, times)
        return seconds

    def remove(self, host: str) -> bool:
        """Forget a host; False where nothing was known of it."""
        return self._bans.pop(host, None) is not None

    def running(self, *, now: float) -> Iterator[BanStatus]:
        """Yield the bans that are not over."""
        for host, ban in self._bans.items():
            if ban.until > now:
                yield BanStatus(host, ban.kind, round(ban.until - now, 1), ban.times, ban.dropped)

    def _room(self, now: float) -> bool:
        if len(self._bans) < self._most:
            return True
        quietest = next(iter(self._bans))
        if now - self._bans[quietest].heard < QUIET_SECONDS:
            return False
        del self._bans[quietest]
        return True
