"""Log lines about what a peer does again and again: enough of them to see what it is, too few to fill a disk."""

import logging
from collections.abc import Hashable

from softswitch import clock
from softswitch.net.address import show
from softswitch.sip.flow import Flow

log = logging.getLogger("softswitch.sip")

#: Of one kind of bad message from one address, one line in this time; the counters of the core have them all. Seconds.
SELDOM_SECONDS = 60.0
#: Things told apart in that time; beyond it they share one line, since UDP lets anybody send from any address.
MAX_BAD_LINES = 20
#: Characters of the detail: it quotes the peer, who may have sent 60 kB.
MAX_DETAIL = 120


class Seldom:
    """Says whether a line about something is due: the first at once, the next in the next minute."""

    def __init__(self, seconds: float = SELDOM_SECONDS, most: int = MAX_BAD_LINES) -> None:
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


class Complaints:
    """Notes bad messages: of each kind from each address the first in a minute."""

    def __init__(self) -> None:
        self._seldom = Seldom()

    def note(self, kind: str, flow: Flow, detail: str) -> None:
        """Log a bad message, if it is one of the first."""
        more = self._seldom.due((kind, flow.remote[0]), now=clock.now())
        if more is None:
            return
        short = detail if len(detail) <= MAX_DETAIL else detail[: MAX_DETAIL - 1] + "…"
        where = show(flow.remote)
        log.info("a bad SIP message was dropped or refused: %s from %s: %s%s", kind, where, short, more)
