"""A wire for sound that loses, delays and doubles packets by a plan, the same in every run."""

import heapq
import random
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from tests.live.peers.free_ports import LOOPBACK

#: Number of a packet -> how late each of its copies comes, in seconds; none for a packet that is lost.
Plan = Callable[[int], Sequence[float]]


def losing(share: float, seed: int = 1) -> Plan:
    """Return a plan that loses this share of the packets, here and there."""
    chance = random.Random(seed)
    return lambda _: () if chance.random() < share else (0.0,)


def reordering(share: float, seconds: float = 0.030, seed: int = 2) -> Plan:
    """Return a plan that lets some packets be overtaken."""
    chance = random.Random(seed)
    return lambda _: (seconds,) if chance.random() < share else (0.0,)


def jittering(seconds: float, seed: int = 3) -> Plan:
    """Return a plan in which every packet comes up to so much later, overtaken or not."""
    chance = random.Random(seed)
    return lambda _: (chance.random() * seconds,)


class RtpRelay:
    """Carries packets from a telephone to `target` by a plan, and whatever comes back as it is.

    near: where the telephone is to send. The far end sees the packets come from the relay, and answers there.
    """

    def __init__(self, target: tuple[str, int], plan: Plan) -> None:
        self._target = target
        self._plan = plan
        self._near, self._far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for side in (self._near, self._far):
            side.bind((LOOPBACK, 0))
            side.setblocking(False)
        self.near: tuple[str, int] = self._near.getsockname()
        self._caller: tuple[str, int] | None = None
        self._waiting: list[tuple[float, int, bytes]] = []
        self._count = 0
        self.lost = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rtp-relay-{self.near[1]}", daemon=True)

    def __enter__(self) -> "RtpRelay":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._near.close()
        self._far.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            left = self._waiting[0][0] - time.monotonic() if self._waiting else 0.1
            for side in select.select([self._near, self._far], [], [], max(0.0, left))[0]:
                try:
                    data, source = side.recvfrom(4096)
                except OSError:
                    continue  # the far end closed its port
                if side is self._near:
                    self._caller = source
                    self._take(data)
                elif self._caller is not None:
                    self._near.sendto(data, self._caller)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                self._far.sendto(heapq.heappop(self._waiting)[2], self._target)

    def _take(self, data: bytes) -> None:
        copies = self._plan(self._count)
        self.lost += not copies
        for late in copies:
            self._count += 1
            if late:
                heapq.heappush(self._waiting, (time.monotonic() + late, self._count, data))
            else:
                self._far.sendto(data, self._target)
        self._count += not copies
