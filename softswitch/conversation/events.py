"""What happens in a conversation, as one typed stream: logs, records, live views, replay and tests read no other.

`at` is monotonic seconds, the `now` of the tick in which it happened; texts are private data.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from softswitch.conversation.policy import Utterance


class AgentState(Enum):
    """What the agent is doing."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    TOOL_RUNNING = "tool_running"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Ledger:
    """When each part of a turn happened, monotonic seconds; None where it did not.

    speech_end: the last voiced frame, or the last key. end_of_turn: the decision that the caller is done.
    final_transcript: his words are known. first_text: the policy's first action with sound. first_audio: its first
    frame was made. first_packet: that frame was taken to be sent.
    """

    speech_end: float | None = None
    end_of_turn: float | None = None
    final_transcript: float | None = None
    first_text: float | None = None
    first_audio: float | None = None
    first_packet: float | None = None

    def breakdown_ms(self) -> dict[str, float]:
        """Return the milliseconds of each stage that happened, in order, and their `total`."""
        stages = (
            ("end_of_turn", self.end_of_turn),
            ("recognition", self.final_transcript),
            ("policy", self.first_text),
            ("synthesis", self.first_audio),
            ("first_packet", self.first_packet),
        )
        found: dict[str, float] = {}
        last = self.speech_end
        for name, moment in stages:
            if moment is not None and last is not None:
                found[name] = round((moment - last) * 1000, 1)
                last = moment
        if self.first_packet is not None and self.speech_end is not None:
            found["total"] = round((self.first_packet - self.speech_end) * 1000, 1)
        return found


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The agent is on the call."""

    at: float


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The conversation is over. reason: the policy's word for it, or what ended it."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The agent does something else now."""

    at: float
    state: AgentState


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak; `at` is his first voiced frame."""

    at: float
    utterance: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller's utterance is taken as ended; `speech_end` is its last voiced frame."""

    at: float
    utterance: int
    speech_end: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recogniser made of the caller's words so far."""

    at: float
    text: str
    final: bool
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class KeyHeard:
    """The caller pressed a key."""

    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class Said:
    """What was really played of one piece of our speech; shorter than planned when `interrupted`."""

    at: float
    text: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class BargedIn:
    """The caller interrupted us. `began`: his first voiced frame or his key; our voice is silent from `at` on."""

    at: float
    began: float
    by: Literal["speech", "key"]


@dataclass(frozen=True, slots=True)
class BargeInResolved:
    """How an interruption came out: our speech was dropped, or went on because nothing was said."""

    at: float
    resolution: Literal["dropped", "resumed"]


@dataclass(frozen=True, slots=True)
class ToolRequested:
    """The policy asked for a tool."""

    at: float
    name: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool came back; `error` is empty on success."""

    at: float
    name: str
    result: str
    error: str


@dataclass(frozen=True, slots=True)
class EngineFault:
    """A speech engine or the policy failed in the middle of the call; `fatal` when the conversation cannot go on."""

    at: float
    kind: Literal["stt", "tts", "policy", "sound"]
    reason: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """One turn is over: what was heard, what was really said to it, and when each stage happened."""

    at: float
    turn: int
    heard: Utterance
    said: str
    interrupted: bool
    resumed: int
    ledger: Ledger


Event = (
    SessionStarted
    | SessionEnded
    | StateChanged
    | SpeechStarted
    | SpeechEnded
    | Heard
    | KeyHeard
    | Said
    | BargedIn
    | BargeInResolved
    | ToolRequested
    | ToolFinished
    | EngineFault
    | TurnFinished
)
