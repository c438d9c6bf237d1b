"""Text to speech with eSpeak NG, in a worker process, streamed as it is made, with no network."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Final

from softswitch.audio.frame import FRAME_BYTES, SILENCE, Frame
from softswitch.errors import ResourceError
from softswitch.providers import messages as m
from softswitch.providers.messages import Message
from softswitch.providers.sentences import Sentences
from softswitch.providers.worker import Worker, WorkerPool

#: Messages made and not yet taken, of 20 ms each: three times what the longest part of a text lasts.
MAX_WAITING: Final = 3000
#: Voice of each language; others go to eSpeak NG by their own code.
VOICES: Final = {"en": "en-us", "zh": "cmn"}
#: So much silence from a synthesiser that runs a hundred times faster than speech means that it hangs.
SILENT_SECONDS: Final = 5.0
#: Silence between two sentences, and between two parts of a long one.
SENTENCE_BREATH_FRAMES: Final = 12
PHRASE_BREATH_FRAMES: Final = 5


class EspeakTextToSpeech:
    """A mouth behind one synthesiser process: it speaks a minute in less than a second, so one serves many calls."""

    def __init__(self, *, words_a_minute: int = 165, voice: str = "") -> None:
        """voice: an eSpeak NG voice name such as `en-gb` or `en-us+f3`; empty: by language."""
        self._pool = WorkerPool("tts", 1)
        self._words_a_minute = words_a_minute
        self._voice = voice

    def start(self) -> None:
        """Start the worker in the background."""
        self._pool.start()

    async def warm(self) -> None:
        """Wait until the worker is ready, and has measured its voice."""
        await self._pool.ready()
        async for _ in self._said("ready", self._voice or VOICES["en"]):
            pass

    async def close(self) -> None:
        """End the worker."""
        await self._pool.close()

    async def speak(self, text: AsyncIterable[str], *, language: str = "en") -> AsyncIterator[Frame]:
        """Yield telephone frames as they are made; the last one is filled up with silence.

        Raises ResourceError when the worker dies, hangs, or makes no sound of words that have one.
        """
        voice = self._voice or VOICES.get(language.partition("-")[0], language)
        before = ""
        async with aclosing(_sentences(text)) as sentences:
            async for sentence in sentences:
                for _ in range(_breath(before)):
                    yield SILENCE
                async with aclosing(self._said(sentence, voice)) as frames:
                    async for frame in frames:
                        yield frame
                before = sentence

    async def _said(self, sentence: str, voice: str) -> AsyncGenerator[Frame, None]:
        """Yield the frames of one sentence."""
        utterance = _Utterance(self._pool.least_loaded())
        wanted = {"text": sentence, "voice": voice, "words_a_minute": self._words_a_minute}
        sounded = False
        try:
            await utterance.begin(json.dumps(wanted).encode())
            while frames := await utterance.frames():
                sounded = True
                for frame in frames:
                    yield frame
        finally:
            utterance.close()
        if not sounded and any(char.isalnum() for char in sentence):
            raise ResourceError("eSpeak NG made no sound of a text that has words")


async def _sentences(text: AsyncIterable[str]) -> AsyncGenerator[str, None]:
    """Yield what can be spoken, as soon as it can."""
    cutter = Sentences()
    async for piece in text:
        for sentence in cutter.feed(piece):
            yield sentence
    for sentence in cutter.finish():
        yield sentence


def _breath(before: str) -> int:
    """Return the frames of silence after a part of speech, when another one follows."""
    if not before:
        return 0
    return SENTENCE_BREATH_FRAMES if before[-1] in ".!?" else PHRASE_BREATH_FRAMES


class _Utterance:
    """One text on its way through the worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._stream = 0
        self._messages: asyncio.Queue[Message | str] = asyncio.Queue()

    async def begin(self, wanted: bytes) -> None:
        """Send the text."""
        await self._worker.ready()
        self._stream = self._worker.open(self)
        if not self._worker.send(m.SPEAK, self._stream, wanted):
            raise ResourceError("the synthesiser is being restarted")

    async def frames(self) -> list[Frame]:
        """Return the next frames, none when all was said."""
        while True:
            message = await self._next()
            if message.kind == m.FAILED:
                raise ResourceError(message.payload.decode("utf-8", "replace"))
            if message.kind == m.DONE:
                return []
            pcm = message.payload
            if pcm:
                return [Frame(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]

    def close(self) -> None:
        """Stop the worker's work on it, and forget what it made."""
        if self._stream:
            self._worker.release(self._stream)

    def received(self, message: Message) -> None:
        """Take a message of the worker."""
        if self._messages.qsize() >= MAX_WAITING:
            self.lost("eSpeak NG makes more sound than anybody takes")
            self.close()
        else:
            self._messages.put_nowait(message)

    def lost(self, reason: str) -> None:
        """Take the news that nothing more will come."""
        self._messages.put_nowait(reason)

    async def _next(self) -> Message:
        try:
            if self._messages.empty():
                async with asyncio.timeout(SILENT_SECONDS):
                    message = await self._messages.get()
            else:
                message = self._messages.get_nowait()
        except TimeoutError:
            self._worker.failed(f"it made no sound for {SILENT_SECONDS:g} s")
            raise ResourceError(f"eSpeak NG made no sound for {SILENT_SECONDS:g} s") from None
        if isinstance(message, str):
            raise ResourceError(message)
        return message
