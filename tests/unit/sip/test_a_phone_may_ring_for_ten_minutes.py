from typing import Any


def test_a_phone_may_ring_for_ten_minutes(pair: Any) -> None:
    wire, alice, bob = pair
    call = alice.call("answer=600", bye=5)
    wire.run(until=599.0)
    assert call.end is None and call.dialog is None
    assert len(alice.core) == len(bob.core) == 1

    wire.run(until=601.0)
    assert call.dialog is not None and call.end is None
    wire.run(until=700.0)
    assert (call.end, bob.calls[0].end) == ("hung up", "peer hung up")
    assert alice.is_empty() and bob.is_empty()


def test_it_rings_again_each_minute_so_that_no_proxy_gives_up(pair: Any) -> None:
    wire, alice, _ = pair
    alice.call("answer=200", bye=1)
    wire.run(until=300.0)
    rings = [round(at) for at, data in wire.sent if data.startswith(b"SIP/2.0 180")]
    assert rings == [0, 60, 120, 180]


def test_nobody_rings_for_ever(pair: Any) -> None:
    wire, alice, bob = pair
    call = alice.call("ring")
    wire.run(until=3700.0)
    assert [each.end for each in (call, *bob.calls)] == ["timeout", "timeout"]
    assert alice.is_empty() and bob.is_empty()
