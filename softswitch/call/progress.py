"""What a call has come to so far; the record is made from it at the end."""

import datetime
from collections.abc import Mapping

from softswitch.call.cause import Cause
from softswitch.call.record import CallRecord, EndedBy, MediaReport, Parties, TurnRecord, outcome_of
from softswitch.call.story import Story
from softswitch.call.verdict import Facts, verdict_of


class Progress:
    """Answered when, ended why and by whom, with which keys."""

    __slots__ = ("_started_at", "_wall", "answered_at", "cause", "digits", "ended_by", "note")

    def __init__(self, wall: datetime.datetime, now: float) -> None:
        """wall: what a clock on the wall says `now`."""
        self.answered_at: float | None = None
        self.cause: Cause | None = None
        self.ended_by: EndedBy = "switch"
        self.digits: list[str] = []
        #: What went wrong on the way, though the call went on: a sentence for the verdict.
        self.note = ""
        self._wall = wall
        self._started_at = now

    def record(
        self,
        id: str,
        parties: Parties,
        carrier: str,
        media: MediaReport,
        turns: list[TurnRecord],
        variables: Mapping[str, str],
        story: Story,
        now: float,
    ) -> CallRecord:
        """Return the record of a call that is over."""
        cause = self.cause or Cause.INTERNAL
        answered = self.answered_at is not None
        # Of a call that we place we are the caller; what stops it before the answer has cancelled it.
        ours = parties.direction == "outbound" and self.ended_by == "switch" and cause.q850 == Cause.NORMAL.q850
        by_caller = ours or self.ended_by == "caller"
        record = CallRecord(
            id=id,
            direction="inbound" if parties.direction == "inbound" else "outbound",
            from_=parties.from_,
            to=parties.to,
            carrier=carrier,
            started_at=self._wall,
            answered_at=self._at(self.answered_at),
            ended_at=self._at(now),
            duration_ms=round((now - (self.answered_at or now)) * 1000),
            outcome=outcome_of(cause, answered=answered, by_caller=by_caller),
            cause=str(cause),
            sip_code=200 if answered else cause.sip,
            ended_by=self.ended_by,
            media=media,
            dtmf="".join(self.digits),
            turns=turns,
            variables={key: value for key, value in variables.items() if key not in ("from", "to")},
            legs=[party.record() for party in story.parties.values()],
        )
        met = tuple(story.parties.values())
        record.verdict = verdict_of(Facts(record, cause, story.subject, met, story.moments, self.note))
        return record

    def _at(self, moment: float | None) -> datetime.datetime | None:
        return None if moment is None else self._wall + datetime.timedelta(seconds=moment - self._started_at)
