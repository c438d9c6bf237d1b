"""The recogniser is given the sound from before an utterance was noticed, and never the same sound twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from softswitch.audio.frame import FRAME_BYTES, Frame
from softswitch.conversation.ear import MAX_BACKLOG_FRAMES, Ear
from softswitch.conversation.ports import Expectation, Recognition, SpeechCapabilities, Transcript


class Notebook:
    """A recogniser that writes down what it is given; opens when `ready` is set."""

    def __init__(self) -> None:
        self.utterances: list[list[int]] = []
        self.ended = 0
        self.ready = asyncio.Event()

    @property
    def capabilities(self) -> SpeechCapabilities:
        return SpeechCapabilities("notebook", grammar=True, partials=False, free=True)

    @asynccontextmanager
    async def open(self, *, language: str, expect: Expectation | None) -> AsyncIterator[Recognition]:
        await self.ready.wait()
        yield self

    def expect(self, expectation: Expectation | None) -> None: ...
    def start_utterance(self, utterance: int) -> None:
        self.utterances.append([])

    def push(self, frame: Frame) -> None:
        self.utterances[-1].append(int.from_bytes(frame.pcm[:2], "little"))

    def end_utterance(self) -> None:
        self.ended += 1

    def __aiter__(self) -> "Notebook":
        return self

    async def __anext__(self) -> Transcript:
        await asyncio.Event().wait()
        raise StopAsyncIteration


def frames(first: int, count: int) -> list[Frame]:
    """Return frames that carry their own numbers."""
    return [Frame(number.to_bytes(2, "little").ljust(FRAME_BYTES, b"\0")) for number in range(first, first + count)]


async def opened(engine: Notebook, *, ready: bool = True) -> tuple[Ear, Any]:
    ear = Ear(engine, language="en", on_heard=lambda _heard: None, on_failed=lambda _utterance, _reason: None)
    if ready:
        engine.ready.set()
    task = asyncio.create_task(ear.run(), name="ear")
    await turn_around()
    return ear, task


async def turn_around() -> None:
    """Let the other tasks run."""
    for _ in range(5):
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(done.set_result, None)
        await done


def give(ear: Ear, sound: list[Frame]) -> None:
    for frame in sound:
        ear.push(frame)


def test_300_ms_from_before_and_nothing_twice() -> None:
    async def scene() -> None:
        engine = Notebook()
        ear, task = await opened(engine)
        give(ear, frames(0, 100))
        ear.start(1)
        give(ear, frames(100, 20))
        ear.end(1)
        give(ear, frames(120, 4))
        ear.start(2)
        give(ear, frames(124, 1))
        ear.end(2)
        assert engine.utterances == [list(range(85, 120)), list(range(120, 125))]
        task.cancel()

    asyncio.run(scene())


def test_what_was_said_while_it_opened_is_heard_in_full() -> None:
    async def scene() -> None:
        engine = Notebook()
        ear, task = await opened(engine, ready=False)
        give(ear, frames(0, 20))
        ear.start(1)
        give(ear, frames(20, 30))
        ear.end(1)
        give(ear, frames(50, 10))
        engine.ready.set()
        await turn_around()
        assert engine.utterances == [list(range(5, 50))] and engine.ended == 1
        task.cancel()

    asyncio.run(scene())


def test_an_ear_that_never_opens_keeps_a_bounded_backlog() -> None:
    async def scene() -> None:
        engine = Notebook()
        ear, task = await opened(engine, ready=False)
        ear.start(1)
        give(ear, frames(0, 2 * MAX_BACKLOG_FRAMES))
        engine.ready.set()
        await turn_around()
        assert len(engine.utterances[0]) == MAX_BACKLOG_FRAMES
        task.cancel()

    asyncio.run(scene())
