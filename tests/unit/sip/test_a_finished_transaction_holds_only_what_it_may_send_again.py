from typing import Any

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import RequestReceived, SipCore, Transmit
from softswitch.sip.flow import Flow
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


def test_what_each_copy_is_answered_alike_is_kept_for_no_copy() -> None:
    core = SipCore(CoreSettings(allow=("BYE", "INVITE")), token=seeded_token(1))
    flow = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
    for method, kept in (("BYE", 0), ("INVITE", 1)):
        head = f"{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nMax-Forwards: 9\r\n"
        data = f"{head}From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n\r\n".encode()
        for _ in range(3):
            core.receive(data, flow, now=0.0)
            for output in core.drain():
                if isinstance(output, RequestReceived):
                    answer = output.request.reply(481)
                    assert core.send_response(output.key, answer, now=0.0, forget=True)
            sent = [output.data for output in core.drain() if isinstance(output, Transmit)]
            assert method == "INVITE" or [data[:11] for data in sent] == [b"SIP/2.0 481"]
        assert len(core) == kept
