from typing import Any

from softswitch.sip.core import AckReceived, TransactionFailed
from softswitch.sip.invite import Acknowledged, Refused, Unacknowledged


def sent(wire: Any, start: bytes) -> list[float]:
    return [round(at, 1) for at, data in wire.sent if data.startswith(start) and b"INVITE\r\n" in data]


def acks(wire: Any) -> int:
    return sum(data.startswith(b"ACK ") for _, data in wire.sent)


def test_a_lost_ack_repeats_the_answer(pair: Any) -> None:
    wire, alice, bob = pair
    wire.passes = lambda data, now: not (data.startswith(b"ACK ") and now < 5.0)
    alice.call("answer=1", bye=20)
    wire.run(until=15.0)
    assert sent(wire, b"SIP/2.0 200") == [1.0, 1.5, 2.5, 4.5, 8.5]
    assert acks(wire) == 5  # one for each copy
    assert len({data for _, data in wire.sent if data.startswith(b"ACK ")}) == 1  # and itself a copy, Via and all
    assert all(data.count(b"Via: ") == 1 for _, data in wire.sent)
    assert len(bob.saw(Acknowledged)) == 1
    wire.run(until=100.0)
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["hung up", "peer hung up"]
    assert alice.is_empty() and bob.is_empty()


def test_without_any_ack_the_callee_hangs_up(pair: Any) -> None:
    wire, alice, bob = pair
    wire.passes = lambda data, now: not data.startswith(b"ACK ")
    alice.call("answer=1")
    wire.run(until=100.0)
    assert sent(wire, b"SIP/2.0 200")[:11] == [1.0, 1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5]
    assert len(bob.saw(Unacknowledged)) == 1
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["peer hung up", "hung up"]
    assert alice.is_empty() and bob.is_empty()


def test_a_lost_ack_of_a_refusal_is_sent_again_for_each_copy(pair: Any) -> None:
    wire, alice, bob = pair
    wire.passes = lambda data, now: not (data.startswith(b"ACK ") and now < 5.0)
    alice.call("busy=1")
    wire.run(until=20.0)
    refusals = [data for _, data in wire.sent if data.startswith(b"SIP/2.0 486")]
    assert len(refusals) == acks(wire) == 5
    assert not bob.saw(AckReceived) and len(alice.saw(Refused)) == 1
    wire.run(until=100.0)
    assert alice.is_empty() and bob.is_empty()


def test_a_refusal_that_is_never_acknowledged_is_reported(pair: Any) -> None:
    wire, alice, bob = pair
    wire.passes = lambda data, now: not data.startswith(b"ACK ")
    alice.call("busy=1")
    wire.run(until=100.0)
    assert [failed.why for failed in bob.saw(TransactionFailed)] == ["timeout"]
    assert alice.is_empty() and bob.is_empty()


def test_copies_of_an_ack_are_one_acknowledgement(pair: Any) -> None:
    wire, alice, bob = pair
    wire.double = 1.0
    alice.call("answer=1", bye=20)
    wire.run(until=100.0)
    assert len(bob.saw(AckReceived)) == 4  # the 200 came twice, and each ACK twice
    assert len(bob.saw(Acknowledged)) == 1
    assert alice.is_empty() and bob.is_empty()


def test_a_bye_of_the_callee_waits_for_the_ack(pair: Any) -> None:
    wire, alice, bob = pair
    wire.passes = lambda data, now: not (data.startswith(b"ACK ") and now < 5.0)
    alice.call("answer=1&bye=0.1")
    wire.run(until=100.0)
    byes = [round(at, 1) for at, data in wire.sent if data.startswith(b"BYE ")]
    assert byes == [8.5]
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["peer hung up", "hung up"]


def test_a_bye_may_come_before_the_ack(pair: Any) -> None:
    wire, alice, bob = pair
    wire.passes = lambda data, now: not data.startswith(b"ACK ")
    alice.call("answer=1", bye=0.2)
    wire.run(until=100.0)
    assert sent(wire, b"SIP/2.0 200") == [1.0]  # the 200 is not sent again to a caller who has hung up
    assert not bob.saw(Unacknowledged)
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["hung up", "peer hung up"]
    assert alice.is_empty() and bob.is_empty()
