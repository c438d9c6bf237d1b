"""Engines that follow a script: the same answers and the same sound on every run, for demos, tests and rehearsals."""

import math
import struct
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from softswitch.audio.frame import FRAME_BYTES, FRAME_MS, TELEPHONE_HZ, Frame
from softswitch.conversation.ports import EngineFailed, Expectation, Recognition, SpeechCapabilities, Transcript
from softswitch.errors import ResourceError
from softswitch.providers.transcripts import Transcripts

#: Texts which a scripted mouth remembers in `spoken`.
MAX_SPOKEN: Final = 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """What a scripted ear was given: `index` counts the utterances of this ear from 0, `frames` their 20 ms frames."""

    index: int
    utterance: int
    frames: int
    expectation: Expectation | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A line of a script on which the engine fails."""

    reason: str = "the script says so"


Line = str | Failure
Script = Sequence[Line] | Callable[[Heard], Line]


class ScriptedSpeechToText:
    """Hears what its script says, whatever the sound.

    script: the text (or `Failure`) for each utterance of an ear, in order, `""` after the last one; every ear starts
    from the first. Or a function of `Heard`. partial_ms: a partial transcript with one word more after each
    `partial_ms` of an utterance (needs a sequence; 0: none). confidence: of every final that has words.
    """

    def __init__(self, script: Script = (), *, partial_ms: int = 0, confidence: float | None = 1.0) -> None:
        self._script = script
        self._partial_frames = partial_ms // FRAME_MS
        self._confidence = confidence

    @property
    def capabilities(self) -> SpeechCapabilities:
        return SpeechCapabilities("scripted", grammar=True, partials=self._partial_frames > 0, free=True)

    @asynccontextmanager
    async def open(self, *, language: str, expect: Expectation | None) -> AsyncIterator[Recognition]:
        """Open an ear; `language` is not used."""
        ear = _ScriptedEar(self._script, self._partial_frames, self._confidence, expect)
        try:
            yield ear
        finally:
            ear.close()

    async def warm(self) -> None:
        """Return at once: there is nothing to load."""

    async def close(self) -> None:
        """Return at once: there is nothing to release."""


class _ScriptedEar:
    def __init__(
        self, script: Script, partial_frames: int, confidence: float | None, expectation: Expectation | None
    ) -> None:
        self._script = script
        self._partial_frames = partial_frames
        self._confidence = confidence
        self._expectation = expectation
        self._results = Transcripts()
        self._index = -1
        self._utterance: int | None = None
        self._frames = 0

    def expect(self, expectation: Expectation | None) -> None:
        self._expectation = expectation

    def start_utterance(self, utterance: int) -> None:
        self._index += 1
        self._utterance = utterance
        self._frames = 0

    def push(self, frame: Frame) -> None:
        if self._utterance is None:
            return
        self._frames += 1
        if self._partial_frames and self._frames % self._partial_frames == 0:
            self._partial(self._utterance, self._frames // self._partial_frames)

    def end_utterance(self) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance is None:
            return
        line = self._line(utterance)
        if isinstance(line, Failure):
            self._results.put(EngineFailed(utterance, line.reason))
        else:
            self._results.put(Transcript(line, True, utterance, self._confidence if line else None))

    def close(self) -> None:
        self._utterance = None
        self._results.close()

    def __aiter__(self) -> AsyncIterator[Transcript | EngineFailed]:
        return self._results

    def _line(self, utterance: int) -> Line:
        if callable(self._script):
            return self._script(Heard(self._index, utterance, self._frames, self._expectation))
        return self._script[self._index] if self._index < len(self._script) else ""

    def _partial(self, utterance: int, words: int) -> None:
        if callable(self._script) or self._index >= len(self._script):
            return
        line = self._script[self._index]
        if isinstance(line, str) and words <= len(line.split()):
            self._results.put(Transcript(" ".join(line.split()[:words]), False, utterance))


class ScriptedTextToSpeech:
    """Speaks a tone for each word, at once: as many milliseconds of sound as `word_ms` says, then a 20 ms gap.

    `spoken` keeps the texts as they were given. fail_with: raise ResourceError with this sentence instead of
    speaking. fail_after_frames: but only after so many frames.
    """

    def __init__(
        self, *, word_ms: int = 300, tone_hz: float = 440.0, fail_with: str | None = None, fail_after_frames: int = 0
    ) -> None:
        self.spoken: deque[str] = deque(maxlen=MAX_SPOKEN)
        self._word = tone_frames(word_ms, tone_hz)
        self._gap = Frame(bytes(FRAME_BYTES), voiced=False)
        self._fail_with = fail_with
        self._fail_after_frames = fail_after_frames

    async def speak(self, text: AsyncIterable[str], *, language: str = "en") -> AsyncIterator[Frame]:
        """Yield the frames of each word of each piece of text as it comes."""
        made = 0
        async for piece in text:
            self.spoken.append(piece)
            for _ in piece.split():
                for frame in (*self._word, self._gap):
                    if self._fail_with is not None and made >= self._fail_after_frames:
                        raise ResourceError(self._fail_with)
                    yield frame
                    made += 1

    async def warm(self) -> None:
        """Return at once: there is nothing to load."""

    async def close(self) -> None:
        """Return at once: there is nothing to release."""


def tone_frames(duration_ms: int, tone_hz: float, level_dbm0: float = -18.0) -> tuple[Frame, ...]:
    """Return `duration_ms` (rounded up to 20 ms) of a sine; 0 dBm0 is 3.17 dB under a full-scale sine (G.711)."""
    peak = 32767 * 10 ** ((level_dbm0 - 3.17) / 20)
    count = -(-duration_ms // FRAME_MS) * FRAME_BYTES // 2
    samples = (round(peak * math.sin(2 * math.pi * tone_hz * n / TELEPHONE_HZ)) for n in range(count))
    pcm = struct.pack(f"<{count}h", *samples)
    return tuple(Frame(pcm[at : at + FRAME_BYTES], voiced=True) for at in range(0, len(pcm), FRAME_BYTES))
