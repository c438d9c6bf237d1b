"""The mind of a leg: what to say or do next. A scripted flow, an LLM agent or a remote brain fulfil one protocol."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from softswitch.conversation.ports import Expectation

#: How an utterance ended: the caller spoke, pressed keys, said nothing in time, spoke but matched nothing, joined the
#: call, or a tool finished.
Reason = Literal["started", "speech", "keys", "silence", "no_match", "engine_failed"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of the caller. `text` holds the words, or the keys when `reason` is `keys`."""

    reason: Reason
    text: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """Speak. `interruptible` False: barge-in does not stop it."""

    text: str
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class Play:
    """Play a sound file of the media folder."""

    file: str
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """End of the reply: listen for `expect`; silence for `timeout` seconds after our voice ended is an answer too."""

    expect: Expectation
    timeout: float = 6.0


@dataclass(frozen=True, slots=True)
class CallTool:
    """Ask for a tool. Tools that end or move the call wait until all speech before them was really played."""

    name: str
    arguments: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SwitchMode:
    """Hand the dialogue to another policy by name."""

    mode: str


@dataclass(frozen=True, slots=True)
class End:
    """End the conversation after everything said was played."""

    reason: str = "done"


Action = Say | Play | Ask | CallTool | SwitchMode | End


@dataclass(slots=True)
class Exchange:
    """One line of the dialogue as both sides know it: `said` holds only what was really played."""

    who: Literal["agent", "caller", "tool"]
    text: str
    interrupted: bool = False


@dataclass(slots=True)
class Dialogue:
    """The memory of one conversation: what was said and heard, and the variables a flow fills."""

    session: str
    language: str = "en"
    history: list[Exchange] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


class Policy(Protocol):
    """Plans the reply to one utterance. Closing the iterator cancels the reply."""

    def plan(self, dialogue: Dialogue, heard: Utterance) -> AsyncIterator[Action]: ...
