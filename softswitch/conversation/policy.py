"""The mind of a leg: what to say or do next. A scripted flow, an LLM agent or a remote brain fulfil one protocol."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from softswitch.conversation.ports import Expectation, ToolResult

#: Why the policy is asked: the caller joined the call, spoke, pressed keys, said nothing in time, spoke but was not
#: understood, or the engine that should have understood him failed.
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
class Expect:
    """Say early what the coming `Ask` will listen for, so that an interruption is understood as its answer."""

    expect: Expectation


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


Action = Say | Play | Expect | Ask | CallTool | SwitchMode | End


@dataclass(slots=True)
class Exchange:
    """One line of the dialogue as both sides know it: `said` holds only what was really played."""

    who: Literal["agent", "caller", "tool"]
    text: str
    interrupted: bool = False


@dataclass(slots=True)
class Dialogue:
    """The memory of one conversation: what was said and heard, and the variables a flow fills.

    results: what came of the tools called so far, the last one last; a `CallTool` has its result here when the
    policy is asked for the next action.
    """

    session: str
    language: str = "en"
    history: list[Exchange] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    results: list[ToolResult] = field(default_factory=list)


class Policy(Protocol):
    """Plans the reply to one utterance. Closing the iterator cancels the reply."""

    def plan(self, dialogue: Dialogue, heard: Utterance) -> AsyncIterator[Action]: ...
