"""Log lines about bad messages: enough of them to see what it is, too few to fill a disk."""

import logging

from softswitch import clock
from softswitch.net.address import show
from softswitch.net.seldom import Seldom
from softswitch.sip.flow import Flow

log = logging.getLogger("softswitch.sip")

#: Characters of the detail: it quotes the peer, who may have sent 60 kB.
MAX_DETAIL = 120


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
