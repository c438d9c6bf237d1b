"""A released port is free when nothing has come to it for `quiet_seconds`, however long its old peer goes on."""

from softswitch.net.port_pool import PortPool


def test_a_port_is_not_used_again_until_it_is_quiet() -> None:
    pool = PortPool(20000, 20003, quiet_seconds=2.0)
    port = pool.take()
    pool.release(port, now=10.0)
    assert (pool.free, pool.taken, pool.quarantined) == (1, 0, 1)
    assert pool.next_timer() == 12.0
    pool.heard(port, now=11.5)
    assert pool.handle_timer(now=12.0) == []
    assert pool.next_timer() == 13.5
    assert pool.handle_timer(now=13.5) == [port]
    assert (pool.free, pool.taken, pool.quarantined) == (2, 0, 0)
    assert pool.next_timer() is None


def test_a_peer_that_never_stops_keeps_its_port_out_of_use() -> None:
    pool = PortPool(20000, 20001, quiet_seconds=2.0)
    port = pool.take()
    pool.release(port, now=0.0)
    for second in range(3600):
        pool.heard(port, now=float(second))
        assert pool.handle_timer(now=second + 0.5) == []
    assert pool.handle_timer(now=3602.0) == [port]


def test_a_datagram_to_a_port_in_use_changes_nothing() -> None:
    pool = PortPool(20000, 20001)
    pool.heard(pool.take(), now=1.0)
    assert pool.next_timer() is None
    assert (pool.taken, pool.quarantined) == (1, 0)
