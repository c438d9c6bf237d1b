"""What is told of calls to whoever watches, besides what their legs report and what they ask for."""

from dataclasses import dataclass

from softswitch.call.leg import LegId
from softswitch.call.record import CallRecord, Quality


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call was offered or is being placed."""

    direction: str
    from_: str
    to: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over; this is its record."""

    record: CallRecord


@dataclass(frozen=True, slots=True)
class QualityMeasured:
    """How a leg sounds, every few seconds while anybody watches. received: of what we hear; sent: as the peer says."""

    leg: LegId
    codec: str
    received: Quality
    sent: Quality
    round_trip_ms: float | None
