"""The steps of a dialplan. Each is one class: its YAML keys are the fields, `run` is what it does.

A step that lets the caller hear something answers it first, unless sound was opened before the answer.

To add a step, write a class here (or in a file of its own) and put it into `STEPS`; `docs/dialplan.md` must name it.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import pydantic

from softswitch.call.call import Call
from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import (
    EchoSource,
    FileSource,
    PlaybackSource,
    RecorderSource,
    SilenceSource,
    ToneSource,
)
from softswitch.call.consent import Consent, RecordCall
from softswitch.call.dial import Dial
from softswitch.call.leg import Digit, DigitsSent, Ended
from softswitch.call.step import (
    BaseStep,
    answered,
    audible,
    for_ever,
    render,
    until_finished,
    until_gone,
    variables_of,
    wait,
    wait_hearing,
)
from softswitch.call.track import LegHappened, Run, TimedOut, VoiceFinished
from softswitch.call.transfer import Transfer

#: The far end's jitter buffer still holds what was sent last; a release that overtakes it cuts the last word.
TAIL_SECONDS = 0.16


class Ring(BaseStep):
    """Tell the caller that it rings, for `seconds`."""

    short: ClassVar[str] = "seconds"
    seconds: float = pydantic.Field(default=0.0, ge=0, le=600)

    def run(self, call: Call) -> Run:
        """Ring, then wait."""
        call.ring()
        if self.seconds:
            yield from wait_hearing(self.seconds, call)


class Progress(BaseStep):
    """Open sound towards the caller before the answer (183 with a session description).

    reliable: have it acknowledged (RFC 3262) where the caller supports that.
    """

    reliable: bool = False

    def run(self, call: Call) -> Run:
        """Open early media; what follows is heard before the answer."""
        call.early_media(reliable=self.reliable)
        yield from wait(0, call)


class Answer(BaseStep):
    """Answer the caller."""

    def run(self, call: Call) -> Run:
        """Answer, and wait until the leg is up: at once, but for a caller whose offer comes with its ACK."""
        yield from answered(call)


class Wait(BaseStep):
    """Let the caller hear silence for `seconds`."""

    short: ClassVar[str] = "seconds"
    seconds: float = pydantic.Field(ge=0, le=3600)

    def run(self, call: Call) -> Run:
        """Wait."""
        yield from wait(self.seconds, call)


class Play(BaseStep):
    """Play a sound file of the media folder."""

    short: ClassVar[str] = "file"
    file: str

    def run(self, call: Call) -> Run:
        """Play to the end."""
        yield from audible(call)
        yield from until_finished(call.hear(FileSource(self.file)))

    def sounds(self) -> Iterator[str]:
        """Yield the file."""
        yield self.file


class Tone(BaseStep):
    """Play a tone of `hz` at `dbm0` for `seconds`, for ever without `seconds`."""

    hz: int = pydantic.Field(gt=0, lt=4000)
    dbm0: float = pydantic.Field(default=-16.0, ge=-60, le=0)
    seconds: float | None = pydantic.Field(default=None, gt=0)

    def run(self, call: Call) -> Run:
        """Play."""
        yield from audible(call)
        call.hear(ToneSource(self.hz, self.dbm0))
        if self.seconds is None:
            yield from for_ever()
        else:
            yield from wait_hearing(self.seconds, call)


class Echo(BaseStep):
    """Echo the caller's sound, for `seconds` or until the caller hangs up."""

    short: ClassVar[str] = "seconds"
    seconds: float | None = pydantic.Field(default=None, gt=0)

    def run(self, call: Call) -> Run:
        """Echo."""
        yield from audible(call)
        call.hear(EchoSource())
        if self.seconds is None:
            yield from for_ever()
        else:
            yield from wait_hearing(self.seconds, call)


class SendDigits(BaseStep):
    """Press keys towards the caller: RFC 4733 events where the caller offered them, else tones in the sound."""

    short: ClassVar[str] = "digits"
    digits: str = pydantic.Field(pattern=r"^[0-9A-D*#]{1,64}$")

    def run(self, call: Call) -> Run:
        """Send them all, then go on."""
        yield from audible(call)
        call.hear(SilenceSource())
        call.press(call.subject, self.digits)
        while True:
            match (yield 30.0):
                case LegHappened(event=DigitsSent()) | TimedOut():
                    return
                case _:
                    pass


class ReadDigits(BaseStep):
    """Read keys into a variable: up to `max` of them, until `end`, or until none came for `between` seconds."""

    into: str = pydantic.Field(default="digits", pattern=r"^[a-z_][a-z0-9_]*$")
    max: int = pydantic.Field(default=20, ge=1, le=64)
    end: str = pydantic.Field(default="#", pattern=r"^[0-9A-D*#]?$")
    between: float = pydantic.Field(default=6.0, gt=0, le=120)

    def run(self, call: Call) -> Run:
        """Read."""
        yield from audible(call)
        call.hear(SilenceSource())
        digits = ""
        while len(digits) < self.max:
            given = yield self.between
            match given:
                case LegHappened(leg=leg, event=Digit(digit=digit)) if leg == call.subject:
                    if digit == self.end:
                        break
                    digits += digit
                case TimedOut():
                    break
                case _:
                    pass
        if not digits:
            call.story.note(call.subject, "no key came", now=call.now)
        call.variables[self.into] = digits

    def writes(self) -> Iterator[str]:
        """Yield the variable."""
        yield self.into


