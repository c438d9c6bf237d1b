"""How parties change while a call is up: transfers, tried over what is going on. `attempt.py` has the theory."""

from abc import ABC, abstractmethod

from softswitch.call.attempt import MAX_TRANSFERS, RELEASE_SECONDS, Ask, Attempt, Suspended
from softswitch.call.cast import Cast
from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import (
    AnswerLeg,
    HoldLeg,
    HoldSource,
    Replace,
    Resume,
    Suspend,
    TellProgress,
    TransferFinished,
    TransferStarted,
)
from softswitch.call.leg import Answered, LegEvent, LegId
from softswitch.call.progress import Progress
from softswitch.call.record import EndedBy, outcome_of
from softswitch.call.track import Input, Replaced, Track


class Moving(Cast, ABC):
    """The legs of a call, and how one takes the place of another."""

    _track: Track

    def __init__(
        self,
        id: str,
        subject: LegId,
        number: str,
        flow_ahead: str,
        variables: dict[str, str],
        progress: Progress,
        *,
        now: float,
    ) -> None:
        """variables: those of the steps, `from` and `to` among them."""
        super().__init__(id, subject, number, flow_ahead, now=now)
        self.variables = variables
        self._progress = progress
        self._ask: Ask | None = None  # the transfer that is under way
        self._attempt: Attempt | None = None  # where it runs over something that stands still
        self._transfers = 0
        #: Whether the subject's far end has agreed to call somebody else itself, and what came of it is not known yet.
        self.handing_off = False
        self._heirs: dict[LegId, LegId] = {}  # legs that are answered in order to take the place of another one

    @property
    def answered_at(self) -> float | None:
        """When the subject was answered, None before."""
        return self._progress.answered_at

    def _ending(self) -> bool:
        return self._progress.cause is not None

    @abstractmethod
    def _advance(self, given: Input | None) -> None:
        """Let the steps go on."""

    @abstractmethod
    def _side(self, leg: LegId) -> EndedBy:
        """Return what a leg is in the record."""

    @abstractmethod
    def _end(self, cause: Cause) -> None:
        """End the call."""

    # Transfers -------------------------------------------------------------------------------------------------------

    def _transfer(self, track: Track, ask: Ask) -> Cause | None:
        partner = self._other or self._agent
        stays = partner if ask.by == self.subject else self.subject
        refusal = self._no_transfer(ask, stays)
        if refusal is not None:
            return refusal
        self._transfers += 1
        due = self._track.due
        self._track.stood -= self.now
        left = None if due is None else max(0.0, due - self.now)
        numbers = {name: self.variables[name] for name in ("from", "to")}
        old = Suspended(self.subject, self._agent, self._other, self._heard, self._track, left, numbers, self._behalf)
        self._attempt, self._ask, self._made = Attempt(ask, old), ask, set()
        self._headers = ask.headers
        self._behalf = ask.behalf or self._behalf
        self._track = track
        self.subject = stays
        self.variables |= {"from": self.number(stays), "to": ask.number or ask.to}
        self._outputs.extend((TransferStarted(ask.to, ask.mode), Suspend(stays)))
        self._outputs.extend(HoldLeg(leg, held=True) for leg in sorted({old.subject, partner} & self._ai))
        self.hear(HoldSource())
        self._advance(None)
        return None

    def _no_transfer(self, ask: Ask, stays: LegId) -> Cause | None:
        if self._ending() or self.answered_at is None or ask.by not in ("", self.subject, self._other, self._agent):
            return from_status(481).because("there is no such call to transfer")
        if self._ask is not None:
            return from_status(491).because("another transfer of this call is under way")
        if self._transfers >= MAX_TRANSFERS:
            return from_status(482).because(f"this call was transferred {MAX_TRANSFERS} times already")
        if stays not in self._legs:
            return Cause.REJECTED.because("nobody is there to be transferred")
        return None

    def seek(self, ask: Ask) -> None:
        """Say that the running step transfers the subject; within a transfer that is known already."""
        if self._ask is None:
            self._ask = ask
            self._outputs.append(TransferStarted(ask.to, ask.mode))

    def reached(self) -> None:
        """Say that the subject has reached whom it was transferred to; without a transfer that is nothing new."""
        ask, self._ask = self._ask, None
        attempt, self._attempt = self._attempt, None
        if ask is None:
            return
        self.variables |= {"transferred_to": ask.to, "transfer_status": "answered"}
        self._progress.note = ""
        self._outputs.append(TransferFinished(ask.to, ask.mode, reached=True))
        if attempt is None:
            return
        self._headers = ()
        attempt.suspended.track.halt()
        for leg in sorted(self._legs - self._made - {self.subject} - self._leaving.keys()):
            if leg == ask.by and ask.told:
                self._release(leg)
            else:
                self._let_go(leg, Cause.NORMAL)
        if self._holds.by_us(self.subject):  # whoever put it on hold is not there any more to take it back
            self._outputs.append(HoldLeg(self.subject, held=False))
            self._holds.change(self.subject, False, by_us=True)
            self._holds_changed(of_subject=True)

    def missed(self, cause: Cause) -> None:
        """Say that the running step, which transfers the subject, has reached nobody and goes on."""
        if self._attempt is None:
            self._missed(cause, "the caller went on")

    def _missed(self, cause: Cause, what_then: str = "") -> None:
        ask, self._ask = self._ask, None
        if ask is None:
            return
        status = outcome_of(cause, answered=False, by_caller=cause == Cause.CANCELLED)
        self.variables |= {"transfer_status": status, "transfer_cause": cause.words}
        then = f"; {what_then}" if what_then else ""
        self._progress.note = f"the transfer to {ask.to} failed: {cause.detail or cause.words}{then}"
        self._outputs.append(TransferFinished(ask.to, ask.mode, reached=False, cause=cause.words))
        if ask.told and ask.by in self._legs:
            self._outputs.append(TellProgress(ask.by, max(cause.sip, 400)))

    def _come_back(self, attempt: Attempt, cause: Cause) -> None:
        """Let go whom the transfer has called, and let what stood still go on as it was."""
        self._attempt = None
        self._track.halt()
        for leg in sorted(self._made & self._legs - self._leaving.keys()):
            self._let_go(leg, Cause.CANCELLED)
        old = attempt.suspended
        self._headers, self._behalf = (), old.behalf
        self.subject, self._agent, self._other, self._heard = old.subject, old.agent, old.other, old.heard
        self._track = old.track
        self._track.stood += self.now
        self.variables |= old.numbers
        if old.subject not in self._legs:
            self._missed(cause, "nobody was left to come back to")
            self._end(cause)
            return
        self._missed(cause, "the caller came back to the AI" if old.agent in self._legs else "the call went on")
        self._track.due = None if old.left is None else self.now + old.left
        self._outputs.append(Resume(old.subject))
        if old.agent in self._legs:
            self._outputs.append(HoldLeg(old.agent, old.subject in self._holds))
        if old.subject in self._ai:
            self._outputs.append(HoldLeg(old.subject, held=False))
        self._play_holds()
        for given in old.missed:
            self._advance(given)

    def _release(self, leg: LegId) -> None:
        """Tell who asked that all is well, and let him go if he does not hang up himself."""
        self._outputs.append(TellProgress(leg, 200))
        self._leaving[leg] = self.now + RELEASE_SECONDS

    def _tell_asker(self, event: LegEvent) -> None:
        attempt = self._attempt
        status = attempt.news(event) if attempt is not None else 0
        if attempt is not None and status and attempt.ask.told and attempt.ask.by in self._legs:
            self._outputs.append(TellProgress(attempt.ask.by, status))

    # From one call to another ----------------------------------------------------------------------------------------

    def partner(self, leg: LegId) -> LegId:
        """Return the leg that talks with `leg`, empty where none does."""
        other = self._other or self._agent
        return other if leg == self.subject else self.subject if leg == other else ""

    def no_replacement(self, old: LegId) -> Cause | None:
        """Return why nobody can take the place of a leg, None where somebody can."""
        if self._ending() or old not in self._legs or old in self._leaving or old in self._ai:
            return from_status(481).because("there is no such call to take the place in")
        if self._attempt is not None:
            return from_status(491).because("a transfer of that call is under way")
        return None

    def take_over(self, new: LegId, old: LegId, number: str, *, now: float) -> None:
        """Somebody calls in order to take the place of `old`: answer him, and let him have it then."""
        self.now = now
        self._legs.add(new)
        self._numbers[new] = number
        self._heirs[new] = old
        self._outputs.append(AnswerLeg(new))

    def _inherit(self, new: LegId, event: LegEvent) -> None:
        """Give an heir the place that it wants, once it is up."""
        if not isinstance(event, Answered):
            return
        old = self._heirs.pop(new)
        refusal = self.no_replacement(old)
        if refusal is None:
            self.replace(new, old, self.number(new), now=self.now)
        else:
            self._let_go(new, refusal)

    def replace(self, new: LegId, old: LegId, number: str, *, ai: bool = False, held: bool = False, now: float) -> None:
        """Let `new`, which is up, have the place of `old`, which is let go. ai: it is an AI. held: it holds."""
        self.now = now
        self._holds.change(new, held, by_us=False)
        self._legs.add(new)
        self._numbers[new] = number
        if old in self._first:
            self._first.add(new)
        if ai:
            self._ai.add(new)
        if old == self.subject:
            self.subject = new
            self.variables["from"] = number
        elif old == self._other:
            self._other = new
        self.variables["replaced_by"] = number
        self._outputs.append(Replace(new, old))
        if ai:
            partner = self.partner(new)
            self._outputs.append(HoldLeg(new, partner == "" or partner in self._holds))
        elif self._agent:
            self._outputs.append(HoldLeg(self._agent, self.subject in self._holds))
        self._play_holds()
        self._let_go(old, Cause.REPLACED)
        begun = self._track.begun
        if new == self.subject and self._progress.answered_at is None:
            self._progress.answered_at = now
        self._advance(Replaced(old, new) if begun else None)

    def hand_over(self, leg: LegId, by: LegId, to: str, *, told: bool, now: float) -> None:
        """`leg` goes on in another call, because `by` wants it; this one ends when the others have left.

        to: whom it talks with from now on. told: `by` asked by REFER, and has some time to hang up.
        """
        self.now = now
        self._outputs.append(TransferStarted(to, "attended"))
        self._outputs.append(TransferFinished(to, "attended", reached=True))
        self.variables |= {"transferred_to": to, "transfer_status": "answered"}
        self._legs.discard(leg)
        self._holds.forget(leg)
        self._progress.cause = Cause.TRANSFERRED
        self._progress.ended_by = self._side(by)
        self._track.halt()
        for other in sorted(self._legs - self._leaving.keys()):
            if other == by and told:
                self._release(other)
            else:
                self._let_go(other, Cause.NORMAL)
