"""One call: which leg hears which, and the dialplan steps that decide it. Pure: time is an argument.

Theory of operation. A call has one subject leg, the party the dialplan serves: the caller of an inbound call, the
called party of an outbound one. Its steps run one after another (`Track`); a step gives commands through `Call`, yields
how many seconds it will wait (None: for ever), and receives the next input that concerns it. The subject's end closes
the running step wherever it stands, so no step has to think of it. Signalling, media and the AI never enter: legs are
only ids here, and commands are values that the switchboard carries out.

A transfer is an attempt: steps on a track of their own, run over the one that is up, which stands still meanwhile and
knows nothing of it. If they reach somebody (`reached`), they are what the call does from then on; if they end without,
they are gone, and the track that stood still goes on exactly where it was. See `attempt.py`.
"""

import datetime
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from softswitch.call.attempt import Ask
from softswitch.call.cause import Cause
from softswitch.call.commands import (
    CadenceSource,
    CallFinished,
    HangUpLeg,
    HoldLeg,
    OpenEarlyMedia,
    PlaceLeg,
    RingLeg,
)
from softswitch.call.leg import Answered, Digit, Ended, Held, LegEvent, LegId, Ringing
from softswitch.call.moving import Moving
from softswitch.call.progress import Progress
from softswitch.call.record import CallRecord, EndedBy, MediaReport, Parties, TurnRecord
from softswitch.call.story import Story
from softswitch.call.track import Input, LegHappened, Run, TimedOut, Track, VoiceFinished

CallId = str

#: Keys kept in the record; more than anybody dials, less than a stuck key or a hostile peer can send.
MAX_RECORDED_DIGITS = 256


class Step(Protocol):
    """One step of a dialplan."""

    @property
    def flow_ahead(self) -> str:
        """The flow this step will need an AI for; empty for none."""

    @property
    def calls_people(self) -> bool:
        """Whether this step may take its time and end the call: nothing of what follows is made ready before it."""

    def run(self, call: "Call") -> Run: ...


