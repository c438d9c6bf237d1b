"""Long work in a thread, in steps: it rests so often that whoever has a call to serve never waits for the interpreter.

One thread runs Python at a time. Who wants to and cannot waits for 5 ms before it may insist, and lets the other in
again with each packet it sends. So two busy threads slow each other down far more than their work would. A thread that
rests by itself, after a few tenths of a millisecond, is never in the way: the loop takes its turn while it sleeps.

`step()` stands in the loops of whatever may be long. Where nobody set a pace it does nothing.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from softswitch import clock

Item = TypeVar("Item")

#: Work and rest by turns, in seconds. The 20 ms clock has something to do each millisecond.
WORK = 0.0003
REST = 0.00015

_PACE: ContextVar[Callable[[], None] | None] = ContextVar("pace", default=None)


def step() -> None:
    """Rest, if it is time to."""
    pace = _PACE.get()
    if pace is not None:
        pace()


def steps(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items, with a step before each."""
    pace = _PACE.get()
    if pace is None:
        yield from items
        return
    for item in items:
        pace()
        yield item


@contextlib.contextmanager
def resting(*, work: float = WORK, rest: float = REST) -> Iterator[None]:
    """Let everything inside rest now and then: for the one thread that enters this."""
    until = clock.now() + work

    def pace() -> None:
        nonlocal until
        if clock.now() >= until:
            clock.pause(rest)
            until = clock.now() + work

    token = _PACE.set(pace)
    try:
        yield
    finally:
        _PACE.reset(token)
