"""The `transfer` step: let the caller talk with somebody else, and come back where nobody takes it.

The same step serves a rule, an AI that transfers its caller, and an operator: over what is going on it runs as an
attempt (`attempt.py`), and what it cannot reach leaves everything as it was.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

import pydantic

from softswitch.call.attempt import RELEASE_SECONDS, Ask
from softswitch.call.call import Call
from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import CadenceSource, HoldSource
from softswitch.call.dial import MAX_TARGETS, Dial, Search, Target, Way, accept, best_cause, talk, texts
from softswitch.call.leg import Briefed, Digit, Ended, LegId, ReferProgress
from softswitch.call.step import BaseStep, answered, render, variables_of, wait_hearing
from softswitch.call.track import Input, LegHappened, Run, TimedOut
from softswitch.document import digits_as_text

Mode = Literal["bridge", "warm", "attended", "refer", "auto"]
Music = Literal["hold", "ringback"]

#: Seconds that a far end has to say whether it calls somebody itself, longer than its transaction takes; and to say
#: what came of it, longer than its own subscription lasts.
ANSWER_SECONDS: Final = 40.0
NEWS_SECONDS: Final = 240.0
#: Seconds of a call before its far end is asked to take it elsewhere. We know an answer before it has connected its own
#: caller there, and until then it cannot: Asterisk accepts the REFER, and then says 400.
SETTLE_SECONDS: Final = 0.5
#: Seconds from the answer until a person must have taken the call: time for the briefing, twice.
BRIEFING_SECONDS: Final = 60.0
#: Letters of a briefing: half a minute of speech, longer than a person listens before saying yes.
MAX_BRIEF: Final = 500


class Destination(BaseStep):
    """Whom a caller may be transferred to, and how."""

    short: ClassVar[str] = "to"
    to: tuple[Target, ...] = pydantic.Field(min_length=1, max_length=MAX_TARGETS)
    mode: Mode = "bridge"
    brief: str = pydantic.Field(default="", max_length=MAX_BRIEF)
    seconds: float = pydantic.Field(default=30.0, gt=0, le=600)
    carrier: str = ""
    caller_id: Annotated[str, pydantic.BeforeValidator(digits_as_text)] = ""
    music: Music | None = None
    or_bridge: bool = True

    def calls(self) -> Iterator[tuple[str, str]]:
        """Yield the targets."""
        yield from ((target, self.carrier) for target in self.to)

    @pydantic.field_validator("to", mode="before")
    @classmethod
    def _targets_are_texts(cls, value: Any) -> Any:
        return texts(value)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield every text that may hold variables, with the key it stands under."""
        for text in self.to:
            yield "to", text
        yield "caller_id", self.caller_id
        yield "brief", self.brief

    def filled(self, variables: dict[str, str]) -> dict[str, Any]:
        """Return the values with their variables filled in."""
        to = tuple(render(text, variables) for text in self.to)
        texts = {"caller_id": render(self.caller_id, variables), "brief": render(self.brief, variables)}
        return self.model_dump() | texts | {"to": to}


class Transfer(Destination):
    """Connect the caller with `to`, and end when one of them hangs up."""

    then: Way = "hangup"

    @property
    def calls_people(self) -> bool:
        """Yes: it may ring for long, and mostly ends the call."""
        return True

    def run(self, call: Call) -> Run:
        """Look for somebody; talk until one hangs up. Where nobody is found: end, or go on, as `then` says."""
        targets = [render(target, call.variables) for target in self.to]
        if self.mode in ("refer", "auto") and call.answered_at is None:
            yield from answered(call)
        call.seek(Ask(", ".join(targets), self.mode))
        if self.mode in ("refer", "auto"):
            asked = yield from refer(call, targets[0], known_only=self.mode == "auto")
            if asked.missed is None:
                return
            if asked.accepted or not self.or_bridge:
                self._missed(call, asked.missed)
                return
        search = Search(self._dial(targets, call), call, quiet=self._waits_with_music)
        if call.answered_at is not None:
            call.hear(HoldSource() if self._waits_with_music else CadenceSource("ringback"))
        leg = yield from search.run()
        missed = None if leg else best_cause(search.causes)
        if leg and self._briefs:
            missed = yield from brief(call, leg, render(self.brief, call.variables))
        if missed is None:
            accept(call, leg)
            ended = yield from talk(call, leg, HandOff(call, leg) if self.mode == "attended" else None)
            call.end(Cause.TRANSFERRED if call.handing_off else ended.cause, by_other=ended.by_peer)
        else:
            self._missed(call, missed)

    def _missed(self, call: Call, cause: Cause) -> None:
        if self.then == "continue":
            call.missed(cause)
        else:
            call.end(cause)

    def _dial(self, targets: list[str], call: Call) -> Dial:
        caller_id = render(self.caller_id, call.variables) or call.number(call.subject)
        return Dial(to=tuple(targets), seconds=self.seconds, carrier=self.carrier, caller_id=caller_id)

    @property
    def _waits_with_music(self) -> bool:
        return self.music == "hold" or (self.music is None and self._briefs)

    @property
    def _briefs(self) -> bool:
        return self.mode == "warm" or (self.mode == "attended" and self.brief != "")

    def reads(self) -> Iterator[str]:
        """Yield the variables of the targets and of the caller ID."""
        for _, text in self.texts():
            yield from variables_of(text)

    def writes(self) -> Iterator[str]:
        """Yield what is set."""
        yield from ("transferred_to", "transfer_status", "transfer_cause")


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking the caller's far end to call somebody itself. missed: None where it talks with that one."""

    accepted: bool
    missed: Cause | None


