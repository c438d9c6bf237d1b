"""The call record: what is left of a call when it is over. One value, written once, the same in SQL and in JSON lines.

Field names are those of the contract; `docs/records.md` explains each.
"""

import datetime
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from softswitch.call.cause import Cause

Outcome = Literal["answered", "busy", "no_answer", "cancelled", "failed", "rejected"]
Direction = Literal["inbound", "outbound"]
EndedBy = Literal["caller", "callee", "switch"]


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom, as the record says it."""

    direction: str
    from_: str
    to: str
    carrier: str = ""


@dataclass(frozen=True, slots=True)
class Quality:
    """How one direction of a leg sounded. `mos` is None where too little was heard to say."""

    packets: int = 0
    lost: int = 0
    late: int = 0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    mos: float | None = None


@dataclass(frozen=True, slots=True)
class MediaReport:
    """What a leg can say of its sound when it is over.

    codec: name, empty where none was agreed. remote: where sound went to at last, as `host:port`. offered: where the
    peer's session description said it would be. received: what we heard; sent: what we said (packets only). srtp: the
    suite that encrypted it, empty where it was plain. forged: packets that were not encrypted with the peer's key.
    """

    codec: str = ""
    offered: str = ""
    remote: str = ""
    received: Quality = field(default_factory=Quality)
    sent: Quality = field(default_factory=Quality)
    srtp: str = ""
    forged: int = 0


NO_MEDIA: Final = MediaReport()


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn of a conversation: what the caller was heard to say, what we said, and the ledger in milliseconds."""

    heard: str
    said: str
    interrupted: bool
    latency: dict[str, float]


@dataclass(slots=True)
class CallRecord:
    """One call, from INVITE to its end. Times are wall clock, UTC."""

    id: str
    direction: Direction
    from_: str
    to: str
    started_at: datetime.datetime
    carrier: str = ""
    tenant: str = ""
    answered_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    duration_ms: int = 0
    outcome: Outcome = "failed"
    cause: str = ""
    sip_code: int = 0
    ended_by: EndedBy = "switch"
    verdict: str = ""
    media: MediaReport = field(default_factory=MediaReport)
    dtmf: str = ""
    turns: list[TurnRecord] = field(default_factory=list)
    recording: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON data with the contract's keys."""
        received, sent = self.media.received, self.media.sent
        return {
            "id": self.id,
            "direction": self.direction,
            "from": self.from_,
            "to": self.to,
            "carrier": self.carrier,
            "tenant": self.tenant,
            "started_at": _iso(self.started_at),
            "answered_at": _iso(self.answered_at),
            "ended_at": _iso(self.ended_at),
            "duration_ms": self.duration_ms,
            "outcome": self.outcome,
            "cause": self.cause,
            "sip_code": self.sip_code,
            "ended_by": self.ended_by,
            "verdict": self.verdict,
            "codec": self.media.codec,
            "quality": {"received": _quality(received), "sent": _quality(sent), "srtp": self.media.srtp},
            "dtmf": self.dtmf,
            "turns": [
                {"heard": turn.heard, "said": turn.said, "interrupted": turn.interrupted, "latency": turn.latency}
                for turn in self.turns
            ],
            "recording": self.recording,
            "variables": self.variables,
        }


def _iso(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None


def _quality(quality: Quality) -> dict[str, float | int | None]:
    return {
        "packets": quality.packets,
        "lost": quality.lost,
        "late": quality.late,
        "jitter_ms": round(quality.jitter_ms, 2),
        "loss_percent": round(quality.loss_percent, 2),
        "mos": quality.mos,
    }


def outcome_of(cause: Cause, *, answered: bool, by_caller: bool) -> Outcome:
    """Return the outcome of a call that ended for `cause`: the few words that reports and campaigns count."""
    if answered:
        return "answered"
    if by_caller:
        return "cancelled"
    match cause.q850:
        case 17:
            return "busy"
        case 18 | 19 | 20:
            return "no_answer"
        case 21:
            return "rejected"
        case 102 if cause.sip == 408:
            return "no_answer"
    return "failed"


def verdict_of(record: CallRecord, cause: Cause) -> str:
    """Return what was wrong with a call, in words a person can act on; empty where nothing was."""
    media = record.media
    if record.outcome == "answered" and cause == Cause.INCOMPATIBLE and cause.detail:
        return cause.detail  # it went well, until something was agreed in mid-call that could not be done
    if record.outcome == "answered" and record.duration_ms >= 1000 and media.codec:
        if media.received.packets == 0 and media.forged:
            return (
                f"no sound could be decrypted: {media.forged} packets came from the peer, none encrypted with the key "
                f"that its session description gave for {media.srtp}"
            )
        if media.received.packets == 0:
            return f"no sound arrived: the peer's session description said {media.offered}, nothing came from there"
        if media.remote != media.offered:
            return f"sound came from {media.remote} instead of {media.offered} and was answered there (NAT)"
        if media.received.loss_percent >= 5:
            return f"{media.received.loss_percent:.0f} % of the peer's sound was lost on the way"
        return ""
    if record.outcome in ("failed", "rejected") or (cause.sip == 408 and not record.answered_at):
        return f"{cause.detail or cause.words} (SIP {cause.sip})"
    if cause.detail and record.outcome == "no_answer":  # there was nobody who could have answered
        return f"{cause.detail} (SIP {cause.sip})"
    return ""
