"""What of ours waits for the collector: objects that hold each other in a circle, and are held by nobody else.

Calls that do so stay until it comes round, after hundreds of thousands of objects; then it has all of them to look at,
on the loop, and the clock is late.
"""

import contextlib
import gc
from collections import Counter
from collections.abc import Callable, Iterator

#: What everything else of a call hangs on.
OF_CALLS = frozenset(
    ("Call", "Stage", "Patch", "Track", "SipLeg", "Inbound", "Outbound", "RtpMedia", "TrunkLeg", "UserLeg", "AgentLeg")
)


@contextlib.contextmanager
def without_collector() -> Iterator[Callable[[], dict[str, int]]]:
    """Keep the collector away; what it is given collects after all, and returns what of calls it freed."""
    gc.collect()
    gc.freeze()  # what is there already is nobody's leaving, and need not be looked at
    gc.disable()
    try:
        yield _freed
    finally:
        gc.enable()
        gc.unfreeze()


def _freed() -> dict[str, int]:
    before = _ours()
    gc.collect()
    return dict(before - _ours())


def _ours() -> Counter[str]:
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(name for kind in kinds if (name := kind.__qualname__) in OF_CALLS)
