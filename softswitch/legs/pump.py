"""Drives the parts of one leg: lets each carry out what its machines want, and arms one timer for all."""

import asyncio
from collections.abc import Callable

from softswitch import clock
from softswitch.legs.whole import Part


class Pump:
    """Call it after every input. parts: in the order of their turn; they may be replaced before the first input."""

    def __init__(self, parts: tuple[Part, ...], on_still: Callable[[], None]) -> None:
        """on_still: told each time that no part has anything left to do for now."""
        self.parts = parts
        self._on_still = on_still
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None

    @property
    def finished(self) -> bool:
        """True when nothing more will come of any part."""
        return all(part.finished for part in self.parts)

    def __call__(self) -> None:
        """Let every part carry out what its machines want; nested calls leave the work to the outermost."""
        if self._pumping:
            return
        self._pumping = True
        try:
            did = True
            while did:  # what one part does may give another something to do
                did = False
                for part in self.parts:
                    did = part.carry_out() or did
        finally:
            self._pumping = False
        self._arm()
        self._on_still()

    def close(self) -> None:
        """Drive nothing any more, and let the leg go: none of its parts waits for anything."""
        self._stop_timer()
        self._on_still = _nothing_follows
        parts, self.parts = self.parts, ()
        for part in parts:
            part.let_go()

    def _arm(self) -> None:
        at: float | None = None
        for part in self.parts:
            time = part.next_timer()
            if time is not None and (at is None or time < at):
                at = time
        if at == self._timer_at:
            return
        self._stop_timer()
        self._timer_at = at
        if at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - clock.now()), self._fired)

    def _fired(self) -> None:
        self._timer, self._timer_at = None, None
        holder, now = self._on_still, clock.now()
        for part in self.parts:
            part.handle_timer(now=now)
        self()
        del holder  # of the leg: one part may end it, and the next ones must find it still

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _nothing_follows() -> None:
    """Do nothing: nobody is there any more who would forget the leg."""
