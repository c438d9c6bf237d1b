"""What the calls that are over add up to: bounded counts for metrics, whoever calls and whatever carriers are named."""

import bisect
from typing import Final

from softswitch.call.commands import TransferFinished
from softswitch.call.record import CallRecord

#: Combinations that are counted by name: every carrier of a large configuration with every outcome, but not every
#: name that somebody gives in a request.
MAX_TOTALS: Final = 2000
#: What stands for the carriers beyond that.
OTHER_CARRIERS: Final = "other"


class SetupTimes:
    """A histogram of the time from INVITE to answer, in seconds.

    `counts[i]` is the number of calls that took longer than `BOUNDS[i-1]` and not longer than `BOUNDS[i]`; the last
    count is for those beyond every bound.
    """

    BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)

    __slots__ = ("counts", "sum_seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.sum_seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one answered call."""
        self.counts[bisect.bisect_left(self.BOUNDS, seconds)] += 1
        self.sum_seconds += seconds


class Tally:
    """Totals of the calls that are over: (direction, outcome, carrier) -> calls; and how long answers took.

    transfers: (mode, `reached` or `failed`) -> transfers that are over.
    """

    def __init__(self) -> None:
        self.totals: dict[tuple[str, str, str], int] = {}
        self.transfers: dict[tuple[str, str], int] = {}
        self.setup = SetupTimes()

    def transferred(self, done: TransferFinished) -> None:
        """Count a transfer."""
        key = (done.mode, "reached" if done.reached else "failed")
        self.transfers[key] = self.transfers.get(key, 0) + 1

    def add(self, record: CallRecord) -> None:
        """Count a finished call."""
        key = (record.direction, record.outcome, record.carrier)
        if key not in self.totals and len(self.totals) >= MAX_TOTALS:
            key = (record.direction, record.outcome, OTHER_CARRIERS)
        self.totals[key] = self.totals.get(key, 0) + 1
        if record.answered_at is not None:
            self.setup.observe((record.answered_at - record.started_at).total_seconds())
