"""The one stream of what happened on calls: each reader has a bounded view; a slow one is dropped, never waited for.

It knows nothing of what it carries: what is put in is a frozen dataclass, and its class is its name.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Events a reader may be behind before it is dropped with `Lagged`: about a second of a busy switch.
MAX_UNREAD_EVENTS = 4096


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
