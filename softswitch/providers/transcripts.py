"""The way out of every recogniser: a bounded run of transcripts that one reader iterates over."""

import asyncio
from collections import deque
from typing import Final

from softswitch.conversation.ports import EngineFailed, Transcript

#: Results a reader may leave unread: a turn-taker reads each at once, so more than this means nobody reads any more.
MAX_UNREAD: Final = 64


class Transcripts:
    """An async iterator of results. `put` never blocks: an unread partial is replaced by the next one, and beyond
    `MAX_UNREAD` the oldest result goes.
    """

    def __init__(self) -> None:
        self._unread: deque[Transcript | EngineFailed] = deque(maxlen=MAX_UNREAD)
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, result: Transcript | EngineFailed) -> None:
        """Give a result to the reader; ignored after `close`."""
        if self._closed:
            return
        if self._unread and _is_partial(self._unread[-1]) and self._unread[-1].utterance == result.utterance:
            self._unread.pop()
        self._unread.append(result)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration: the reader gets what is unread, then stops."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> "Transcripts":
        return self

    async def __anext__(self) -> Transcript | EngineFailed:
        while not self._unread:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._unread.popleft()


def _is_partial(result: Transcript | EngineFailed) -> bool:
    return isinstance(result, Transcript) and not result.final
