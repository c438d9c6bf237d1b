"""One heap for the timers of all transactions.

Each transaction has at most one live entry. Setting a timer later costs nothing: the entry that comes too early is put
back. Setting it earlier leaves a stale entry behind, which is dropped when its time comes.
"""

import heapq
from collections.abc import Iterator
from itertools import count
from math import inf

from softswitch.sip.transaction import State, Timer, Transaction

#: No entry stands further ahead, so that the heap forgets a finished transaction within this time.
HORIZON_SECONDS = 32.0


class Schedule:
    """Tells which timers of which transactions are due."""

    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Transaction]] = []
        self._serial = count()

    def __len__(self) -> int:
        return len(self._heap)

    def arm(self, transaction: Transaction, *, now: float) -> None:
        """See to it that the transaction is looked at when its next timer fires."""
        at = transaction.next_timer()
        if at < transaction.armed_at:
            at = min(at, now + HORIZON_SECONDS)
            if at < transaction.armed_at:
                transaction.armed_at = at
                heapq.heappush(self._heap, (at, next(self._serial), transaction))

    def next_timer(self) -> float | None:
        """Return when `due` may have something; None when nothing runs."""
        heap = self._heap
        while heap and (heap[0][2].state is State.TERMINATED or heap[0][2].armed_at != heap[0][0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, *, now: float) -> Iterator[tuple[Transaction, Timer]]:
        """Yield each timer that is due; the owner steps the transaction and arms it again before the next."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, transaction = heapq.heappop(heap)
            if transaction.armed_at != at:
                continue
            transaction.armed_at = inf
            timer = transaction.fired(now=now)
            if timer is not None:
                yield transaction, timer
            elif transaction.state is not State.TERMINATED:
                self.arm(transaction, now=now)
