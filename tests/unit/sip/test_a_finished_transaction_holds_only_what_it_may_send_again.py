from typing import Any

from softswitch.sip.transaction import State


def test_a_finished_transaction_holds_only_what_it_may_send_again(pair: Any) -> None:
    wire, alice, bob = pair
    alice.call("answer=1", bye=1)
    alice.call("busy=1")
    wire.run(until=4.0)
    kept = {}
    for core in (alice.core, bob.core):
        for transaction in (*core._servers.values(), *core._clients.values()):
            side = "bob" if core is bob.core else "alice"
            kept[side, transaction.key[-1], transaction.state] = transaction.message
            assert transaction.held is None
    assert {place: data[:12] for place, data in kept.items()} == {
        ("bob", "INVITE", State.ACCEPTED): b"",  # the 2xx is its user's, and he has the ACK
        ("bob", "INVITE", State.CONFIRMED): b"",
        ("bob", "BYE", State.COMPLETED): b"SIP/2.0 200 ",
        ("alice", "INVITE", State.ACCEPTED): b"",
        ("alice", "INVITE", State.COMPLETED): b"ACK sip:busy",
        ("alice", "BYE", State.COMPLETED): b"",
    }


def test_the_heap_has_one_entry_for_each_transaction(pair: Any) -> None:
    wire, alice, bob = pair
    for _ in range(100):
        alice.call("answer=0.5", bye=1)
    wire.run(until=4.0)
    assert len(bob.core) == 200
    assert len(bob.core._schedule) <= 200
    assert len(alice.core._schedule) <= 3 * len(alice.core)
    wire.run(until=40.0)
    assert bob.is_empty() and alice.is_empty()
