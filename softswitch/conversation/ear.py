"""The agent's ear: keeps the sound from before an utterance, and opens the recogniser again when it dies."""

from collections import deque
from collections.abc import Callable
from typing import Final

from softswitch.audio.frame import Frame
from softswitch.conversation.ports import EngineFailed, Expectation, Recognition, SpeechToText, Transcript
from softswitch.errors import SoftswitchError

#: Sound kept from before an utterance is noticed: 300 ms hold the first consonant and the detector's own delay.
PRE_ROLL_FRAMES: Final = 15
#: Sound of one utterance kept while the recogniser is still opening: 10 s, far longer than an opening may take.
MAX_BACKLOG_FRAMES: Final = 500
#: How often a recogniser that died is opened again in one call; then it is down, and the keys remain.
MAX_REOPENINGS: Final = 3


class Ear:
    """One leg's hearing. `run` is the task that reads the recogniser; everything else is called in the tick."""

    def __init__(
        self,
        engine: SpeechToText,
        *,
        language: str,
        on_heard: Callable[[Transcript], None],
        on_failed: Callable[[int, str], None],
    ) -> None:
        """on_failed: utterance (0: none is concerned) and reason; more utterances may follow."""
        self._engine = engine
        self._language = language
        self._on_heard = on_heard
        self._on_failed = on_failed
        self._before: deque[Frame] = deque(maxlen=PRE_ROLL_FRAMES)
        self._recognition: Recognition | None = None
        self._hearing: Recognition | None = None
        self._expectation: Expectation | None = None
        self._utterance = 0
        self._backlog: list[Frame] | None = None
        self._backlog_ended = False
        self._dead = ""

    def expect(self, expectation: Expectation) -> None:
        """Tell the recogniser what comes next."""
        if expectation == self._expectation:
            return
        self._expectation = expectation
        if self._recognition is not None:
            self._recognition.expect(expectation)

    def push(self, frame: Frame) -> None:
        """Hear 20 ms."""
        if self._hearing is not None:
            self._hearing.push(frame)
        elif self._backlog is not None and not self._backlog_ended:
            if len(self._backlog) < MAX_BACKLOG_FRAMES:
                self._backlog.append(frame)
        else:
            self._before.append(frame)

    def start(self, utterance: int) -> None:
        """Begin an utterance with the sound kept from before it."""
        self._utterance = utterance
        kept = list(self._before)
        self._before.clear()  # the next utterance must not begin with the end of this one
        if self._recognition is not None:
            self._give(self._recognition, kept)
        elif not self._dead:
            self._backlog, self._backlog_ended = kept, False

    def end(self, utterance: int) -> None:
        """End the utterance: its transcript or its failure follows."""
        if self._hearing is not None:
            hearing, self._hearing = self._hearing, None
            hearing.end_utterance()
        elif self._backlog is not None:
            self._backlog_ended = True
        elif self._dead:
            self._on_failed(utterance, self._dead)

    def close(self) -> None:
        """Tell nobody anything any more."""
        self._on_heard, self._on_failed = _unheard, _unmissed

    async def run(self) -> None:
        """Open the recogniser and report what it hears; open it again when it dies, a few times."""
        try:
            for _ in range(1 + MAX_REOPENINGS):
                try:
                    async with self._engine.open(language=self._language, expect=self._expectation) as recognition:
                        self._opened(recognition)
                        await self._listen(recognition)
                    self._lost("the recogniser closed in the middle of the call")
                except SoftswitchError as error:
                    self._lost(str(error))
        finally:
            self._recognition = self._hearing = self._backlog = None
            self._dead = "the recogniser is down"

    async def _listen(self, recognition: Recognition) -> None:
        async for result in recognition:
            if isinstance(result, EngineFailed):
                self._on_failed(result.utterance, result.reason)
            else:
                self._on_heard(result)

    def _opened(self, recognition: Recognition) -> None:
        self._recognition = recognition
        if self._expectation is not None:
            recognition.expect(self._expectation)
        if self._backlog is not None:
            backlog, self._backlog = self._backlog, None
            self._give(recognition, backlog)
            if self._backlog_ended:
                self.end(self._utterance)

    def _give(self, recognition: Recognition, frames: list[Frame]) -> None:
        recognition.start_utterance(self._utterance)
        for frame in frames:
            recognition.push(frame)
        self._hearing = recognition

    def _lost(self, reason: str) -> None:
        self._recognition = self._hearing = self._backlog = None
        self._on_failed(self._utterance, reason)


def _unheard(transcript: Transcript) -> None:
    """Do nothing: nobody listens."""


def _unmissed(utterance: int, reason: str) -> None:
    """Do nothing: nobody waits for what was not heard."""
