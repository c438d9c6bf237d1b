"""What happened on a call, in order: its legs, who they were, and the moments that a ladder names between messages.

A call writes its own story while it runs; when it is over the story stays with the record, for a while. It says how
many keys were pressed, never which, and holds no word that was spoken.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from softswitch.call.cause import Cause
from softswitch.call.commands import News, TransferFinished, TransferStarted
from softswitch.call.leg import (
    Answered,
    Digit,
    EarlyMedia,
    Ended,
    Held,
    LegEvent,
    LegId,
    ReferProgress,
    ReferRequested,
    Ringing,
)
from softswitch.call.record import CallRecord, LegRecord, MediaReport

#: Moments kept of one call: a conversation of an hour with an interruption a minute has fewer.
MAX_MOMENTS: Final = 200
#: Of these the first ones stay: how the call was set up.
HEAD: Final = 50
#: Legs kept of one call: a ring group with all its attempts has fewer.
MAX_LEGS: Final = 64

Kind = Literal["phone", "user", "carrier", "AI"]


class Moment(NamedTuple):
    """Something happened at `at` (monotonic seconds). leg: empty for the call itself. times: how often in a row."""

    at: float
    leg: LegId
    what: str
    detail: str = ""
    times: int = 1


@dataclass(slots=True)
class Party:
    """One leg of a call. name: the carrier, user or flow; number: what was called, or who calls."""

    leg: LegId
    kind: Kind = "phone"
    name: str = ""
    number: str = ""
    began: float = 0.0
    answered: float | None = None
    ended: Ended | None = None
    ended_at: float | None = None

    @property
    def media(self) -> MediaReport | None:
        """How its sound was, once it is over."""
        return self.ended.media if self.ended is not None else None

    @property
    def up_seconds(self) -> float:
        """How long it was up, once it is over."""
        return self.ended_at - self.answered if self.ended_at is not None and self.answered is not None else 0.0

    def record(self) -> LegRecord:
        """Return what is kept of it in the record of its call."""
        ended, answered = self.ended, self.answered is not None
        cause = ended.cause if ended is not None else Cause.TRANSFERRED  # it went on in another call
        return LegRecord(
            self.leg,
            self.kind,
            self.name,
            self.number,
            answered,
            str(cause),
            200 if answered else cause.sip,
            ended is not None and ended.by_peer,
            ended.said if ended is not None else "",
            self.media or MediaReport(),
        )


class Story:
    """The story of one call. began: monotonic seconds; since: the same by the clock on the wall."""

    __slots__ = ("began", "dropped", "moments", "parties", "since", "subject")

    def __init__(self, subject: LegId, *, wall: datetime.datetime, now: float) -> None:
        self.subject = subject
        self.since = wall
        self.began = now
        self.parties: dict[LegId, Party] = {}
        self.moments: list[Moment] = []
        self.dropped = 0

    def meet(self, leg: LegId, kind: Kind, name: str, number: str, *, now: float) -> None:
        """Name the party of a leg."""
        if len(self.parties) < MAX_LEGS or leg in self.parties:
            party = self.parties.setdefault(leg, Party(leg, began=now))
            party.kind, party.name, party.number = kind, name, number

    def take(self, other: "Story", leg: LegId, *, now: float) -> None:
        """Take a leg that goes on here, and was of another call."""
        party = other.parties.get(leg)
        if party is not None and len(self.parties) < MAX_LEGS:
            self.parties[leg] = replace(party, began=now)
        self.note(leg, "came from another call", now=now)
        other.note(leg, "goes on in another call", now=now)

    def told(self, news: News, *, now: float) -> None:
        """Write down how a transfer goes."""
        match news:
            case TransferStarted(to=to, mode=mode):
                self.note("", "transfer", f"{mode}, to {to}", now=now)
            case TransferFinished(to=to, reached=True):
                self.note("", "transfer done", f"to {to}", now=now)
            case TransferFinished(to=to, cause=cause):
                self.note("", "transfer failed", f"to {to}: {cause}", now=now)

    def note(self, leg: LegId, what: str, detail: str = "", *, now: float) -> None:
        """Write down a moment; keys in a row are one."""
        moments = self.moments
        if what == "keys" and moments and moments[-1][1:4] == (leg, what, detail):
            moments[-1] = moments[-1]._replace(times=moments[-1].times + 1)
            return
        if len(moments) >= MAX_MOMENTS:
            del moments[HEAD]
            self.dropped += 1
        moments.append(Moment(now, leg, what, detail))

    def happened(self, leg: LegId, event: LegEvent, *, now: float) -> None:
        """Write down what a leg reports."""
        if leg not in self.parties:
            self.meet(leg, "phone", "", "", now=now)
        party = self.parties.get(leg)
        match event:
            case Ringing():
                self.note(leg, "ringing", now=now)
            case EarlyMedia():
                self.note(leg, "early media", now=now)
            case Answered():
                self.note(leg, "answered", now=now)
                if party is not None and party.answered is None:
                    party.answered = now
            case Digit(method=method):
                self.note(leg, "keys", method, now=now)
            case Held(held=held):
                self.note(leg, "held by the peer" if held else "taken back by the peer", now=now)
            case ReferRequested(replaces=replaces):
                self.note(leg, "transfer asked for", "attended" if replaces else "blind", now=now)
            case ReferProgress(status=status, accepted=accepted):
                self.note(leg, "transfer" if accepted else "transfer refused", str(status), now=now)
            case Ended():
                answered = party is not None and party.answered is not None
                self.note(leg, "ended", _why(event, answered=answered), now=now)
                if party is not None:
                    party.ended, party.ended_at = event, now
            case _:
                pass


def _why(event: Ended, *, answered: bool) -> str:
    status = "" if answered else f" ({event.cause.sip})"  # what was up ends with a BYE, which has no status
    return f"{event.cause.words}{status}, by {'the peer' if event.by_peer else 'us'}"


class Told(NamedTuple):
    """A call that is over: its record and its story."""

    record: CallRecord
    story: Story


class History:
    """The calls that were over last."""

    def __init__(self) -> None:
        self._calls: dict[str, Told] = {}

    def add(self, told: Told, *, keep: int) -> None:
        """Keep a call that is over, at the cost of those before the last `keep`."""
        self._calls[told.record.id] = told
        while len(self._calls) > keep:
            del self._calls[next(iter(self._calls))]

    def get(self, call: str) -> Told | None:
        """Return a call by its whole id."""
        return self._calls.get(call)

    def __iter__(self) -> Iterator[Told]:
        """Yield the calls, the oldest first."""
        return iter(self._calls.values())

    def __len__(self) -> int:
        return len(self._calls)
