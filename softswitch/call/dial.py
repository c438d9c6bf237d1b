"""The `dial` step: call one target or a group of them, and connect the caller with the first that answers.

What the caller hears meanwhile. Ringing, once anybody rings: a 180 to a caller that is not answered and has no sound
yet, else a ringback tone. The sound that a target sends before its answer (an announcement, the ringing of a foreign
network) is passed on only where that target is the only one left: while several ring, nobody's voice may be taken
for the answer. The first answer wins; all others are ended with "answered elsewhere", which their phones do not
show as a missed call (RFC 3326).

Where nobody answers, one cause stands for all of them: RFC 3261 section 16.7 step 6 as far as it applies to targets
that are different people.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal, Protocol

import pydantic

from softswitch.call.call import Call
from softswitch.call.cause import Cause
from softswitch.call.commands import CadenceSource, SilenceSource
from softswitch.call.leg import Answered, Digit, EarlyMedia, Ended, LegEvent, LegId, ReferProgress, Ringing
from softswitch.call.record import outcome_of
from softswitch.call.step import BaseStep, render, variables_of
from softswitch.call.track import Input, LegHappened, Replaced, Run, TimedOut
from softswitch.document import digits_as_text

#: Each is an INVITE and an RTP port for one caller: more phones than ring together on any desk, and no amplifier.
MAX_TARGETS = 32

Target = Annotated[str, pydantic.Field(min_length=1, max_length=256)]
Way = Literal["hangup", "continue"]


def texts(value: Any) -> Any:
    """Return targets as YAML has them as a tuple of texts: one needs no list, and YAML reads 101 as an integer."""
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(digits_as_text(item) for item in items)


class Dial(BaseStep):
    """Call `to` (numbers or SIP URIs) and connect the caller with the first that answers."""

    short: ClassVar[str] = "to"
    to: tuple[Target, ...] = pydantic.Field(min_length=1, max_length=MAX_TARGETS)
    strategy: Literal["ringall", "hunt"] = "ringall"
    seconds: float = pydantic.Field(default=60.0, gt=0, le=600)
    each: float = pydantic.Field(default=20.0, gt=0, le=600)
    carrier: str = ""
    caller_id: Annotated[str, pydantic.BeforeValidator(digits_as_text)] = ""
    then: Way = "hangup"
    after: Way = "hangup"

    def calls(self) -> Iterator[tuple[str, str]]:
        """Yield the targets."""
        yield from ((target, self.carrier) for target in self.to)

    @pydantic.field_validator("to", mode="before")
    @classmethod
    def _targets_are_texts(cls, value: Any) -> Any:
        return texts(value)

    @property
    def calls_people(self) -> bool:
        """Yes: it may ring for long, and mostly ends the call."""
        return True

    def run(self, call: Call) -> Run:
        """Ring; talk until one hangs up; then end the call, or go on, as `then` and `after` say."""
        search = Search(self, call)
        leg = yield from search.run()
        if leg:
            accept(call, leg)
            ended = yield from talk(call, leg)
            self._over(call, ended.cause, self.after, answered=True, by_other=ended.by_peer)
        else:
            self._over(call, best_cause(search.causes), self.then, answered=False, by_other=False)

    def _over(self, call: Call, cause: Cause, way: Way, *, answered: bool, by_other: bool) -> None:
        if way == "hangup":
            call.end(cause, by_other=by_other)
            return
        call.variables["dial_status"] = outcome_of(cause, answered=answered, by_caller=False)
        call.variables["dial_cause"] = cause.words

    def reads(self) -> Iterator[str]:
        """Yield the variables of the targets and of the caller ID."""
        for text in (*self.to, self.caller_id):
            yield from variables_of(text)

    def writes(self) -> Iterator[str]:
        """Yield what is set where the rule goes on."""
        yield from ("dial_status", "dial_cause")


class Search:
    """One dial step from its first INVITE to its first answer, or to none."""

    def __init__(self, step: Dial, call: Call, *, quiet: bool = False) -> None:
        """quiet: a caller who is answered goes on hearing what it hears."""
        self.causes: list[Cause] = []
        self._quiet = quiet and call.answered_at is not None
        self._step = step
        self._call = call
        self._ringing: dict[LegId, bool] = {}  # those that are being called -> whether it sends sound already
        self._heard: LegId = ""  # whose sound the caller hears before the answer
        self._rung = self._tone = False

    def run(self) -> Generator[float | None, Input, LegId]:
        """Return the leg that answered; empty where none did."""
        step, call = self._step, self._call
        targets = [render(target, call.variables) for target in step.to]
        deadline = call.time + step.seconds
        waves: Sequence[Sequence[str]] = [targets] if step.strategy == "ringall" else [[one] for one in targets]
        for wave in waves:
            until = deadline if step.strategy == "ringall" else min(deadline, call.time + step.each)
            leg = yield from self._wave(wave, until)
            if leg:
                for loser in self._ringing:
                    if loser != leg:
                        call.end_leg(loser, Cause.ELSEWHERE)
                return leg
            if call.time >= deadline:
                break
        if self._tone or self._heard:
            call.hear(SilenceSource())
        return ""

    def _wave(self, targets: Sequence[str], until: float) -> Generator[float | None, Input, LegId]:
        """Call some targets at once; return the leg that answered, empty where none did until then."""
        call, step = self._call, self._step
        caller_id = render(step.caller_id, call.variables) or call.variables["from"]
        for target in targets:
            self._ringing[call.place(target, caller_id=caller_id, carrier=step.carrier)] = False
        if self._heard:  # of a target before: the caller has sound, so it must hear from us that the search goes on
            self._heard = ""
            self.ringback()
        while self._ringing:
            match (yield max(0.0, until - call.time)):
                case TimedOut():
                    self._give_up()
                case LegHappened(leg=leg, event=Answered()) if leg in self._ringing:
                    return leg
                case Replaced(old=old, new=new) if old in self._ringing:  # somebody picks up another one's call
                    self._ringing[new] = self._ringing.pop(old)
                    return new
                case Replaced(new=new) if new == call.subject:  # who takes the caller's place has not heard it ring
                    self._rung = self._tone = False
                    self.ringback()
                case LegHappened(leg=leg, event=Digit() as key) if leg == call.subject and self._heard:
                    press(call, self._heard, key)
                case LegHappened(leg=leg, event=event) if leg in self._ringing:
                    self._happened(leg, event)
                case _:
                    pass
        return ""

    def _happened(self, leg: LegId, event: LegEvent) -> None:
        match event:
            case Ringing():
                self.ringback()
            case EarlyMedia():
                self._ringing[leg] = True
                self._listen()
            case Ended(cause=cause):
                del self._ringing[leg]
                self.causes.append(cause)
                self._listen()
            case _:
                pass

    def _listen(self) -> None:
        """Let the caller hear the only target that is left, if it sends sound; else that somebody is being called."""
        call, legs = self._call, list(self._ringing)
        if self._quiet:
            return
        if len(legs) == 1 and self._ringing[legs[0]]:
            if call.answered_at is None and not call.early:
                call.early_media()
            call.connect(legs[0], early=True)
            self._heard, self._tone = legs[0], False
        elif any(self._ringing.values()):
            self.ringback()

    def ringback(self) -> None:
        """Let the caller know that somebody is called."""
        call = self._call
        if self._heard or self._quiet:
            return
        if call.answered_at is not None or call.early:
            if not self._tone:
                call.hear(CadenceSource("ringback"))
            self._tone = True
        elif not self._rung:
            call.ring()
            self._rung = True

    def _give_up(self) -> None:
        for leg in self._ringing:
            self._call.end_leg(leg, Cause.CANCELLED)
        self._ringing.clear()
        self.causes.append(Cause.NO_ANSWER)


def accept(call: Call, leg: LegId) -> None:
    """Connect the caller with who answered."""
    if call.answered_at is None:
        call.answer()
    call.connect(leg)
    call.reached()


class Aside(Protocol):
    """What is done while two talk. due: when `handle_timer` wants to be called, in the time of the call."""

    due: float | None

    def handle_timer(self) -> None: ...
    def told(self, said: ReferProgress) -> None:
        """Take how it goes where the caller's far end was asked to call somebody else itself."""


