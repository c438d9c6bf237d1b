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

    local: where our description says that we hear. peer: the host that signals. hidden: `offered` cannot be reached
    from where we are. expected: the peer was to send at the end. first_ms: from the description to its first packet.
    quiet_ms: since its last one. foreign: packets of somebody else that were not listened to, `stranger` the last of
    these. stray_type: payload type that nobody agreed to, -1 for none; `bad` counts these and broken packets. unsent:
    packets that the system refused to send, and why. keys: how they go to the peer, `rfc4733`, `inband` or `info`.
    round_trip_ms: to the peer and back, None where it does not report (RTCP). levels: of what we hear and what we say,
    dBm0, None where nobody looks.
    """

    codec: str = ""
    offered: str = ""
    remote: str = ""
    received: Quality = field(default_factory=Quality)
    sent: Quality = field(default_factory=Quality)
    srtp: str = ""
    forged: int = 0
    local: str = ""
    peer: str = ""
    hidden: bool = False
    expected: bool = False
    first_ms: float | None = None
    quiet_ms: float | None = None
    foreign: int = 0
    stranger: str = ""
    bad: int = 0
    stray_type: int = -1
    unsent: int = 0
    unsent_why: str = ""
    keys: str = ""
    round_trip_ms: float | None = None
    levels: tuple[float, float] | None = None

    def quality(self) -> dict[str, Any]:
        """Return how each direction sounded as plain JSON data."""
        trip = None if self.round_trip_ms is None else round(self.round_trip_ms, 1)
        return {"received": _quality(self.received), "sent": _quality(self.sent), "round_trip_ms": trip}


NO_MEDIA: Final = MediaReport()


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn of a conversation: what the caller was heard to say, what we said, and the ledger in milliseconds."""

    heard: str
    said: str
    interrupted: bool
    latency: dict[str, float]


@dataclass(frozen=True, slots=True)
class LegRecord:
    """One leg of a call. kind: `phone`, `user`, `carrier` or `AI`. name: of the user, carrier or flow. cause: its end.

    said: the peer's own words, where it was the peer who ended it before the answer.
    """

    id: str
    kind: str
    name: str
    number: str
    answered: bool
    cause: str
    sip_code: int
    ended_by_peer: bool
    said: str = ""
    media: MediaReport = field(default_factory=MediaReport)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        media = self.media
        data: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "number": self.number,
            "answered": self.answered,
            "cause": self.cause,
            "sip_code": self.sip_code,
            "ended_by_peer": self.ended_by_peer,
            "said": self.said,
        }
        if media.codec:
            data |= {
                "codec": media.codec,
                "srtp": media.srtp,
                "offered": media.offered,
                "remote": media.remote,
                "quality": media.quality(),
            }
        return data


RecordingState = Literal["complete", "partial", "failed", "refused"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a recording. path: in the data folder, empty where there is no file.

    state: `complete`; `partial`, what was written before something refused it is there; `failed`, nothing is;
    `refused`, whoever was on the call did not want it. why: what refused it. paused_seconds: asked-for silence.
    """

    path: str
    seconds: float
    state: RecordingState
    why: str = ""
    paused_seconds: float = 0.0
    encrypted: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "path": self.path,
            "seconds": round(self.seconds, 2),
            "state": self.state,
            "why": self.why,
            "paused_seconds": round(self.paused_seconds, 2),
            "encrypted": self.encrypted,
        }


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
    recordings: list[Recorded] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    legs: list[LegRecord] = field(default_factory=list)

    @property
    def recording(self) -> str:
        """The file of the last recording there is, empty for none."""
        return next((recorded.path for recorded in reversed(self.recordings) if recorded.path), "")

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON data with the contract's keys."""
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
            "quality": self.media.quality() | {"srtp": self.media.srtp},
            "dtmf": self.dtmf,
            "turns": [
                {"heard": turn.heard, "said": turn.said, "interrupted": turn.interrupted, "latency": turn.latency}
                for turn in self.turns
            ],
            "recording": self.recording,
            "recordings": [recorded.as_json() for recorded in self.recordings],
            "variables": self.variables,
            "legs": [leg.as_json() for leg in self.legs],
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
        "mos": None if quality.mos is None else round(quality.mos, 2),
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
