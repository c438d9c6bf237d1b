"""The one stream of what happened on calls: each reader has a bounded view; a slow one is dropped, never waited for.

It knows nothing of what it carries: what is put in is a frozen dataclass, and its class is its name.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

#: Events a reader may be behind before it is dropped with `Lagged`: about a second of a busy switch.
MAX_UNREAD_EVENTS = 4096
#: How often something is told of everything that there is, and in how many portions: what is told of thousands at once
#: would be more than a reader can be behind, and longer than the clock of the sound can wait.
ROUND_SECONDS = 5.0
PORTIONS = 100


@dataclass(frozen=True, slots=True)
class Lagged:
    """This reader was too slow: it is dropped, and has missed everything after this."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened on a call at `at` (monotonic seconds). `what` is a frozen dataclass; its class is its name."""

    call: str
    at: float
    what: Any


class Subscription:
    """One reader's bounded view of the event stream."""

    def __init__(self, close: Callable[["Subscription"], None]) -> None:
        self._close = close
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._lagged = False

    def put(self, event: Event) -> None:
        """Take an event; a reader that is `MAX_UNREAD_EVENTS` behind is dropped."""
        if len(self._events) >= MAX_UNREAD_EVENTS:
            self._lagged = True
            self._events.append(Event("", event.at, Lagged()))
            self.close()
        elif not self._lagged:
            self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        """Stop watching."""
        self._close(self)

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._lagged:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()


class EventStream:
    """Everything that happens, to everybody who watches."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def watch(self) -> Subscription:
        """Return a view of everything that happens from now on."""
        subscription = Subscription(self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    def put(self, event: Event) -> None:
        """Give an event to every reader."""
        for subscription in tuple(self._subscriptions):
            subscription.put(event)

    @property
    def watched(self) -> bool:
        """Whether anybody would read an event: where nobody does, none need be made."""
        return bool(self._subscriptions)


class Rounds:
    """Goes round all there is every `ROUND_SECONDS`, in even portions, while `watched` says so; then it rests."""

    def __init__(self, things: Callable[[], Iterable[Any]], tell: Callable[[Any], None], watched: Callable[[], bool]):
        """things: what there is now. tell: called with each of them, once in a round."""
        self._things, self._tell, self._watched = things, tell, watched
        self._left: list[Any] = []
        self._portion = 0
        self._beats = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, unless it goes on already."""
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(ROUND_SECONDS / PORTIONS, self._beat)

    def _beat(self) -> None:
        self._timer = None
        if not self._watched():
            self._left.clear()
            self._beats = 0
            return
        if not self._beats:
            self._left, self._beats = list(self._things()), PORTIONS
            self._portion = ceil(len(self._left) / PORTIONS)
        self._beats -= 1
        for _ in range(min(self._portion, len(self._left))):
            self._tell(self._left.pop())
        self._arm()
