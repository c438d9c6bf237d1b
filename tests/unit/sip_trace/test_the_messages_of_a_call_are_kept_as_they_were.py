"""What was on the wire comes back octet for octet, with its times and its way, whoever wrote the Call-ID and how."""

import pytest

from softswitch.sip.flow import Flow

OTHER = Flow("TCP", ("192.0.2.1", 5060), ("198.51.100.7", 40000), 3)


def test_messages_come_back_in_order_with_their_way(trace_of, request_of) -> None:
    rig = trace_of(1)
    sent = [request_of("INVITE", "a@b"), b"SIP/2.0 200 OK\r\nCall-ID: a@b\r\n\r\nbody", request_of("BYE", "a@b")]
    rig.note(sent[0])
    rig.note(sent[1], sent=True)
    rig.note(sent[2], flow=OTHER)
    found = rig.trace.of_call_id("a@b").messages()
    assert [one.data for one in found] == sent
    assert [one.sent for one in found] == [False, True, False]
    assert [one.at for one in found] == [100.0, 101.0, 102.0]
    assert [one.wall for one in found] == [1e9 + 100, 1e9 + 101, 1e9 + 102]
    assert found[2].flow == OTHER and found[0].flow != OTHER


def test_a_call_that_is_packed_comes_back_the_same(trace_of) -> None:
    rig = trace_of(8)
    first = rig.call(0)
    before = rig.trace.of_call_id(first).messages()
    for number in range(1, 200):
        rig.call(number)
    conversation = rig.trace.of_call_id(first)
    assert conversation.packed
    assert conversation.messages() == before
    rig.note(before[-1].data)  # a copy that comes late
    assert [one.data for one in conversation.messages()] == [*(one.data for one in before), before[-1].data]
    assert rig.trace.of_leg("0-0") is conversation


@pytest.mark.parametrize(
    "line",
    ["Call-ID: a@b", "call-id: a@b", "CALL-ID:a@b", "i: a@b", "I  :  a@b", "Call-ID:\r\n a@b", "Call-ID: a@b  "],
)
def test_every_way_to_write_a_call_id_is_the_same_call(trace_of, line: str) -> None:
    rig = trace_of(1)
    rig.note(f"INVITE sip:600@h SIP/2.0\r\nVia: x\r\n{line}\r\nCSeq: 1 INVITE\r\n\r\n".encode())
    assert rig.kept("a@b") == 1


def test_what_has_no_call_id_is_nobodys(trace_of) -> None:
    rig = trace_of(1)
    for data in (b"", b"\r\n\r\n", b"\x00\x01rubbish", b"INVITE sip:a SIP/2.0\r\n\r\n", b"X\r\nCall-ID: \r\n\r\n"):
        rig.note(data)
    assert len(rig.trace) == 0 and rig.trace.size == 0


def test_a_leg_is_found_by_its_id_and_its_call_id(trace_of) -> None:
    rig = trace_of(1)
    call_id = rig.call(7, over=False)
    assert rig.trace.of_leg("7-0") is rig.trace.of_call_id(call_id)
    rig.trace.bind(call_id, "8-0", now=rig.now)  # a call that went round in a circle
    assert rig.trace.of_leg("8-0").legs == ("7-0", "8-0")
    assert rig.trace.of_leg("9-0") is None


def test_nothing_is_kept_where_nothing_shall_be(trace_of) -> None:
    rig = trace_of(0)
    rig.call(1)
    assert len(rig.trace) == 0 and rig.trace.of_leg("1-0") is None
