"""How long messages may hold the event loop at a time: sound is due every millisecond, a burst of messages is not.

Theory of operation
-------------------
A message that makes a call costs about a millisecond, and the loop hands over up to 32 datagrams of a socket at once.
So messages are handled as they come until `TURN_SECONDS` of one turn are used up; what comes then waits, in its order,
for the next turn. Between two turns the loop does what else is due. What waits is bounded: beyond that a message is as
good as lost on the way, and whoever sent it over UDP sends it again.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from softswitch import clock
from softswitch.sip.flow import Flow

#: A phase of the 20 ms clock comes every millisecond, and is on time while it is a few of them late.
TURN_SECONDS: Final = 0.003
#: Messages that wait: two seconds of work, after which those who sent them have given up or asked again.
MAX_WAITING: Final = 2000
#: And what they may be long together.
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024


class Turns:
    """Hands messages to `handle`. lost: how many found no place."""

    __slots__ = ("_began", "_handle", "_waiting", "_waiting_bytes", "lost")

    def __init__(self, handle: Callable[[bytes, Flow], None]) -> None:
        self.lost = 0
        self._handle = handle
        self._began: float | None = None
        self._waiting: deque[tuple[bytes, Flow]] = deque()
        self._waiting_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def message(self, data: bytes, flow: Flow) -> None:
        """Handle a message now, or in its turn."""
        if self._began is None:
            self._begin()
        elif self._waiting or clock.now() - self._began > TURN_SECONDS:
            self._wait(data, flow)
            return
        self._handle(data, flow)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def _begin(self) -> None:
        self._began = clock.now()
        asyncio.get_running_loop().call_soon(self._next)

    def _wait(self, data: bytes, flow: Flow) -> None:
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self.lost += 1
            return
        self._waiting.append((data, flow))
        self._waiting_bytes += len(data)

    def _next(self) -> None:
        """Begin another turn with what waits, if anything does."""
        self._began = None
        if not self._waiting:
            return
        self._begin()
        until = clock.now() + TURN_SECONDS
        while self._waiting and clock.now() < until:
            data, flow = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            self._handle(data, flow)
