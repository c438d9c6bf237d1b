"""Real speech engines in real processes, and the ways in which a test talks to them."""

import audioop
import os
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from softswitch.audio.frame import FRAME_BYTES, Frame
from softswitch.audio.resample import resample
from softswitch.conversation.ports import EngineFailed, Expectation, Transcript
from softswitch.conversation.words import NO, YES
from softswitch.providers.registry import Engines, open_engines

#: 300 ms before and 400 ms after the words, as the turn-taker frames them, over the hiss of a line.
BEFORE, AFTER = bytes(4800), bytes(6400)


class Speech:
    """What the tests ask of the engines."""

    yes_no = Expectation("yes_no", phrases=(*YES, *NO))
    digits = Expectation("digits", min_digits=1, max_digits=20)

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.stt: Any = engines.ears._pool.workers[0]  # type: ignore[attr-defined]
        self.tts: Any = engines.voice._pool.workers[0]  # type: ignore[attr-defined]

    async def say(self, *pieces: str, language: str = "en") -> bytes:
        """Return all that is spoken."""
        return b"".join([frame.pcm async for frame in self.engines.voice.speak(once(*pieces), language=language)])

    async def hear(self, expectation: Expectation, *sounds: bytes) -> list[Transcript | EngineFailed]:
        """Return the final result for each sound, all heard by one ear."""
        finals: list[Transcript | EngineFailed] = []
        async with self.engines.ears.open(language="en", expect=expectation) as ear:
            results = ear.__aiter__()
            for number, pcm in enumerate(sounds, 1):
                ear.start_utterance(number)
                for frame in over_the_line(pcm):
                    ear.push(frame)
                ear.end_utterance()
                async for result in results:
                    if isinstance(result, EngineFailed) or result.final:
                        finals.append(result)
                        break
        return finals


async def once(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


def over_the_line(pcm: bytes) -> list[Frame]:
    """Return the sound as a far switch hears it: through G.711 µ-law, with silence around it."""
    heard = audioop.ulaw2lin(audioop.lin2ulaw(BEFORE + pcm + AFTER, 2), 2)
    return [Frame(heard[at : at + FRAME_BYTES]) for at in range(0, len(heard) - FRAME_BYTES + 1, FRAME_BYTES)]


@asynccontextmanager
async def _speech(stt: str = "pocketsphinx", tts: str = "espeak") -> AsyncIterator[Speech]:
    engines = await open_engines(stt, tts, workers=1)
    try:
        await engines.warm()
        yield Speech(engines)
    finally:
        await engines.close()


@pytest.fixture
def speech() -> Callable[..., Any]:
    """A context manager with both engines, warm."""
    return _speech


@pytest.fixture
def recording() -> Callable[[str], bytes]:
    """A function that reads a recorded voice at 8 kHz. Set SOFTSWITCH_SPEECH_SAMPLES to the folder of recordings."""
    folder = os.environ.get("SOFTSWITCH_SPEECH_SAMPLES", "")
    if not folder:
        pytest.skip("SOFTSWITCH_SPEECH_SAMPLES is not set: no test with a real voice")

    def read(name: str) -> bytes:
        with wave.open(str(Path(folder) / name)) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            return resample(file.readframes(file.getnframes()), file.getframerate(), 8000)

    return read


@pytest.fixture
def texts() -> Callable[[Sequence[Transcript | EngineFailed]], list[str]]:
    """A function that returns the words of results, a failure as its reason."""
    return lambda results: [r.text if isinstance(r, Transcript) else f"failed: {r.reason}" for r in results]
