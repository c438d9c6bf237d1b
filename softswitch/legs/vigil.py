"""Is the peer still there? Asked from time to time where nothing else would tell: on hold, without a session timer.

Sound that stops ends a call, and so does a session that nobody refreshes. A peer that has put us on hold sends nothing,
and if it knows no timers it may vanish unnoticed: the call would stand until the hard limit, and cost until then.
"""

from softswitch import clock
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import LegState
from softswitch.legs.signalling import GONE
from softswitch.legs.whole import Attached, Whole
from softswitch.sip.message import Response


class Vigil(Attached):
    """Watches over one leg. seconds: between two questions."""

    finished = True

    def __init__(self, leg: Whole, seconds: float) -> None:
        super().__init__(leg)
        self._seconds = seconds
        self._at: float | None = None

    def carry_out(self) -> bool:
        """Ask, if it is time."""
        leg, dialog = self._leg, self._leg.dialog
        if leg.state not in (LegState.UP, LegState.HELD) or dialog is None or self._told_otherwise():
            self._at = None
            return False
        now = clock.now()
        if self._at is None:
            self._at = now + self._seconds
        if now < self._at:
            return False
        self._at = now + self._seconds
        leg.send(dialog.request("OPTIONS", headers=leg.settings.requests), dialog, self._answered)
        return True

    def next_timer(self) -> float | None:
        """Return when to ask."""
        return self._at

    def handle_timer(self, *, now: float) -> None:
        """Nothing: `carry_out` looks at the clock."""

    def _told_otherwise(self) -> bool:
        media = self._leg.media
        return self._leg.timer.interval > 0 or media is None or media.expects_sound

    def _answered(self, response: Response | None) -> None:
        if response is None:
            self._leg.lost(Cause.TIMEOUT)
        elif response.status in GONE:
            self._leg.lost(from_status(response.status))
