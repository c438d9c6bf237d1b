"""The scripted phone tells speech from silence by the frames it is given, and its times are those of the frames."""

import asyncio
from collections.abc import Callable

import pytest

from softswitch.apps.phone import NotHeard, Phone
from softswitch.audio.frame import SILENCE, Frame

VOICE = Frame(bytes(320), voiced=True)


async def one_round() -> None:
    """Let the loop run everything that is ready."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(done.set_result, None)
    await done


class Line:
    """Ticks a phone by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.tape: list[tuple[Frame, Frame]] = []
        self.phone = Phone(lambda: self.now, tape=self.tape)

    async def hear(self, frame: Frame, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.now += 0.02
            self.phone.give(frame)
            self.phone.take()
            await one_round()


def run(story: Callable[[Line], object]) -> None:
    asyncio.run(story(Line()))  # type: ignore[arg-type]


def test_a_stretch_of_speech_has_a_begin_and_an_end() -> None:
    async def story(line: Line) -> None:
        began = asyncio.create_task(line.phone.voice(after=100.0))
        quiet = asyncio.create_task(line.phone.silence(0.8))
        await line.hear(SILENCE, 0.5)
        assert not began.done() and not quiet.done(), "who has not spoken has not finished"
        await line.hear(VOICE, 0.4)
        assert await began == pytest.approx(100.52)
        await line.hear(SILENCE, 0.2)
        await line.hear(VOICE, 0.2)
        assert line.phone.stretches == 1, "a gap between words is no new stretch"
        await line.hear(SILENCE, 0.76)
        assert not quiet.done()
        await line.hear(SILENCE, 0.1)
        assert quiet.done()

    run(story)


def test_what_is_said_goes_out_in_order_and_is_on_the_tape() -> None:
    async def story(line: Line) -> None:
        line.phone.say([VOICE, VOICE])
        said = asyncio.create_task(line.phone.said())
        await line.hear(SILENCE, 0.1)
        await said
        assert [frame for frame, _heard in line.tape] == [VOICE, VOICE, SILENCE, SILENCE, SILENCE]
        assert line.phone.spoke_until == pytest.approx(100.04)

    run(story)


def test_what_never_comes_is_a_sentence() -> None:
    async def story(line: Line) -> None:
        with pytest.raises(NotHeard, match="the other side to speak"):
            await line.phone.voice(after=0.0, within=0.01)

    run(story)
