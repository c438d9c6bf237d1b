"""Text to speech with eSpeak NG, in a worker process, streamed as it is made, with no network."""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

from softswitch.audio.frame import FRAME_BYTES, TELEPHONE_HZ, Frame
from softswitch.audio.resample import Resampler
from softswitch.errors import ResourceError
from softswitch.providers import messages as m
from softswitch.providers.messages import Message
from softswitch.providers.worker import Worker, WorkerPool

#: Sound made and not yet taken, in worker messages of 20 ms to 60 ms: about a minute of speech, at 44 kB a second.
MAX_WAITING: Final = 3000
#: Voice of each language; others go to eSpeak NG by their own code.
VOICES: Final = {"en": "en-us", "zh": "cmn"}
#: A second of nothing from a synthesiser that runs 100 times faster than speech means that it hangs.
SILENT_SECONDS: Final = 5.0


class EspeakTextToSpeech:
    """A mouth behind one synthesiser process: it speaks a minute in half a second, so one serves many calls."""

    def __init__(self, *, words_a_minute: int = 165, voice: str = "") -> None:
        """voice: an eSpeak NG voice name such as `en-gb` or `en-us+f3`; empty: by language."""
        self._pool = WorkerPool("tts", 1)
        self._words_a_minute = words_a_minute
        self._voice = voice

    def start(self) -> None:
        """Start the worker in the background."""
        self._pool.start()

    async def warm(self) -> None:
        """Wait until the worker is ready."""
        await self._pool.ready()

    async def close(self) -> None:
        """End the worker."""
        await self._pool.close()

    async def speak(self, text: AsyncIterable[str], *, language: str = "en") -> AsyncIterator[Frame]:
        """Yield telephone frames as they are made; the last one is filled up with silence.

        Raises ResourceError when the worker dies, hangs, or makes no sound of words that have one.
        """
        async for piece in text:
            voice = self._voice or VOICES.get(language.partition("-")[0], language)
            utterance = _Utterance(self._pool.least_loaded())
            try:
                await utterance.begin(piece, voice, self._words_a_minute)
                async for frame in utterance.frames():
                    yield frame
            finally:
                utterance.close()
            if not utterance.sounded and any(char.isalnum() for char in piece):
                raise ResourceError("eSpeak NG made no sound of a text that has words")


class _Utterance:
    """One text on its way through the worker."""

    def __init__(self, worker: Worker) -> None:
        self.sounded = False
        self._worker = worker
        self._stream = 0
        self._messages: asyncio.Queue[Message | str] = asyncio.Queue()

    async def begin(self, text: str, voice: str, words_a_minute: int) -> None:
        """Send the text."""
        await self._worker.ready()
        self._stream = self._worker.open(self)
        wanted = {"text": text, "voice": voice, "words_a_minute": words_a_minute}
        if not self._worker.send(m.SPEAK, self._stream, json.dumps(wanted).encode()):
            raise ResourceError("the synthesiser is being restarted")

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield what comes, as telephone frames."""
        rate_hz = int(self._worker.greeting)
        down = Resampler(rate_hz, TELEPHONE_HZ)
        # The filter holds the last milliseconds back: silence behind them pushes them out.
        tail = bytes(2 * (down.delay_samples * rate_hz // TELEPHONE_HZ + 1))
        rest = b""
        while True:
            message = await self._next()
            if message.kind == m.FAILED:
                raise ResourceError(message.payload.decode("utf-8", "replace"))
            done = message.kind == m.DONE
            rest += down.feed(tail if done else message.payload)
            if done:
                rest += bytes(-len(rest) % FRAME_BYTES)
            whole = len(rest) - len(rest) % FRAME_BYTES
            for at in range(0, whole, FRAME_BYTES):
                self.sounded = True
                yield Frame(rest[at : at + FRAME_BYTES])
            rest = rest[whole:]
            if done:
                return

    def close(self) -> None:
        """Stop the worker's work on it, and forget what it made."""
        if self._stream:
            self._worker.release(self._stream)

    def received(self, message: Message) -> None:
        """Take a message of the worker."""
        if self._messages.qsize() >= MAX_WAITING:
            self.lost("it makes more sound than anybody takes")
            self.close()
        else:
            self._messages.put_nowait(message)

    def lost(self, reason: str) -> None:
        """Take the news that nothing more will come."""
        self._messages.put_nowait(reason)

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                message = await self._messages.get()
        except TimeoutError:
            raise ResourceError(f"eSpeak NG made no sound for {SILENT_SECONDS:g} s") from None
        if isinstance(message, str):
            raise ResourceError(message)
        return message
