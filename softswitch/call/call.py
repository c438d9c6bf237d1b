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

from softswitch.call.cause import Cause
from softswitch.call.commands import (
    AnswerLeg,
    CallFinished,
    Connect,
    HangUpLeg,
    Hear,
    HoldLeg,
    OpenEarlyMedia,
    Output,
    PlaceLeg,
    PrepareAgent,
    PressKeys,
    RingLeg,
    Source,
)
from softswitch.call.holds import Holds
from softswitch.call.leg import Answered, Digit, Ended, Held, LegEvent, LegId
from softswitch.call.progress import Progress
from softswitch.call.record import CallRecord, MediaReport, Parties, TurnRecord
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


class Call:
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
        self.id = id
        self.subject = subject
        self.variables: dict[str, str] = {"from": parties.from_, "to": parties.to}
        self.media = MediaReport()
        self.story = Story(subject, wall=wall, now=now)
        #: The carrier that a party was called over last; the record's, where the call came by none.
        self.left_by = ""
        self.now = now
        self.early = False
        self._parties = parties
        self._track = self._track_of(steps)
        self._flow_ahead = _flow_ahead(steps)
        self._prepared: LegId | None = None
        self._agent: LegId = ""  # the AI that the subject talks with
        self._other: LegId = ""  # the party that it talks with
        self._holds = Holds()
        self._legs: set[LegId] = {subject}
        self._legs_made = 0
        self._hears = 0
        self._hard_end = now + hard_limit
        self._progress = Progress(wall, now)
        self._turns: list[TurnRecord] = []
        self._outputs: list[Output] = []
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
                case Digit(digit=digit) if len(self._progress.digits) < MAX_RECORDED_DIGITS:
                    self._progress.digits.append(digit)
                case _:
                    pass
        self._advance(LegHappened(leg, event))

    def voice_finished(self, number: int, *, now: float) -> None:
        """What a leg was let hear is over; an old number is stray: the leg hears something else by now."""
        self.now = now
        if number == self._hears:
            self._advance(VoiceFinished(number))

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
        due = self._track.due
        return self._hard_end if due is None else min(self._hard_end, due)

    def handle_timer(self, *, now: float) -> None:
        """Time has come for whatever was waited for."""
        self.now = now
        if now >= self._hard_end:
            self._hard_end = now + 60.0  # a leg that does not end is told again
            self._end(Cause.TIMEOUT)
        elif self._track.due is not None and now >= self._track.due:
            self._advance(TimedOut())

    def drain(self) -> list[Output]:
        """Return what must be done, in order, and forget it."""
        outputs, self._outputs = self._outputs, []
        return outputs

    @property
    def finished(self) -> bool:
        """True when every leg is over and the record was made."""
        return self._finished

    @property
    def answered_at(self) -> float | None:
        """When the subject was answered, None before."""
        return self._progress.answered_at

    @property
    def turns(self) -> Sequence[TurnRecord]:
        """The turns of the conversation so far."""
        return self._turns

    # Commands of the steps ---------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Tell the subject that it rings."""
        self._outputs.append(RingLeg(self.subject))

    def early_media(self, *, reliable: bool = False) -> None:
        """Open sound towards the subject before the answer; reliable: acknowledged by it (RFC 3262)."""
        self.early = True
        self._outputs.append(OpenEarlyMedia(self.subject, reliable))

    def answer(self) -> None:
        """Answer the subject."""
        self._outputs.append(AnswerLeg(self.subject))

    def hear(self, source: Source) -> int:
        """Let the subject hear `source`, and return the number that `VoiceFinished` will carry."""
        self._hears += 1
        self._agent = self._other = ""
        self._outputs.append(Hear(self.subject, source, self._hears))
        self._play_holds()
        return self._hears

    def press(self, leg: LegId, digits: str, *, in_sound: bool = False) -> None:
        """Press keys towards a leg's far end; in_sound: it is given their tones already."""
        self._outputs.append(PressKeys(leg, digits, in_sound))

    def open_agent(self, *, flow: str = "", text: str = "") -> LegId:
        """Add an AI leg and let the subject talk with it; the one that was prepared, if this is its flow."""
        leg, self._prepared = self._prepared, None
        if leg is None or not flow or flow != self._flow_ahead or leg not in self._legs:
            leg = self._add_leg()
            self._outputs.append(PrepareAgent(leg, flow, text))
        self._outputs.append(AnswerLeg(leg))
        self.connect(leg)
        self._agent, self._other = leg, ""
        self._play_holds()
        if self.subject in self._holds:
            self._outputs.append(HoldLeg(leg, held=True))
        return leg

    def place(self, target: str, *, caller_id: str, carrier: str) -> LegId:
        """Add a leg by calling `target`."""
        leg = self._add_leg()
        self._outputs.append(PlaceLeg(leg, target, caller_id, carrier))
        return leg

    def connect(self, leg: LegId) -> None:
        """Let the subject and `leg` hear each other."""
        self._hears += 1
        self._agent, self._other = "", leg
        self._outputs.append(Connect(self.subject, leg))
        self._play_holds()

    def end_leg(self, leg: LegId, cause: Cause) -> None:
        """End a leg that is not the subject."""
        if leg in self._legs:
            self._outputs.append(HangUpLeg(leg, cause))

    def end(self, cause: Cause, *, by_other: bool = False) -> None:
        """End the call; by_other: because the party that the subject was connected with ended it."""
        if by_other and self._progress.cause is None and self._parties.direction == "inbound":
            self._progress.ended_by = "callee"
        self._end(cause)

    def _prepare_agent(self) -> None:
        """Let the AI make its greeting while the call is still set up: it speaks the moment it is connected."""
        if self._flow_ahead:
            self._prepared = self._add_leg()
            self._outputs.append(PrepareAgent(self._prepared, self._flow_ahead, ""))

    # Hold ----------------------------------------------------------------------------------------------------------

    def _holds_changed(self, *, of_subject: bool) -> None:
        if of_subject and self._agent in self._legs:
            # Nobody listens: an AI that talks on would be talking to the music.
            self._outputs.append(HoldLeg(self._agent, self.subject in self._holds))
        self._play_holds()

    def _play_holds(self) -> None:
        self._outputs.extend(self._holds.heard(self.subject, self._other, self._legs))

    # Inside ------------------------------------------------------------------------------------------------------

    def _add_leg(self) -> LegId:
        self._legs_made += 1
        leg = f"{self.id}-{self._legs_made}"
        self._legs.add(leg)
        return leg

    def _track_of(self, steps: Sequence[Step]) -> Track:
        return Track(partial(step.run, self) for step in steps)

    def _advance(self, given: Input | None) -> None:
        """Let the steps go on; what comes before they begin (a leg that is placed rings) is not for them."""
        if self._ending() or (given is not None and not self._track.begun):
            return
        cause = self._track.feed(given, now=self.now)
        if cause is not None:
            self.end(cause)

    def _ending(self) -> bool:
        return self._progress.cause is not None

    def _leg_ended(self, leg: LegId, event: Ended) -> None:
        self._legs.discard(leg)
        self._holds.forget(leg)
        if leg == self.subject:
            if self._progress.cause is None:
                self._progress.cause = event.cause
                if event.by_peer:
                    self._progress.ended_by = "caller" if self._parties.direction == "inbound" else "callee"
            self._track.halt()
            for other in sorted(self._legs):
                self._outputs.append(HangUpLeg(other, event.cause if event.by_peer else self._progress.cause))
        elif self._progress.cause is None:
            self._advance(LegHappened(leg, event))
        if not self._legs and not self._finished:
            self._finished = True
            self._outputs.append(CallFinished(self._record()))

    def _end(self, cause: Cause) -> None:
        if self._progress.cause is None:
            self._progress.cause = cause
            self._track.halt()
        for leg in sorted(self._legs):
            self._outputs.append(HangUpLeg(leg, self._progress.cause))

    def _record(self) -> CallRecord:
        carrier = self._parties.carrier or self.left_by
        return self._progress.record(self.id, self._parties, carrier, self.media, self._turns, self.variables, self.now)


def _flow_ahead(steps: Sequence[Step]) -> str:
    """Return the flow of the first step that needs one, if the call gets there without calling people first."""
    for step in steps:
        if step.flow_ahead or step.calls_people:
            return step.flow_ahead
    return ""