def talk(call: Call, leg: LegId, aside: Aside | None = None) -> Generator[float | None, Input, Ended]:
    """Pass keys both ways until `leg` ends; return how. The caller's end ends the call, and this with it."""
    while True:
        due = aside.due if aside is not None else None
        match (yield None if due is None else max(0.0, due - call.time)):
            case LegHappened(leg=one, event=Digit() as key) if one in (leg, call.subject):
                press(call, leg if one == call.subject else call.subject, key)
            case Replaced(old=old, new=new) if old == leg:
                leg = new
            case LegHappened(leg=one, event=ReferProgress() as said) if one == call.subject and aside is not None:
                aside.told(said)
            case TimedOut() if aside is not None:
                aside.handle_timer()
            case LegHappened(leg=one, event=Ended() as ended) if one == leg:
                return ended
            case _:
                pass


def press(call: Call, leg: LegId, key: Digit) -> None:
    """Pass a key on to `leg`."""
    # The tones of a key that came as tones are passed on with the sound.
    call.press(leg, key.digit, in_sound=key.method == "inband")


def best_cause(causes: Sequence[Cause]) -> Cause:
    """Return the cause that stands for a group of which nobody answered; the first among equals.

    A 6xx wins (RFC 3261 section 16.7 step 6). Then what tells the caller most: that a phone rang, that somebody is
    busy, that nobody is there, that there is no such number; what failed on the way comes last.
    """
    return min(causes, key=_rank, default=Cause.NO_ANSWER)


def _rank(cause: Cause) -> int:
    match cause.sip:
        case status if status >= 600:
            return 0
        case _ if cause == Cause.NO_ANSWER:
            return 1
        case 486:
            return 2
        case 480 | 408:
            return 3
        case status if status < 500:
            return 4
    return 5