def refer(call: Call, target: str, *, known_only: bool) -> Generator[float | None, Input, Asked]:
    """Ask the caller's far end to call `target` itself, and see the call end where it does."""
    call.hear(HoldSource())
    young = SETTLE_SECONDS - (call.now - (call.answered_at or call.now))
    if young > 0:
        yield from wait_hearing(young, call)
    call.refer(target, known_only=known_only)
    until = call.time + ANSWER_SECONDS
    while True:
        match (yield max(0.0, until - call.time)):
            case LegHappened(leg=leg, event=ReferProgress() as said) if leg == call.subject:
                if not said.accepted:
                    return Asked(False, from_status(said.status))
                if not call.handing_off:
                    call.handing_off = True
                    until = call.time + NEWS_SECONDS
                if not said.final:
                    continue
                if said.status < 300:
                    break
                call.handing_off = False
                return Asked(True, from_status(said.status))
            case TimedOut():
                accepted, call.handing_off = call.handing_off, False
                return Asked(accepted, Cause.TIMEOUT)
            case _:
                pass
    call.reached()
    yield from wait_hearing(RELEASE_SECONDS, call)  # for its BYE
    call.end(Cause.TRANSFERRED)
    return Asked(True, None)


class HandOff:
    """Asks the caller's far end to call the other one itself, in our place, and leaves the two to themselves then.

    Where that cannot be, they stay connected by us. due: when it wants to be called, None for no more.
    """

    def __init__(self, call: Call, leg: LegId) -> None:
        self._call = call
        self._leg = leg
        self.due: float | None = call.time + SETTLE_SECONDS

    def handle_timer(self) -> None:
        """Ask; or hang up, where nobody else has."""
        self.due = None
        if self._call.handing_off:
            self._call.end(Cause.TRANSFERRED)
        else:
            self._call.refer("", instead_of=self._leg, known_only=True)

    def told(self, said: ReferProgress) -> None:
        """Take how it goes. Whoever was replaced hangs up itself (RFC 3891 section 3), and has the time to do so.

        A BYE of ours could be there before the new call is in that place: Asterisk then ends both.
        """
        self._call.handing_off = said.accepted and (not said.final or said.status < 300)
        if said.final and self._call.handing_off:
            self.due = self._call.time + RELEASE_SECONDS


def brief(call: Call, leg: LegId, text: str) -> Generator[float | None, Input, Cause | None]:
    """Have an AI tell who answered of the call; return None where that one takes it, else why not."""
    agent = call.brief(leg, text)
    until = call.time + BRIEFING_SECONDS
    while True:
        match (yield max(0.0, until - call.time)):
            case LegHappened(leg=one, event=Digit(digit=digit)) if one == leg:
                call.press(agent, digit)
                continue
            case LegHappened(leg=one, event=Briefed(accepted=True)) if one == agent:
                missed = None
            case LegHappened(leg=one, event=Briefed()) if one == agent:
                missed = Cause.REJECTED.because("who answered declined the call")
            case LegHappened(leg=one, event=Ended(cause=cause)) if one == agent:
                # Without its voice nobody can be asked: a person is there, and a caller who waits for one.
                failed = cause.q850 != Cause.NORMAL.q850
                missed = None if failed else Cause.NO_ANSWER.because("who answered said neither yes nor no")
            case LegHappened(leg=one, event=Ended()) if one == leg:
                missed = Cause.REJECTED.because("who answered hung up")
            case TimedOut():
                missed = Cause.NO_ANSWER.because("who answered did not take the call in time")
            case _:
                continue
        call.end_leg(agent, Cause.NORMAL)
        if missed is not None:
            call.end_leg(leg, Cause.NORMAL)
        return missed
