"""The tolls at work: each call over a carrier has its fare, and is hung up where nobody may pay for more of it."""

import asyncio
import datetime
import logging
from collections.abc import Callable, Mapping
from typing import Any

from softswitch import clock
from softswitch.call.carrier import Carrier
from softswitch.call.cause import Cause
from softswitch.call.leg import Leg
from softswitch.call.numbers import read
from softswitch.call.toll import Refusal, Ticket, Toll
from softswitch.call.toll_rules import TollSection
from softswitch.call.who import Who

log = logging.getLogger("softswitch.trunks")


class Fare:
    """What one call over a carrier costs somebody. leg: hung up when nobody may pay any more."""

    __slots__ = ("_ticket", "_tolls", "leg")

    def __init__(self, tolls: "Tolls", ticket: Ticket) -> None:
        self.leg: Leg | None = None
        self._tolls = tolls
        self._ticket = ticket

    def answered(self) -> None:
        """Count minutes from now on."""
        self._tolls.answered(self, self._ticket)

    def over(self) -> None:
        """Count nothing more; twice is as good as once."""
        self.leg = None
        self._tolls.over(self._ticket)


class Tolls:
    """The accounts, and the timer that looks at them once a second while calls are up."""

    def __init__(
        self,
        rules: TollSection,
        *,
        now: Callable[[], float] = clock.now,
        wall: Callable[[], datetime.datetime] = clock.wall,
    ) -> None:
        self.toll = Toll(rules)
        self._now = now
        self._wall = wall
        self._up: dict[Ticket, Fare] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, target: str, carrier: Carrier, who: Who) -> Fare | Cause:
        """Count a call that is placed over a carrier; return why it must not be."""
        number = read(target, carrier.country)
        made = self.toll.begin(number, carrier.country, who, carrier.name, wall=self._wall(), now=self._now())
        if isinstance(made, Refusal):
            log.warning("a call is not placed: %s", made.words)
            return (Cause.BARRED if made.reason == "number" else Cause.LIMIT_REACHED).because(made.words)
        return Fare(self, made)

    def answered(self, fare: Fare, ticket: Ticket) -> None:
        """Let a call use up minutes."""
        self.toll.answered(ticket, wall=self._wall(), now=self._now())
        self._up[ticket] = fare
        self._arm()

    def over(self, ticket: Ticket) -> None:
        """Take a call off the accounts."""
        self._up.pop(ticket, None)
        self.toll.over(ticket, wall=self._wall(), now=self._now())

    def usage(self) -> dict[str, Any]:
        """Return what has been used, to be kept over a restart."""
        return self.toll.usage(wall=self._wall(), now=self._now())

    def restore(self, usage: Mapping[str, Any]) -> None:
        """Go on from what was kept; raise ValueError, KeyError or TypeError where it is something else."""
        self.toll.restore(usage, wall=self._wall(), now=self._now())

    def close(self) -> None:
        """Give the timer back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        at = self.toll.next_timer()
        if self._timer is None and at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - self._now()), self._look)

    def _look(self) -> None:
        self._timer = None
        for ticket, refusal in self.toll.handle_timer(wall=self._wall(), now=self._now()):
            fare = self._up.pop(ticket, None)
            if fare is not None and fare.leg is not None:
                log.warning("%s a call is ended: %s", fare.leg.id, refusal.words)
                fare.leg.hang_up(Cause.LIMIT_REACHED.because(refusal.words))
        self._arm()
