import asyncio
import audioop
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from softswitch.audio.frame import FRAME_BYTES
from softswitch.errors import ResourceError
from softswitch.providers import messages as m
from softswitch.providers.messages import Message
from softswitch.providers.synthesiser import Synthesiser
from tests.live.providers.conftest import once

QUESTION = "Please say sales, support, or opening hours."


def level_dbm0(pcm: bytes) -> float:
    """Active level: 20 ms pieces far below the loudest are pauses."""
    levels = [audioop.rms(pcm[at : at + FRAME_BYTES], 2) for at in range(0, len(pcm), FRAME_BYTES)]
    spoken = [level for level in levels if level > max(levels) / 10]
    rms = math.sqrt(sum(level * level for level in spoken) / len(spoken))
    return 20 * math.log10(rms / (32767 / math.sqrt(2))) + 3.17


def same_speech(one: bytes, other: bytes) -> bool:
    """eSpeak NG wavers by chance, so no two hellos agree to the bit: their length and loudness, 40 ms by 40 ms, do."""
    levels = [[audioop.rms(pcm[at : at + 640], 2) for at in range(0, len(pcm), 640)] for pcm in (one, other)]
    within = max(levels[0]) / 10
    return len(one) == len(other) and all(abs(a - b) < within for a, b in zip(*levels, strict=True))


def test_speech_has_its_level_its_length_and_whole_frames(speech: Callable[..., Any]) -> None:
    async def run() -> bytes:
        async with speech() as engines:
            return bytes(await engines.say(QUESTION))

    pcm = asyncio.run(run())
    assert level_dbm0(pcm) == pytest.approx(-18, abs=2.5)
    assert 2.0 < len(pcm) / 16000 < 4.5
    assert len(pcm) % FRAME_BYTES == 0
    assert audioop.max(pcm, 2) < 32000


def test_words_are_spoken_while_more_are_still_written(speech: Callable[..., Any]) -> None:
    async def run() -> int:
        async with speech() as engines:
            never = asyncio.Event()

            async def written() -> AsyncIterator[str]:
                yield QUESTION
                await never.wait()

            voice, heard = engines.engines.voice.speak(written()), 0
            async with asyncio.timeout(2):
                async for _ in voice:
                    heard += 1
                    if heard == 100:
                        break
            await voice.aclose()
            return heard

    assert asyncio.run(run()) == 100


def test_nothing_of_a_stopped_voice_is_in_the_next(speech: Callable[..., Any]) -> None:
    async def run() -> tuple[bytes, bytes]:
        async with speech() as engines:
            alone = await engines.say("hello")
            for _ in range(5):
                voice = engines.engines.voice.speak(once("A very long story that nobody wants to hear. " * 20))
                await anext(voice)
                time.sleep(0.03)  # noqa: ASYNC251 - meanwhile the worker fills the socket with what nobody has read
                await voice.aclose()
            return alone, await engines.say("hello")

    alone, after = asyncio.run(run())
    assert same_speech(after, alone)


class ListenerWhoLeaves:
    """The switch's side of a synthesiser: closes the stream after some messages."""

    def __init__(self, after: int) -> None:
        self.kinds: list[int] = []
        self._after = after

    def send(self, kind: int, stream: int, payload: bytes = b"") -> None:
        self.kinds.append(kind)

    def closed(self, stream: int) -> bool:
        return len(self.kinds) >= self._after


def test_a_stopped_voice_costs_nothing_more() -> None:
    story = {"text": "A long story that nobody wants to hear. " * 5, "voice": "en-us", "words_a_minute": 165}
    wanted = Message(m.SPEAK, 1, json.dumps(story).encode())
    leaves, stays = ListenerWhoLeaves(3), ListenerWhoLeaves(10**6)
    for listener in (leaves, stays):
        Synthesiser(listener).handle(wanted)
    assert leaves.kinds == [m.SAMPLES] * 3
    assert len(stays.kinds) > 100 and stays.kinds[-1] == m.DONE


def test_calls_speak_side_by_side_without_mixing(speech: Callable[..., Any]) -> None:
    async def run() -> tuple[list[bytes], list[bytes]]:
        async with speech() as engines:
            texts = ["one", "two words", "three more words"] * 4
            alone = [await engines.say(text) for text in texts]
            return alone, list(await asyncio.gather(*(engines.say(text) for text in texts)))

    alone, together = asyncio.run(run())
    assert all(same_speech(*pair) for pair in zip(together, alone, strict=True))


def test_a_voice_that_does_not_exist_is_a_sentence(speech: Callable[..., Any]) -> None:
    async def run() -> bytes:
        async with speech() as engines:
            with pytest.raises(ResourceError, match="eSpeak NG has no voice xx-nowhere"):
                await engines.say("hello", language="xx-nowhere")
            return bytes(await engines.say("hello"))

    assert asyncio.run(run())


def test_text_without_sound_is_silent_and_no_fault(speech: Callable[..., Any]) -> None:
    async def run() -> bytes:
        async with speech() as engines:
            return bytes(await engines.say("", "   ", "\n"))

    assert asyncio.run(run()) == b""