class Call(Moving):
    """The machine of one call."""

    def __init__(
        self,
        id: CallId,
        subject: LegId,
        steps: Sequence[Step],
        parties: Parties,
        *,
        wall: datetime.datetime,
        now: float,
        hard_limit: float = 4 * 3600.0,
    ) -> None:
        """Make a call that has done nothing yet. hard_limit: seconds after which it ends whatever it does.

        `early` says whether sound was opened towards the subject before the answer.
        """
        number = parties.from_ if parties.direction == "inbound" else parties.to
        variables = {"from": parties.from_, "to": parties.to}
        super().__init__(id, subject, number, _flow_ahead(steps), variables, Progress(wall, now), now=now)
        self.media = MediaReport()
        self.story = Story(subject, wall=wall, now=now)
        #: The carrier that a party was called over last; the record's, where the call came by none.
        self.left_by = ""
        self.early = False
        self._parties = parties
        self._track = self._track_of(steps)
        self._hard_end: float = now + hard_limit
        self._turns: list[TurnRecord] = []
        self._finished = False

    # What happened ---------------------------------------------------------------------------------------------

    def offered(self, *, now: float) -> None:
        """The subject calls us: run the steps."""
        self.now = now
        self._prepare_agent()
        self._advance(None)

    def placed(self, target: str, caller_id: str, *, now: float) -> None:
        """We call the subject: place it, and run the steps once it answers."""
        self.now = now
        self._prepare_agent()
        self._outputs.append(PlaceLeg(self.subject, target, caller_id, self._parties.carrier))

    def leg_happened(self, leg: LegId, event: LegEvent, *, now: float) -> None:
        """A leg reports. Reports of legs that are not of this call any more are stray and dropped here."""
        self.now = now
        if leg not in self._legs:
            return
        self.story.happened(leg, event, now=now)
        if isinstance(event, Ended):
            self._leg_ended(leg, event)
            return
        if leg in self._leaving:
            return
        if leg in self._heirs:
            self._inherit(leg, event)
            return
        if isinstance(event, Held):
            self._holds.change(leg, event.held, by_us=False)
            self._holds_changed(of_subject=leg == self.subject)
        if leg == self.subject:
            match event:
                case Answered():
                    first = self._progress.answered_at is None
                    if first:
                        self._progress.answered_at = now
                    if first and not self._track.begun:
                        self._advance(None)
                        return
                case Digit(digit=digit) if leg in self._first and len(self._progress.digits) < MAX_RECORDED_DIGITS:
                    self._progress.digits.append(digit)
                case _:
                    pass
        self._tell_steps(LegHappened(leg, event))

    def voice_finished(self, number: int, *, now: float) -> None:
        """What a leg was let hear is over; an old number is stray: the leg hears something else by now."""
        self.now = now
        if number == self._heard:
            self._advance(VoiceFinished(number))
        elif self._attempt is not None and number == self._attempt.suspended.heard:
            self._attempt.suspended.keep(VoiceFinished(number))

    def hang_up(self, cause: Cause, *, now: float) -> None:
        """Somebody else than the parties ends the call: an operator, a limit, the switch itself."""
        self.now = now
        self._end(cause)

    def hold(self, leg: LegId, held: bool, *, now: float) -> None:
        """Somebody puts a leg's far end on hold, or takes it back; empty: the subject. Before the answer: nothing."""
        self.now = now
        leg = leg or self.subject
        if leg in self._legs and self._progress.answered_at is not None and not self._ending():
            self._outputs.append(HoldLeg(leg, held))
            self._holds.change(leg, held, by_us=True)
            self._holds_changed(of_subject=leg == self.subject)

    def turn_finished(self, turn: TurnRecord) -> None:
        """A turn of the conversation is over."""
        self._turns.append(turn)

    # Time --------------------------------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, None when the call is over."""
        if self._finished:
            return None
        moments: list[float] = [self._hard_end, *self._leaving.values()]
        if self._track.due is not None:
            moments.append(self._track.due)
        return min(moments)

    def handle_timer(self, *, now: float) -> None:
        """Time has come for whatever was waited for."""
        self.now = now
        if now >= self._hard_end:
            self._hard_end = now + 60.0  # a leg that does not end is told again
            self._end(Cause.TIMEOUT.because("the call reached limits.max_call_seconds, and was ended"))
            return
        for leg in sorted(leg for leg, at in self._leaving.items() if now >= at):
            self._let_go(leg, Cause.NORMAL)
        if self._track.due is not None and now >= self._track.due:
            self._advance(TimedOut())

    @property
    def finished(self) -> bool:
        """True when every leg is over and the record was made."""
        return self._finished

    @property
    def time(self) -> float:
        """Seconds on a clock that stands still for steps over which a transfer is tried: theirs to reckon with."""
        return self.now - self._track.stood

    @property
    def turns(self) -> Sequence[TurnRecord]:
        """The turns of the conversation so far."""
        return self._turns

    # Commands of the steps ---------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Tell the subject that it rings; one that is answered hears it."""
        if self.answered_at is None:
            self._outputs.append(RingLeg(self.subject))
        else:
            self._tell_asker(Ringing())
            self.hear(CadenceSource("ringback"))

    def early_media(self, *, reliable: bool = False) -> None:
        """Open sound towards the subject before the answer; reliable: acknowledged by it (RFC 3262)."""
        if self.answered_at is not None:
            return
        self.early = True
        self._outputs.append(OpenEarlyMedia(self.subject, reliable))

    def end(self, cause: Cause, *, by_other: bool = False) -> None:
        """End the call; by_other: because the party that the subject was connected with ended it.

        Said by the steps of a transfer that have reached nobody it ends those alone, and the call goes on.
        """
        if self._attempt is not None:
            self._attempt.cause = self._attempt.cause or cause
            self._track.halt()
            return
        if by_other and self._progress.cause is None and self._parties.direction == "inbound":
            self._progress.ended_by = "callee"
        self._end(cause)

    def transfer(self, steps: Sequence[Step], ask: Ask, *, now: float) -> Cause | None:
        """Try `steps` over what is going on; return why that cannot even begin, None where it has."""
        self.now = now
        return self._transfer(self._track_of(steps), ask)

    # Inside ------------------------------------------------------------------------------------------------------

    def _track_of(self, steps: Sequence[Step]) -> Track:
        return Track(partial(step.run, self) for step in steps)

    def _tell_steps(self, given: LegHappened) -> None:
        """Give something that happened to those whose leg it is: the steps that run, or those that stand still."""
        attempt = self._attempt
        if attempt is None or given.leg in self._made or given.leg == self.subject:
            if given.leg != self.subject:
                self._tell_asker(given.event)
            self._advance(given)
        elif not isinstance(given.event, Digit | Held):
            attempt.suspended.keep(given)

    def _advance(self, given: Input | None) -> None:
        """Let the steps go on; what comes before they begin (a leg that is placed rings) is not for them."""
        if self._ending() or (given is not None and not self._track.begun):
            return
        cause = self._track.feed(given, now=self.now)
        if cause is not None:
            self.end(cause)
        attempt = self._attempt
        if attempt is not None and attempt.cause is not None:
            self._come_back(attempt, attempt.cause)

    def _leg_ended(self, leg: LegId, event: Ended) -> None:
        self._legs.discard(leg)
        self._holds.forget(leg)
        leaving = self._leaving.pop(leg, None) is not None or self._heirs.pop(leg, None) is not None
        attempt = self._attempt
        if leg == self.subject:
            if self.handing_off and event.by_peer:
                self.reached()  # it has left us for whom it was to call
                attempt = self._attempt
            if attempt is not None and attempt.suspended.subject in self._legs:
                # Who was to be transferred has left; the one who asked for it is still there.
                attempt.suspended.keep(LegHappened(leg, event))
                self._come_back(attempt, event.cause)
            else:
                self._subject_ended(event)
        elif not leaving and not self._ending():
            self._tell_steps(LegHappened(leg, event))
        if not self._legs and not self._finished:
            self._finished = True
            self._outputs.append(CallFinished(self._record()))

    def _subject_ended(self, event: Ended) -> None:
        if not self._ending():
            self._progress.cause = Cause.TRANSFERRED if self.handing_off and event.by_peer else event.cause
            if event.by_peer:
                self._progress.ended_by = self._side(self.subject)
            self._stop(Cause.CANCELLED if event.by_peer else event.cause)
        cause = event.cause if event.by_peer else self._progress.cause or event.cause
        self._outputs.extend(HangUpLeg(other, cause) for other in sorted(self._legs))

    def _side(self, leg: LegId) -> EndedBy:
        return "caller" if leg in self._first and self._parties.direction == "inbound" else "callee"

    def _end(self, cause: Cause) -> None:
        if not self._ending():
            self._progress.cause = cause
            self._stop(cause)
        self._outputs.extend(HangUpLeg(leg, self._progress.cause or cause) for leg in sorted(self._legs))

    def _stop(self, cause: Cause) -> None:
        """Close whatever runs, and what stands still: the call is over."""
        self._track.halt()
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.suspended.track.halt()
        self._missed(cause)

    def _record(self) -> CallRecord:
        carrier = self._parties.carrier or self.left_by
        progress, parties = self._progress, self._parties
        return progress.record(self.id, parties, carrier, self.media, self._turns, self.variables, self.story, self.now)


def _flow_ahead(steps: Sequence[Step]) -> str:
    """Return the flow of the first step that needs one, if the call gets there without calling people first."""
    for step in steps:
        if step.flow_ahead or step.calls_people:
            return step.flow_ahead
    return ""
