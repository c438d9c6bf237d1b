from typing import Any

from softswitch.sip.core import CancelReceived, ResponseReceived, TransactionFailed
from softswitch.sip.invite import Answered, AnsweredTooLate


def starts(wire: Any) -> list[str]:
    return [data.split(b" SIP/2.0")[0].decode().split()[0] for _, data in wire.sent if not data.startswith(b"SIP")]


def test_cancel_crossing_200_ends_the_call(pair: Any) -> None:
    wire, alice, bob = pair
    alice.call("answer=1", cancel=1.005)  # 10 ms each way: the 200 is on its way when the CANCEL starts
    wire.run(until=100.0)
    assert starts(wire) == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert len(alice.saw(AnsweredTooLate)) == 1 and not alice.saw(Answered)
    assert not bob.saw(CancelReceived)  # a final answer was out: the CANCEL gets 200 and does nothing
    assert bob.core.counts["CANCEL", 200, "out"] == 1
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["cancelled too late", "peer hung up"]
    assert alice.is_empty() and bob.is_empty()


def test_cancel_in_time_gets_200_and_the_invite_487(pair: Any) -> None:
    wire, alice, bob = pair
    alice.call("answer=5", cancel=1.0)
    wire.run(until=100.0)
    assert starts(wire) == ["INVITE", "CANCEL", "ACK"]
    assert bob.core.counts["CANCEL", 200, "out"] == bob.core.counts["INVITE", 487, "out"] == 1
    statuses = [event.response.status for event in alice.saw(ResponseReceived)]
    assert statuses == [100, 180, 487]  # what became of the CANCEL itself concerns nobody
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["refused 487", "cancelled"]
    assert alice.is_empty() and bob.is_empty()


def test_both_answers_have_one_to_tag(pair: Any) -> None:
    wire, alice, _ = pair
    alice.call("answer=5", cancel=1.0)
    wire.run(until=100.0)
    answers = [data for _, data in wire.sent if data.startswith((b"SIP/2.0 487", b"SIP/2.0 200"))]
    tags = [line for data in answers for line in data.split(b"\r\n") if line.startswith(b"To:")]
    assert len(tags) == 2 and len(set(tags)) == 1 and b"tag=" in tags[0]


def test_the_answer_to_a_late_cancel_has_the_to_tag_of_the_200(pair: Any) -> None:
    """The INVITE's transaction has forgotten its 2xx by then (RFC 6026), but not the tag (RFC 3261 section 9.2)."""
    wire, alice, _ = pair
    alice.call("answer=1", cancel=1.005)
    wire.run(until=100.0)
    answers = [data for _, data in wire.sent if data.startswith(b"SIP/2.0 200") and b" BYE\r\n" not in data]
    assert {data.partition(b"\r\nCSeq: ")[2].split(b"\r\n")[0] for data in answers} == {b"1 INVITE", b"1 CANCEL"}
    tags = {line for data in answers for line in data.split(b"\r\n") if line.startswith(b"To:")}
    assert len(tags) == 1 and b"tag=" in tags.pop()


def test_cancel_waits_for_the_first_provisional_response(pair: Any) -> None:
    wire, alice, bob = pair
    wire.passes = lambda data, now: data.startswith(b"INVITE") or now > 3.0
    alice.call("ring", cancel=1.0)
    wire.run(until=100.0)
    cancels = [at for at, data in wire.sent if data.startswith(b"CANCEL")]
    assert len(cancels) == 1 and 3.5 <= cancels[0] < 3.6  # the INVITE of 3.5 s brought the first 180
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["refused 487", "cancelled"]


def test_a_cancelled_invite_is_given_up_after_64_t1(pair: Any) -> None:
    wire, alice, _ = pair
    wire.passes = lambda data, now: now < 1.0
    call = alice.call("ring", cancel=2.0)
    wire.run(until=33.9)
    assert call.end is None
    wire.run(until=34.1)
    assert call.end == "timeout"
    wire.run(until=200.0)
    assert [failed.key[-1] for failed in alice.saw(TransactionFailed)] == ["INVITE"]  # not for the CANCEL
    assert alice.is_empty()
