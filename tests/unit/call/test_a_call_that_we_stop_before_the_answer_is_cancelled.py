"""Who stops a call of ours while it rings has cancelled it; who lets one in go unanswered has not."""

import datetime

import pytest

from softswitch.call.call import Call
from softswitch.call.cause import Cause
from softswitch.call.commands import CallFinished
from softswitch.call.leg import Ended, Ringing
from softswitch.call.record import Parties


@pytest.mark.parametrize(
    ("direction", "cause", "outcome"),
    [
        ("outbound", Cause.NORMAL, "cancelled"),
        ("outbound", Cause.CONGESTION, "failed"),
        ("inbound", Cause.NORMAL, "failed"),
    ],
)
def test_the_outcome_says_who_stopped_it(direction: str, cause: Cause, outcome: str) -> None:
    wall = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    call = Call("c", "c-0", (), Parties(direction, "1", "2"), wall=wall, now=0.0)
    if direction == "outbound":
        call.placed("2", "1", now=0.0)
        call.leg_happened("c-0", Ringing(), now=1.0)
    call.hang_up(cause, now=2.0)
    call.leg_happened("c-0", Ended(cause, by_peer=False), now=2.0)
    [record] = [output.record for output in call.drain() if isinstance(output, CallFinished)]
    assert record.outcome == outcome
