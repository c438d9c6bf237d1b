"""The gate at work: who is known to it, what is told of its bans, and who we are on calls with."""

import logging
import sys
from collections import Counter
from collections.abc import Callable

from softswitch import clock
from softswitch.call.leg import LegId
from softswitch.legs.strangers import Strangers
from softswitch.net.gate import Gate, GateSettings, Standing
from softswitch.net.seldom import Seldom
from softswitch.sip.flow import Flow

log = logging.getLogger("softswitch.guard")

#: Everybody passes: for a user agent of tests and tools, and where the guard is switched off.
OPEN = GateSettings(trusted=("0.0.0.0/0", "::/0"), calls=sys.maxsize, all_calls=sys.maxsize)


class Guard:
    """Keeps the gate, and the share of strangers.

    known: each says whether a host is a registered telephone or a gateway of a carrier.
    """

    def __init__(self, settings: GateSettings) -> None:
        self.gate = Gate(settings, now=clock.now(), on_ban=self._banned)
        self.gate.standing = self._standing
        self.strangers = Strangers(settings.calls, settings.all_calls)
        self.known: list[Callable[[str], bool]] = []
        self._seldom = Seldom()
        self._hosts: Counter[str] = Counter()
        self._host_of: dict[LegId, str] = {}

    def adopt(self, settings: GateSettings) -> None:
        """Go by these settings from now on."""
        self.gate.adopt(settings, now=clock.now())
        self.strangers.adopt(settings.calls, settings.all_calls)

    def talking(self, leg: LegId, host: str) -> None:
        """Note that we are on a call with a host: one that we placed, or that we answered."""
        if leg not in self._host_of:
            self._host_of[leg] = host
            self._hosts[host] += 1

    def over(self, leg: LegId) -> None:
        """Note that nothing more comes of a leg."""
        host = self._host_of.pop(leg, None)
        if host is not None:
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]

    def offended(self, flow: Flow, kind: str, words: str = "") -> None:
        """Note something that whoever speaks by a flow did wrong, one of `gate.OFFENCES`."""
        self.gate.offended(flow.remote[0], kind, words=words, now=clock.now(), connected=flow.reliable)

    def _standing(self, host: str) -> Standing:
        if any(knows(host) for knows in self.known):
            return Standing.KNOWN
        return Standing.PEER if host in self._hosts else Standing.STRANGER

    def _banned(self, host: str, kind: str, words: str, seconds: float) -> None:
        more = self._seldom.due((kind, host), now=clock.now())
        if more is not None:
            log.warning("%s is not listened to for %.0f s: %s%s%s", host, seconds, kind, words and f", {words}", more)
