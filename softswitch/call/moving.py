"""How parties change while a call is up: transfers, tried over what is going on. `attempt.py` has the theory."""

from abc import ABC, abstractmethod

from softswitch.call.attempt import MAX_TRANSFERS, RELEASE_SECONDS, Ask, Attempt, Suspended
from softswitch.call.cast import Cast
from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import (
    HoldLeg,
    HoldSource,
    Resume,
    Suspend,
    TellProgress,
    TransferFinished,
    TransferStarted,
)
from softswitch.call.leg import LegEvent, LegId
from softswitch.call.progress import Progress
from softswitch.call.record import outcome_of
from softswitch.call.track import Input, Track


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
        old = Suspended(self.subject, self._agent, self._other, self._heard, self._track, left, numbers)
        self._attempt, self._ask, self._made = Attempt(ask, old), ask, set()
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
        attempt.suspended.track.halt()
        for leg in sorted(self._legs - self._made - {self.subject} - self._leaving.keys()):
            if leg == ask.by and ask.told:
                self._outputs.append(TellProgress(leg, 200))
                self._leaving[leg] = self.now + RELEASE_SECONDS
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

    def _tell_asker(self, event: LegEvent) -> None:
        attempt = self._attempt
        status = attempt.news(event) if attempt is not None else 0
        if attempt is not None and status and attempt.ask.told and attempt.ask.by in self._legs:
            self._outputs.append(TellProgress(attempt.ask.by, status))
