"""Counts what is called over carriers, and says when it is too much: pure, in virtual time.

Theory of operation
-------------------
A call over a carrier is on the account of the user who causes it, of the carrier, and of everybody. `begin` asks the
rules of all three and counts the attempt: who steals minutes makes many that fail. From its answer on the call uses up
minutes, whose sum includes what the calls that are up have used so far; once a second they are looked at, and where an
account has none left all its calls are over. A day begins at midnight of the configured zone. Calls of the hour are
those of the last 3600 seconds; their times are kept, so many as the limit names.

Whoever is a stranger gets no call over a carrier at all, whatever a dialplan says: that is decided here, in the one
place where legs over carriers begin, for everybody who could cause one.
"""

import datetime
import zoneinfo
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from softswitch.call.numbers import Kind, Number
from softswitch.call.toll_rules import TollLimits, TollSection
from softswitch.call.who import Who

#: How often running calls are held against the minutes of the day: a call lasts no longer than this too long.
LOOK_SECONDS: Final = 1.0
_HOUR_SECONDS: Final = 3600.0

Owner = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call may not be placed. scope: whose rule says so; reason: which key; words: a sentence."""

    scope: str
    reason: str
    words: str


@dataclass(eq=False, slots=True)
class Ticket:
    """One call over a carrier, from its INVITE to its end."""

    owners: tuple[Owner, ...]
    answered_at: float | None = None


@dataclass(slots=True)
class _Account:
    """What one owner has used. seconds: of calls that are over, and of those that are up until `since`."""

    day: int = 0
    calls: int = 0
    seconds: float = 0.0
    since: float = 0.0
    hour: deque[float] = field(default_factory=deque)
    begun: set[Ticket] = field(default_factory=set)
    up: int = 0

    def settle(self, now: float) -> None:
        """Count what the calls that are up have used."""
        self.seconds += self.up * max(0.0, now - self.since)
        self.since = now


class Toll:
    """The accounts. refused: calls not placed, by scope and reason. ended: calls ended at a limit, by scope.

    own: returns what stands in the entry of a user itself.
    """

    def __init__(self, rules: TollSection) -> None:
        self.refused: Counter[tuple[str, str]] = Counter()
        self.ended: Counter[str] = Counter()
        self.own: Callable[[str], TollLimits | None] = lambda user: None
        self._accounts: dict[Owner, _Account] = {}
        self._up: set[Ticket] = set()
        self._look_at: float | None = None
        self.adopt(rules)

    def adopt(self, rules: TollSection) -> None:
        """Go by other rules from now on; what was counted stays counted."""
        self._rules = rules
        self._zone = zoneinfo.ZoneInfo(rules.timezone)

    # Calls ---------------------------------------------------------------------------------------------------------

    def verdict(
        self, number: Number, country: str, who: Who, carrier: str, *, wall: datetime.datetime, now: float
    ) -> Refusal | None:
        """Return why a call may not be placed now, None where it may. country: of the carrier. Nothing is counted."""
        if who.stranger:
            return Refusal("stranger", "stranger", f"strangers may not call {number.best} over carrier {carrier}")
        if number.kind is Kind.EMERGENCY:
            return None
        for scope, name, limits in self._rules.limits(who.user, carrier, self.own(who.user)):
            why = limits.refusal(number, country)
            if why:
                whose = f"{_who(scope, name)} may not call {number.best}"
                return Refusal(scope, "number", f"{whose}: {why} (toll)")
            for reason, words in self._used_up((scope, name), limits, wall, now):
                return Refusal(scope, reason, f"{_who(scope, name)} {words} (toll)")
        return None

    def begin(
        self, number: Number, country: str, who: Who, carrier: str, *, wall: datetime.datetime, now: float
    ) -> Ticket | Refusal:
        """Count a call that is placed; return why it must not be."""
        refusal = self.verdict(number, country, who, carrier, wall=wall, now=now)
        if refusal is not None:
            self.refused[refusal.scope, refusal.reason] += 1
            return refusal
        limits = tuple(self._rules.limits(who.user, carrier, self.own(who.user)))
        ticket = Ticket(tuple((scope, name) for scope, name, _ in limits))
        for scope, name, rules in limits:
            account = self._account((scope, name), wall, now)
            account.calls += 1
            account.begun.add(ticket)
            if rules.max_calls_hour:
                account.hour.append(wall.timestamp())
                while len(account.hour) > rules.max_calls_hour:
                    account.hour.popleft()
        return ticket

    def answered(self, ticket: Ticket, *, wall: datetime.datetime, now: float) -> None:
        """Let a call use up minutes from now on."""
        if ticket.answered_at is not None:
            return
        ticket.answered_at = now
        for owner in ticket.owners:
            account = self._account(owner, wall, now)
            account.settle(now)
            account.up += ticket in account.begun
        self._up.add(ticket)
        if self._look_at is None:
            self._look_at = now + LOOK_SECONDS

    def over(self, ticket: Ticket, *, wall: datetime.datetime, now: float) -> None:
        """Take a call off the accounts; twice is as good as once."""
        for owner in ticket.owners:
            account = self._account(owner, wall, now)
            account.settle(now)
            if ticket in account.begun:
                account.begun.remove(ticket)
                account.up -= ticket.answered_at is not None
        self._up.discard(ticket)

    # Time ----------------------------------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, None while no call is up."""
        return self._look_at

    def handle_timer(self, *, wall: datetime.datetime, now: float) -> list[tuple[Ticket, Refusal]]:
        """Return the calls that must end now, each with the reason. They are counted until they are `over`."""
        if self._look_at is None or now < self._look_at:
            return []
        self._look_at = now + LOOK_SECONDS if self._up else None
        empty: dict[Owner, Refusal] = {}
        for owner in {one for ticket in self._up for one in ticket.owners}:
            limits = self._limits(owner).max_minutes_day
            account = self._account(owner, wall, now)
            account.settle(now)
            if limits is not None and account.seconds >= limits * 60.0:
                words = f"{_who(*owner)} {_minutes(limits)} (toll)"
                empty[owner] = Refusal(owner[0], "max_minutes_day", words)
        ends = [
            (ticket, empty[next(one for one in ticket.owners if one in empty)])
            for ticket in self._up
            if not empty.keys().isdisjoint(ticket.owners)
        ]
        for ticket, refusal in ends:
            self.ended[refusal.scope] += 1
            self._up.discard(ticket)
        return ends

    # What is kept over a restart -----------------------------------------------------------------------------------

    def usage(self, *, wall: datetime.datetime, now: float) -> dict[str, Any]:
        """Return what has been used today and in this hour, as plain JSON data."""
        accounts = []
        for (scope, name), account in self._accounts.items():
            self._new_day(account, wall, now)
            account.settle(now)
            accounts.append([scope, name, account.calls, round(account.seconds, 1), list(account.hour)])
        return {"day": self._day(wall), "accounts": accounts}

    def restore(self, usage: Mapping[str, Any], *, wall: datetime.datetime, now: float) -> None:
        """Go on from what `usage` gave: the hour's calls always, the day's where it is still that day.

        Raises ValueError, KeyError or TypeError where it is something else.
        """
        today = usage["day"] == self._day(wall)
        for scope, name, calls, seconds, hour in usage["accounts"]:
            account = self._account((str(scope), str(name)), wall, now)
            account.hour = deque(float(moment) for moment in hour)
            if today:
                account.calls += int(calls)
                account.seconds += float(seconds)

    # Inside --------------------------------------------------------------------------------------------------------

    def _limits(self, owner: Owner) -> TollLimits:
        user, carrier = (owner[1] if owner[0] == scope else "" for scope in ("user", "carrier"))
        return next(
            limits for scope, _, limits in self._rules.limits(user, carrier, self.own(user)) if scope == owner[0]
        )

    def _used_up(
        self, owner: Owner, limits: TollLimits, wall: datetime.datetime, now: float
    ) -> Iterator[tuple[str, str]]:
        """Yield each limit of an account that allows no further call: its key, and words."""
        account = self._account(owner, wall, now)
        if limits.max_calls is not None and len(account.begun) >= limits.max_calls:
            yield "max_calls", f"has {len(account.begun)} calls already, and max_calls is {limits.max_calls}"
        if limits.max_calls_hour is not None and _recent(account.hour, wall.timestamp()) >= limits.max_calls_hour:
            yield "max_calls_hour", f"may begin no more than {limits.max_calls_hour} calls in an hour"
        if limits.max_calls_day is not None and account.calls >= limits.max_calls_day:
            yield "max_calls_day", f"may begin no more than {limits.max_calls_day} calls a day"
        if limits.max_minutes_day is not None:
            account.settle(now)
            if account.seconds >= limits.max_minutes_day * 60.0:
                yield "max_minutes_day", _minutes(limits.max_minutes_day)

    def _account(self, owner: Owner, wall: datetime.datetime, now: float) -> _Account:
        account = self._accounts.get(owner)
        if account is None:
            account = self._accounts[owner] = _Account(day=self._day(wall), since=now)
        self._new_day(account, wall, now)
        return account

    def _new_day(self, account: _Account, wall: datetime.datetime, now: float) -> None:
        day = self._day(wall)
        if day > account.day:  # not when the clock is set back: what was used stays used
            account.day, account.calls, account.seconds, account.since = day, 0, 0.0, now

    def _day(self, wall: datetime.datetime) -> int:
        return wall.astimezone(self._zone).toordinal()


def _recent(moments: deque[float], wall: float) -> int:
    while moments and moments[0] <= wall - _HOUR_SECONDS:
        moments.popleft()
    return len(moments)


def _who(scope: str, name: str) -> str:
    return f"{scope} {name}" if name else "everybody together"


def _minutes(limit: float) -> str:
    return f"may talk no more than {limit:g} minutes a day"
