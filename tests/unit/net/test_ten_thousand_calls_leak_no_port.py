"""Whatever the order in which ports are taken, released and heard, each is in exactly one state."""

import random

import pytest

from softswitch.errors import LocalError
from softswitch.net.port_pool import PortPool


def test_ten_thousand_calls_leak_no_port() -> None:
    chance = random.Random(7)
    pool = PortPool(20000, 20199, quiet_seconds=2.0)
    calls: list[int] = []
    now = 0.0
    opened = 0
    while opened < 10_000:
        now += 0.05
        pool.handle_timer(now=now)
        if pool.free and chance.random() < 0.6:
            calls.append(pool.take())
            opened += 1
        elif calls:
            port = calls.pop(chance.randrange(len(calls)))
            if chance.random() < 0.1:
                pool.refuse(port)
            else:
                pool.release(port, now=now)
        assert pool.free + pool.taken + pool.quarantined == pool.pairs
        assert pool.taken == len(set(calls)) == len(calls)
    for port in calls:
        pool.release(port, now=now)
    pool.handle_timer(now=now + 2.0)
    assert pool.free == pool.pairs == 100
    assert sorted(pool.take() for _ in range(100)) == list(range(20000, 20200, 2))


def test_giving_a_port_back_twice_is_our_own_bug() -> None:
    pool = PortPool(20000, 20001)
    port = pool.take()
    pool.release(port, now=0.0)
    with pytest.raises(LocalError):
        pool.release(port, now=0.0)
