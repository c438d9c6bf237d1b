"""Steps that record a whole call, and that ask whether it may be.

`record` in steps.py is another thing: it lets one party leave a message.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

import pydantic

from softswitch.call.call import Call
from softswitch.call.cause import Cause
from softswitch.call.commands import FileSource, SilenceSource
from softswitch.call.leg import Digit, Ended
from softswitch.call.step import BaseStep, audible, render, variables_of
from softswitch.call.track import Asking, LegHappened, Run, TimedOut, VoiceFinished


class RecordCall(BaseStep):
    """Record the call from here on, both sides; or pause, resume or stop that. The steps go on at once."""

    short: ClassVar[str] = "do"
    do: Literal["start", "pause", "resume", "stop"] = "start"

    def run(self, call: Call) -> Run:
        """Do it."""
        call.record(self.do)
        yield from ()


class Consent(BaseStep):
    """Ask whether the call may be recorded, and record it if so.

    play or say: the question. accept, decline: keys that answer it; without `accept`, to listen to the end is consent.
    seconds: how long a key is waited for after the question; who presses none has not consented. into: the variable
    that becomes `given` or `refused`. What was refused is not recorded for the rest of the call, whoever asks.
    """

    play: str = ""
    say: str = pydantic.Field(default="", max_length=2000)
    accept: str = pydantic.Field(default="1", pattern=r"^[0-9A-D*#]?$")
    decline: str = pydantic.Field(default="2", pattern=r"^[0-9A-D*#]?$")
    seconds: float = pydantic.Field(default=8.0, ge=0, le=60)
    into: str = pydantic.Field(default="consent", pattern=r"^[a-z_][a-z0-9_]*$")

    @pydantic.model_validator(mode="after")
    def _asks(self) -> "Consent":
        if bool(self.play) == bool(self.say):
            raise ValueError("consent is asked for by one of `play` (a sound file) and `say` (a text)")
        if self.accept and self.accept == self.decline:
            raise ValueError("`accept` and `decline` must be different keys")
        return self

    def run(self, call: Call) -> Run:
        """Ask, wait for a key, and go on."""
        yield from audible(call)
        given = yield from self._answer(call)
        call.variables[self.into] = "given" if given else "refused"
        call.record("start" if given else "refuse")

    def _answer(self, call: Call) -> Asking:
        agent, number = "", 0
        if self.say:
            agent = call.open_agent(text=render(self.say, call.variables))
        else:
            number = call.hear(FileSource(self.play))
        deadline: float | None = None  # while the question is heard
        while True:
            match (yield None if deadline is None else max(0.0, deadline - call.time)):
                case LegHappened(leg=leg, event=Digit(digit=digit)) if leg == call.subject:
                    if digit in (self.accept, self.decline):
                        call.end_leg(agent, Cause.NORMAL)
                        call.hear(SilenceSource())
                        return digit == self.accept
                case VoiceFinished(number=ended) if ended == number:
                    deadline = call.time + self.seconds
                case LegHappened(leg=leg, event=Ended()) if leg == agent:
                    deadline = call.time + self.seconds
                case TimedOut():
                    return False
                case _:
                    pass
            if deadline is not None and not self.accept:
                return True

    def sounds(self) -> Iterator[str]:
        """Yield the file."""
        if self.play:
            yield self.play

    def reads(self) -> Iterator[str]:
        """Yield the variables of the text."""
        yield from variables_of(self.say)

    def writes(self) -> Iterator[str]:
        """Yield the variable."""
        yield self.into
