"""Which RTP ports are free, taken, or waiting until their last peer has gone quiet: pure, in virtual time.

Theory of operation
-------------------
RTP takes the even port of a pair, the odd one above it stays reserved for RTCP (RFC 3550 section 11). A port walks

    free ── take ──► taken ── release ──► quarantined ── `quiet_seconds` without a datagram ──► free

Free ports stand in a queue: the one that has rested longest is taken first. A peer that goes on sending after the call
(its BYE was lost, or it never looks) would be heard by the next call on that port; so a released port is not free until
nothing has come for `quiet_seconds`. However long that lasts, while others are free. But a packet a second keeps a port
out of use, and whoever sends one to each of a whole range must not keep everybody from calling: where none is free, the
one that was released first is taken all the same once that is `LOUD_SECONDS` ago. Who is heard on it is for its stream
to tell.
"""

from collections import deque
from typing import Final

from softswitch.errors import LocalError, ResourceError

#: An old peer that missed the end of its call has noticed by now; who still sends has no call.
LOUD_SECONDS: Final = 30.0


class PortPool:
    """The pairs whose even port and the odd one above it both lie within first..last.

    Raises ResourceError if there is not one such pair.
    """

    def __init__(self, first: int, last: int, *, quiet_seconds: float = 2.0) -> None:
        if not (0 < first <= last <= 65535):
            raise ResourceError(f"RTP ports {first}-{last} are no range; use numbers from 1 to 65535, the lower first")
        self._free = deque(range(first + first % 2, last, 2))
        if not self._free:
            raise ResourceError(f"RTP ports {first}-{last} hold no even/odd pair; use at least two ports, even first")
        self._range = (first, last)
        self._quiet_seconds = quiet_seconds
        self._pairs = len(self._free)
        self._taken: set[int] = set()
        self._quiet_at: dict[int, float] = {}
        self._released_at: dict[int, float] = {}

    @property
    def pairs(self) -> int:
        """Return how many pairs there are in all."""
        return self._pairs

    @property
    def free(self) -> int:
        """Return how many could be taken now."""
        return len(self._free)

    @property
    def taken(self) -> int:
        """Return how many are in use."""
        return len(self._taken)

    @property
    def quarantined(self) -> int:
        """Return how many wait until they are quiet."""
        return len(self._quiet_at)

    def take(self) -> int:
        """Return the even port of the pair that has rested longest; raise ResourceError when none is free."""
        if not self._free:
            first, last = self._range
            raise ResourceError(
                f"all {self._pairs} RTP port pairs of {first}-{last} are in use ({len(self._taken)} by calls, "
                f"{len(self._quiet_at)} waiting until their old peers are quiet); widen the range with --rtp-ports"
            )
        port = self._free.popleft()
        self._taken.add(port)
        return port

    def reclaim(self, *, now: float) -> int | None:
        """Return the port that was released first, taken again however loud it is; None where that was just now."""
        port = next(iter(self._released_at), None)
        if port is None or now - self._released_at[port] < LOUD_SECONDS:
            return None
        del self._quiet_at[port], self._released_at[port]
        self._taken.add(port)
        return port

    def refuse(self, port: int, *, jump: int = 0) -> None:
        """Give back a taken port that somebody else on this machine holds: it goes to the end of the queue.

        jump: how many others are passed over, too. A second switch holds its ports in a row; a random number leads out
        of that row at once.
        """
        self._leave(port)
        self._free.append(port)
        self._free.rotate(-(jump % len(self._free)))

    def release(self, port: int, *, now: float) -> None:
        """Give back a taken port; it is free when nothing has come to it for `quiet_seconds`."""
        self._leave(port)
        self._quiet_at[port] = now + self._quiet_seconds
        self._released_at[port] = now

    def heard(self, port: int, *, now: float) -> None:
        """Note that a datagram came to a quarantined port: its wait begins anew."""
        if port in self._quiet_at:
            self._quiet_at[port] = now + self._quiet_seconds

    def next_timer(self) -> float | None:
        """Return when the next quarantined port may be free, None if there is none."""
        return min(self._quiet_at.values(), default=None)

    def handle_timer(self, *, now: float) -> list[int]:
        """Free the ports that have been quiet long enough, and return them."""
        quiet = [port for port, quiet_at in self._quiet_at.items() if quiet_at <= now]
        for port in quiet:
            del self._quiet_at[port], self._released_at[port]
        self._free.extend(quiet)
        return quiet

    def _leave(self, port: int) -> None:
        if port not in self._taken:
            raise LocalError(f"RTP port {port} is not taken")
        self._taken.remove(port)
