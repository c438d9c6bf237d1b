"""What a conversation needs from the world: ears, a mouth, and later a language model.

The conversation owns these protocols; engines in `providers/` fulfil them and `app.py` plugs them in. Cancelling is
closing the iterator or leaving the context: there is no other way.
"""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from softswitch.audio.frame import Frame


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the dialogue expects to hear next: a grammar for recognisers that take one, and the end-of-turn rule.

    kind: `yes_no`, `digits`, `phrases`, or `free` speech. phrases: for `phrases`, every wording that counts, lower
    case, no punctuation. min_digits, max_digits: for `digits`. keys: DTMF keys that answer at once (`1`, `2`, `#`).
    terminator: for `digits`, the key that ends them early, empty for none.
    """

    kind: Literal["yes_no", "digits", "phrases", "free"]
    phrases: tuple[str, ...] = ()
    min_digits: int = 1
    max_digits: int = 20
    keys: tuple[str, ...] = ()
    terminator: str = "#"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser heard.

    text: lower-case words; empty when speech was heard but matched nothing. final: no further transcript for this
    utterance. confidence: 0..1, None where the engine has none. utterance: the number given to `start_utterance`.
    """

    text: str
    final: bool
    utterance: int
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """The engine behind this stream died or refused; no transcript follows for `utterance`."""

    utterance: int
    reason: str


class Recognition(Protocol):
    """One leg's ear. The turn-taker frames utterances; the recogniser only listens between start and end."""

    def expect(self, expectation: Expectation | None) -> None:
        """Set what is expected from the next utterance on."""

    def start_utterance(self, utterance: int) -> None:
        """Begin an utterance; frames pushed from now on belong to it. Never blocks, never raises."""

    def push(self, frame: Frame) -> None:
        """Hear 20 ms. Never blocks, never raises; frames outside an utterance are ignored."""

    def end_utterance(self) -> None:
        """End the utterance: exactly one final `Transcript` or one `EngineFailed` follows."""

    def __aiter__(self) -> AsyncIterator[Transcript | EngineFailed]:
        """Yield partial and final transcripts until the recognition is closed."""


@dataclass(frozen=True, slots=True)
class SpeechCapabilities:
    """What a recogniser can do, as data: `grammar` takes an expectation, `partials` streams, `free` hears anything."""

    name: str
    grammar: bool
    partials: bool
    free: bool
    languages: tuple[str, ...] = ("en",)


class SpeechToText(Protocol):
    """A source of ears."""

    @property
    def capabilities(self) -> SpeechCapabilities: ...

    def open(self, *, language: str, expect: Expectation | None) -> AbstractAsyncContextManager[Recognition]:
        """Open an ear for one leg; leaving the context frees everything it held."""


class TextToSpeech(Protocol):
    """A mouth."""

    def speak(self, text: AsyncIterable[str], *, language: str = "en") -> AsyncIterator[Frame]:
        """Yield 20 ms telephone frames as they are made, the last one padded with silence.

        Raises ResourceError when the engine is missing, dies, or yields nothing for words that have sound.
        """


@dataclass(frozen=True, slots=True)
class Tool:
    """Something the policy may ask to be done. `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a tool: `error` is empty on success."""

    name: str
    result: str
    error: str = ""
