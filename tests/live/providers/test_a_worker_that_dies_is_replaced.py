import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softswitch.conversation.ports import EngineFailed
from softswitch.errors import ResourceError
from tests.live.providers.conftest import once


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()


async def replaced(worker: Any, old: int) -> None:
    async with asyncio.timeout(10):
        while worker.pid in (None, old):  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.01)
        await worker.ready()


def test_an_open_utterance_fails_at_once_and_the_next_ear_hears(speech: Callable[..., Any], texts: Any) -> None:
    async def run() -> tuple[Any, list[Any], list[str], int]:
        async with speech() as engines:
            pcm = await engines.say("yes")
            old = engines.stt.pid
            async with engines.engines.ears.open(language="en", expect=engines.yes_no) as ear:
                ear.start_utterance(4)
                os.kill(old, signal.SIGKILL)
                results = ear.__aiter__()
                async with asyncio.timeout(1):
                    first = await results.__anext__()
                    rest = [result async for result in results]
            await replaced(engines.stt, old)
            return first, rest, texts(await engines.hear(engines.yes_no, pcm)), engines.stt.restarts

    first, rest, again, restarts = asyncio.run(run())
    assert isinstance(first, EngineFailed) and first.utterance == 4
    assert rest == []
    assert again == ["yes"]
    assert restarts == 1


def test_a_voice_whose_worker_dies_raises_and_the_next_speaks(speech: Callable[..., Any]) -> None:
    async def run() -> int:
        async with speech() as engines:
            old = engines.tts.pid
            os.kill(old, signal.SIGSTOP)  # so that it dies before it has said all
            speaking = asyncio.create_task(engines.say("This will not be said to the end."))
            await asyncio.sleep(0.05)
            os.kill(old, signal.SIGKILL)
            with pytest.raises(ResourceError, match="worker failed"):
                await speaking
            await replaced(engines.tts, old)
            return len(await engines.say("hello"))

    assert asyncio.run(run()) > 3000


def test_a_hanging_worker_is_killed_and_its_utterance_fails(speech: Callable[..., Any]) -> None:
    async def run() -> tuple[Any, bool]:
        async with speech() as engines:
            old = engines.stt.pid
            async with engines.engines.ears.open(language="en", expect=engines.yes_no) as ear:
                os.kill(old, signal.SIGSTOP)
                ear.start_utterance(1)
                ear.end_utterance()
                async with asyncio.timeout(6):
                    result = await ear.__aiter__().__anext__()
            await replaced(engines.stt, old)
            return result, runs(str(old))

    result, lives = asyncio.run(run())
    assert isinstance(result, EngineFailed) and "no answer" in result.reason
    assert not lives


def test_a_worker_that_lags_fails_instead_of_growing(speech: Callable[..., Any]) -> None:
    from softswitch.audio.frame import SILENCE

    async def run() -> Any:
        async with speech() as engines:
            os.kill(engines.stt.pid, signal.SIGSTOP)
            async with engines.engines.ears.open(language="en", expect=engines.yes_no) as ear:
                ear.start_utterance(1)
                for _ in range(6000):  # two minutes of sound, at once
                    ear.push(SILENCE)
                async with asyncio.timeout(1):
                    return await ear.__aiter__().__anext__()

    result = asyncio.run(run())
    assert isinstance(result, EngineFailed) and "keep up" in result.reason


def test_nothing_is_left_behind(speech: Callable[..., Any]) -> None:
    peers = children()  # of the tests before this one, which live as long as the session

    async def run() -> tuple[int, int, list[str], set[str]]:
        await open_and_close(speech)  # what is made once stays
        before = descriptors()
        for _ in range(3):
            await open_and_close(speech)
        names = {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()}  # type: ignore[union-attr]
        return before, descriptors(), children(), names

    before, after, processes, tasks = asyncio.run(run())
    assert after == before
    assert processes == peers
    assert tasks == set()


async def open_and_close(speech: Callable[..., Any]) -> None:
    async with speech() as engines:
        async with engines.engines.ears.open(language="en", expect=engines.yes_no) as ear:
            ear.start_utterance(1)
            voice = engines.engines.voice.speak(once("A long sentence that is interrupted."))
            await anext(voice)
            await voice.aclose()


def test_workers_end_with_a_switch_that_is_killed() -> None:
    program = (
        "import asyncio\n"
        "from softswitch.providers.registry import open_engines\n"
        "async def run():\n"
        "    engines = await open_engines('pocketsphinx', 'espeak', workers=2)\n"
        "    await engines.warm()\n"
        "    pool = [*engines.ears._pool.workers, *engines.voice._pool.workers]\n"
        "    print(*[worker.pid for worker in pool], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as switch:
        assert switch.stdout is not None
        pids = switch.stdout.readline().split()
        switch.kill()
    assert len(pids) == 3
    asyncio.run(gone(pids))


async def gone(pids: list[str]) -> None:
    async with asyncio.timeout(5):
        while any(runs(pid) for pid in pids):  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.02)


def runs(pid: str) -> bool:
    """Whether a process is there and alive; a zombie waits for its parent only."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
