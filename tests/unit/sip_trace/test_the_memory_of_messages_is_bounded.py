"""Whatever comes, no more is kept than was asked for, and calls that are up are the last to be forgotten."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.sip.flow import Flow
from softswitch.sip.trace import CONVERSATION_BYTES, HEAD, MAX_CALL_ID_BYTES, MAX_CONVERSATION_BYTES, MAX_MESSAGES, MIB

FLOW = Flow("UDP", ("192.0.2.1", 5060), ("198.51.100.7", 5062))
ROOM = MAX_CONVERSATION_BYTES + CONVERSATION_BYTES


def test_the_quietest_call_that_is_over_goes_first(trace_of) -> None:
    rig = trace_of(1)
    calls = [rig.call(number) for number in range(100)]
    living = rig.call(-1, over=False)
    rig.note(rig.trace.of_call_id(calls[0]).messages()[-1].data)  # a late copy: it is not the quietest any more
    number = 100
    while rig.kept(calls[2]):
        calls.append(rig.call(number))
        number += 1
    assert not rig.kept(calls[1]) and rig.kept(calls[0]) == 7 and rig.kept(calls[-1]) == 6
    for more in range(number, number + 2000):
        rig.call(more)
    assert rig.kept(living) == 6 and rig.kept(calls[0]) == 0
    assert rig.trace.size <= MIB


def test_where_living_calls_fill_it_the_oldest_of_them_go(trace_of) -> None:
    rig = trace_of(1)
    calls = [rig.call(number, over=False) for number in range(1000)]
    assert rig.trace.size <= MIB
    assert not rig.kept(calls[0]) and rig.kept(calls[-1]) == 6
    for number in range(1000):
        rig.trace.over(f"{number}-0")  # those that were forgotten, too
    assert rig.trace.of_leg("0-0") is None and rig.trace.of_leg("999-0") is not None


def test_registrations_and_refused_calls_push_no_call_out(trace_of, request_of) -> None:
    rig = trace_of(1)
    call = rig.call(1)
    last = ""
    for number in range(5000):
        last = f"r{number}@h"
        rig.note(request_of(("REGISTER", "OPTIONS", "INVITE")[number % 3], last, 500))
        rig.note(f"SIP/2.0 401 Unauthorized\r\nCall-ID: {last}\r\n\r\n".encode(), sent=True)
    assert rig.kept(call) == 6
    assert rig.kept(last) == 2 and rig.kept("r1@h") == 0
    assert rig.trace.size <= MIB


def test_refused_calls_and_registrations_keep_each_other_in(trace_of, request_of) -> None:
    rig = trace_of(1)
    rig.note(request_of("INVITE", "refused@h"))
    for number in range(2000):
        rig.note(request_of("REGISTER", f"r{number}@h", 500))
    assert rig.kept("refused@h") == 1


def test_a_refused_call_that_comes_back_with_credentials_is_one_call(trace_of, request_of) -> None:
    rig = trace_of(1)
    rig.note(request_of("INVITE", "a@b"))
    rig.note(b"SIP/2.0 401 Unauthorized\r\nCall-ID: a@b\r\n\r\n", sent=True)
    rig.note(request_of("INVITE", "a@b"))
    rig.trace.bind("a@b", "1-0", now=rig.now)
    for number in range(2000):
        rig.note(request_of("INVITE", f"flood{number}@h", 500))
    assert rig.kept("a@b") == 3


def test_a_long_call_keeps_its_beginning_and_its_end(trace_of, request_of) -> None:
    rig = trace_of(8)
    rig.note(request_of("INVITE", "a@b"))
    rig.trace.bind("a@b", "1-0", now=rig.now)
    for number in range(1000):
        rig.note(request_of("INFO", "a@b") + str(number).encode())
    conversation = rig.trace.of_call_id("a@b")
    found = conversation.messages()
    assert len(found) == MAX_MESSAGES and conversation.dropped == 1001 - MAX_MESSAGES
    assert found[0].data.startswith(b"INVITE") and found[HEAD - 1].data.endswith(str(HEAD - 2).encode())
    assert found[-1].data.endswith(b"999")


def test_huge_messages_are_bounded_too(trace_of, request_of) -> None:
    rig = trace_of(1)
    rig.trace.bind("a@b", "1-0", now=rig.now)
    for _ in range(50):
        rig.note(request_of("INFO", "a@b", 300_000))
    conversation = rig.trace.of_call_id("a@b")
    assert conversation.size <= ROOM and conversation.messages()
    rig.note(request_of("INVITE", "x" * 50_000))
    rig.note(request_of("ACK", "x" * 40_000))
    assert rig.kept("x" * MAX_CALL_ID_BYTES) == 2


def test_legs_that_pretend_to_have_one_call_id_are_bounded(trace_of) -> None:
    rig = trace_of(1)
    for number in range(1000):
        rig.trace.bind("a@b", f"{number}-0", now=rig.now)
        rig.trace.bind("a@b", f"{number}-0", now=rig.now)
    for number in range(1000):
        rig.trace.over(f"{number}-0")
        rig.trace.over(f"{number}-0")
    assert len(rig.trace.of_call_id("a@b").legs) == 16 and not rig.trace.of_call_id("a@b").open


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("INVITE", "REGISTER", "BYE", "bind", "over")), st.integers(0, 12), st.integers(0, 70_000)
    ),
    max_size=120,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_happens_the_books_are_right(trace_of, request_of, steps) -> None:
    rig = trace_of(1)
    for what, number, size in steps:
        match what:
            case "bind":
                rig.trace.bind(f"{number}@h", f"{number}-{size % 3}", now=rig.now)
            case "over":
                rig.trace.over(f"{number}-{size % 3}")
            case _:
                rig.note(request_of(what, f"{number}@h", size))
        assert rig.trace.size == sum(one.size for one in rig.trace)
        assert rig.trace.size <= MIB


def test_each_message_by_another_way_is_bounded_and_keeps_its_way(trace_of, request_of) -> None:
    rig = trace_of(8)
    rig.trace.bind("a@b", "1-0", now=rig.now)
    for number in range(1000):
        rig.note(
            request_of("INFO", "a@b"), flow=FLOW._replace(remote=("198.51.100.7", 10_000 + number)), sent=number % 2 > 0
        )
    conversation = rig.trace.of_call_id("a@b")
    ports = [one.flow.remote[1] - 10_000 for one in conversation.messages()]
    assert ports == [*range(HEAD), *range(1000 - MAX_MESSAGES + HEAD, 1000)]
    assert [one.sent for one in conversation.messages()] == [port % 2 > 0 for port in ports]
    assert len(conversation._flows) <= MAX_MESSAGES + 1
