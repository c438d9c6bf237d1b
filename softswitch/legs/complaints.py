"""Log lines about bad messages: enough of them to see what it is, too few to fill a disk."""

import logging

from softswitch import clock
from softswitch.net.address import show
from softswitch.sip.flow import Flow

log = logging.getLogger("softswitch.sip")

#: Lines in one second; the counters of the core have them all.
MAX_BAD_LINES = 5


class Complaints:
    """Notes bad messages; in a flood only the first of each second."""

    def __init__(self) -> None:
        self._since = 0.0
        self._lines = 0

    def note(self, kind: str, flow: Flow, detail: str) -> None:
        """Log a bad message, if it is one of the first."""
        now = clock.now()
        if now - self._since >= 1.0:
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines <= MAX_BAD_LINES:
            log.info("a bad SIP message was dropped or refused: %s from %s: %s", kind, show(flow.remote), detail)
