"""Speech to text with pocketsphinx: a grammar for each expected answer, in worker processes, with no network."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from softswitch.audio.frame import Frame
from softswitch.conversation.ports import EngineFailed, Expectation, Recognition, SpeechCapabilities, Transcript
from softswitch.errors import ResourceError
from softswitch.providers import messages as m
from softswitch.providers.grammar import jsgf
from softswitch.providers.messages import Message
from softswitch.providers.transcripts import Transcripts
from softswitch.providers.worker import Worker, WorkerPool

#: Frames sent together: a message for each would cost the worker more than the sound in it.
FRAMES_A_MESSAGE: Final = 2

#: How long a final transcript may take: the worker answers within milliseconds, or it hangs, or has far too much to do.
RESULT_SECONDS: Final = 3.0

_NO_GRAMMAR: Final = "pocketsphinx hears answers, not free speech: expect yes or no, digits or phrases"


class PocketsphinxSpeechToText:
    """A source of ears behind a pool of recogniser processes."""

    def __init__(self, workers: int) -> None:
        self._pool = WorkerPool("stt", workers)

    @property
    def capabilities(self) -> SpeechCapabilities:
        """What it can do."""
        return SpeechCapabilities("pocketsphinx", grammar=True, partials=True, free=False)

    def start(self) -> None:
        """Start the workers in the background."""
        self._pool.start()

    async def warm(self) -> None:
        """Wait until every worker is ready."""
        await self._pool.ready()

    async def close(self) -> None:
        """End the workers."""
        await self._pool.close()

    @asynccontextmanager
    async def open(self, *, language: str, expect: Expectation | None) -> AsyncIterator[Recognition]:
        """Open an ear on the worker with the fewest. Raises ResourceError for a language there is no model for."""
        if language.partition("-")[0] not in self.capabilities.languages:
            raise ResourceError(f"pocketsphinx has no model for language {language}; configure another recogniser")
        worker = self._pool.least_loaded()
        await worker.ready()
        ear = PocketsphinxEar(worker)
        try:
            ear.expect(expect)
            yield ear
        finally:
            ear.close()


class PocketsphinxEar:
    """One leg's ear."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._stream = worker.open(self)
        self._results = Transcripts()
        self._utterance: int | None = None
        self._awaited: set[int] = set()
        self._free = False
        self._pending: list[bytes] = []
        self._deadline: asyncio.TimerHandle | None = None

    def expect(self, expectation: Expectation | None) -> None:
        """Send the grammar of what comes next."""
        grammar = jsgf(expectation) if expectation is not None else None
        self._free = grammar is None
        if grammar is not None:
            self._worker.send(m.EXPECT, self._stream, grammar.encode())

    def start_utterance(self, utterance: int) -> None:
        """Begin an utterance."""
        self._pending.clear()
        self._utterance = utterance
        self._awaited.add(utterance)
        if self._free:
            self._fail(utterance, _NO_GRAMMAR)
        elif not self._worker.send(m.START, self._stream, str(utterance).encode()):
            self._fail(utterance, "the recogniser is being restarted")

    def push(self, frame: Frame) -> None:
        """Send 20 ms, two frames at a time."""
        if self._utterance is None:
            return
        self._pending.append(frame.pcm)
        if len(self._pending) >= FRAMES_A_MESSAGE:
            self._flush()

    def end_utterance(self) -> None:
        """Ask for the final transcript."""
        utterance, self._utterance = self._utterance, None
        if utterance is None:
            return
        self._flush()
        if self._worker.send(m.FINISH, self._stream):
            self._watch()
        else:
            self._fail(utterance, "the recogniser is being restarted")

    def __aiter__(self) -> AsyncIterator[Transcript | EngineFailed]:
        return self._results

    def close(self) -> None:
        """Give the stream back."""
        self._utterance = None
        self._awaited.clear()
        self._unwatch()
        self._worker.release(self._stream)
        self._results.close()

    def received(self, message: Message) -> None:
        """Take a message of the worker."""
        heard = json.loads(message.payload)
        utterance = heard["utterance"]
        if utterance not in self._awaited:
            return
        if message.kind == m.FAILED:
            self._fail(utterance, heard["reason"])
            return
        if heard["final"]:
            self._settle(utterance)
        self._results.put(Transcript(heard["text"], heard["final"], utterance, heard["confidence"]))

    def lost(self, reason: str) -> None:
        """Fail what was waited for, and end: the leg opens another ear."""
        for utterance in sorted(self._awaited):
            self._fail(utterance, reason)
        self._unwatch()
        self._results.close()

    def _flush(self) -> None:
        if self._pending:
            self._worker.send(m.SOUND, self._stream, b"".join(self._pending))
            self._pending.clear()

    def _settle(self, utterance: int) -> None:
        """Wait no more for this utterance; the deadline stands while another one is waited for."""
        self._awaited.discard(utterance)
        if not self._awaited - {self._utterance}:
            self._unwatch()

    def _watch(self) -> None:
        self._unwatch()
        self._deadline = asyncio.get_running_loop().call_later(RESULT_SECONDS, self._too_late)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        self._worker.failed(f"it gave no answer for {RESULT_SECONDS:g} s")

    def _fail(self, utterance: int, reason: str) -> None:
        if utterance in self._awaited:
            if self._utterance == utterance:
                self._utterance = None
            self._settle(utterance)
            self._results.put(EngineFailed(utterance, reason))
