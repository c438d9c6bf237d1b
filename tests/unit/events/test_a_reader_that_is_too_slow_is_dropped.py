"""The event stream holds a bounded number of events for each reader, and waits for none."""

import asyncio

import pytest

from softswitch.events import MAX_UNREAD_EVENTS, Event, EventStream, Lagged


def test_a_slow_reader_is_told_and_dropped_and_a_quick_one_is_not() -> None:
    async def main() -> None:
        stream = EventStream()
        slow, quick = stream.watch(), stream.watch()
        for number in range(MAX_UNREAD_EVENTS + 10):
            stream.put(Event("c", float(number), number))
            assert (await anext(quick)).what == number
        seen = [(await anext(slow)).what for _ in range(MAX_UNREAD_EVENTS + 1)]
        assert seen[:-1] == list(range(MAX_UNREAD_EVENTS)) and seen[-1] == Lagged()
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        assert stream.watched
        quick.close()
        assert not stream.watched

    asyncio.run(main())


def test_a_reader_waits_for_what_comes() -> None:
    async def main() -> None:
        stream = EventStream()
        reader = stream.watch()
        waiting = asyncio.ensure_future(anext(reader))
        done, _ = await asyncio.wait([waiting], timeout=0.01)
        assert not done
        stream.put(Event("c", 1.0, "something"))
        assert (await waiting).what == "something"

    asyncio.run(main())
