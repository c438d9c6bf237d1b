"""A packet a second to each port of a range keeps nobody from calling: what is loud for long is used all the same."""

import pytest

from softswitch.errors import ResourceError
from softswitch.net.port_pool import LOUD_SECONDS, PortPool


def flooded(now: float) -> PortPool:
    """Return a pool of which each port was used once, and is sent to ever since."""
    pool = PortPool(20000, 20007, quiet_seconds=2.0)
    for port in [pool.take() for _ in range(4)]:
        pool.release(port, now=0.0 if port < 20004 else 10.0)
    for second in range(int(now)):
        for port in range(20000, 20008, 2):
            pool.heard(port, now=float(second))
        assert pool.handle_timer(now=second + 0.5) == []
    return pool


def test_the_one_that_was_released_first_is_taken_however_loud_it_is() -> None:
    pool = flooded(LOUD_SECONDS)
    assert pool.free == 0
    assert [pool.reclaim(now=LOUD_SECONDS) for _ in range(3)] == [20000, 20002, None]
    assert (pool.taken, pool.quarantined) == (2, 2)
    assert pool.reclaim(now=LOUD_SECONDS + 10.0) == 20004


def test_a_port_that_rests_for_a_moment_is_left_alone() -> None:
    pool = flooded(5.0)
    assert pool.reclaim(now=5.0) is None
    with pytest.raises(ResourceError):
        pool.take()


def test_what_was_reclaimed_rests_again_after_its_call() -> None:
    pool = flooded(LOUD_SECONDS)
    port = pool.reclaim(now=LOUD_SECONDS)
    assert port is not None
    pool.release(port, now=LOUD_SECONDS + 1.0)
    assert pool.handle_timer(now=LOUD_SECONDS + 3.0)[-1:] == [port]