class Say(BaseStep):
    """Speak a text; `{name}` is a variable, `{name:spelled}` reads it out key by key."""

    short: ClassVar[str] = "text"
    text: str = pydantic.Field(min_length=1, max_length=2000)

    def run(self, call: Call) -> Run:
        """Speak to the end. An AI leg that only says this text, so there is one way to speak."""
        yield from audible(call)
        agent = call.open_agent(text=render(self.text, call.variables))
        yield from until_gone(agent)

    def reads(self) -> Iterator[str]:
        """Yield the variables of the text."""
        yield from variables_of(self.text)


class Agent(BaseStep):
    """Let the caller talk with the AI, which follows `flow`."""

    short: ClassVar[str] = "flow"
    flow: str

    @property
    def flow_ahead(self) -> str:
        """The flow, so that its greeting is made before the answer."""
        return self.flow

    def run(self, call: Call) -> Run:
        """Talk until the AI ends it; the caller's keys reach the AI like words."""
        yield from audible(call)
        agent = call.open_agent(flow=self.flow)
        while True:
            match (yield None):
                case LegHappened(leg=leg, event=Digit(digit=digit)) if leg == call.subject:
                    call.press(agent, digit)
                case LegHappened(leg=leg, event=Ended(cause=cause)) if leg == agent:
                    if cause.q850 != Cause.NORMAL.q850:
                        call.end(cause)
                    return
                case _:
                    pass


class Record(BaseStep):
    """Record the caller for up to `seconds`, or until the key `end`."""

    seconds: float = pydantic.Field(default=10.0, gt=0, le=600)
    end: str = pydantic.Field(default="#", pattern=r"^[0-9A-D*#]?$")

    def run(self, call: Call) -> Run:
        """Record."""
        yield from audible(call)
        number = call.hear(RecorderSource(self.seconds))
        while True:
            match (yield None):
                case LegHappened(event=Digit(digit=digit)) if digit == self.end:
                    call.hear(SilenceSource())
                    return
                case VoiceFinished(number=ended) if ended == number:
                    return
                case _:
                    pass


class PlayRecording(BaseStep):
    """Play what was recorded last."""

    def run(self, call: Call) -> Run:
        """Play to the end."""
        yield from audible(call)
        yield from until_finished(call.hear(PlaybackSource()))


class Reject(BaseStep):
    """Refuse the call with a SIP status; once it is answered, hang up with the cause of that status."""

    short: ClassVar[str] = "status"
    status: int = pydantic.Field(ge=400, le=699)

    def run(self, call: Call) -> Run:
        """Refuse."""
        call.end(from_status(self.status))
        yield None


class HangUp(BaseStep):
    """End the call after what was said has been heard."""

    def run(self, call: Call) -> Run:
        """Wait for the far end's jitter buffer, then release."""
        if call.answered_at is not None:
            yield from wait(TAIL_SECONDS, call)
        call.end(Cause.NORMAL)
        yield None


STEPS: dict[str, type[BaseStep]] = {
    "ring": Ring,
    "progress": Progress,
    "answer": Answer,
    "wait": Wait,
    "play": Play,
    "tone": Tone,
    "echo": Echo,
    "send_digits": SendDigits,
    "read_digits": ReadDigits,
    "say": Say,
    "agent": Agent,
    "record": Record,
    "record_call": RecordCall,
    "consent": Consent,
    "play_recording": PlayRecording,
    "dial": Dial,
    "transfer": Transfer,
    "reject": Reject,
    "hangup": HangUp,
}


def parse_step(data: Any) -> tuple[type[BaseStep], Any]:
    """Return the class and the fields of one step as YAML has it: `answer`, `play: x.wav` or `tone: {hz: 1004}`.

    Raises ValueError with a sentence when it is no step.
    """
    name: Any
    fields: Any = {}
    if isinstance(data, str):
        name = data
    elif isinstance(data, dict) and len(data) == 1:
        name, fields = next(iter(data.items()))
    else:
        raise ValueError("a step is a word, or one word with its values: `answer`, or `play: hello.wav`")
    step = STEPS.get(name) if isinstance(name, str) else None
    if step is None:
        raise ValueError(f"{name!r} is not a step; the steps are {', '.join(STEPS)}")
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        if not step.short:
            raise ValueError(f"step {name} takes no value, but has {fields!r}")
        fields = {step.short: str(fields) if step.short in ("digits", "text") else fields}
    return step, fields
