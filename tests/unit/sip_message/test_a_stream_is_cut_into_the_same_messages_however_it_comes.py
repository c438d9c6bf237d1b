"""TCP segments may end anywhere; messages, and keep-alives between them, come out whole and in order."""

from collections.abc import Callable
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sip.framing import PONG, StreamFramer
from softswitch.sip.parser import MAX_HEAD_BYTES, MessageError, parse_message

Invite = Callable[..., bytes]


def stream(invite: Invite) -> tuple[bytes, list[bytes]]:
    one = invite("Content-Length: 5", body=b"a\r\n\r\n")
    two = invite("l : 0")
    three = invite("Content-Length:\r\n  3", body=b"abc")
    four = invite("L:4", end="\n", body=b"\n\n\n\n")
    data = one + b"\r\n\r\n" + two + b"\r\n" + one + three + b"\n\r\r\n\r\n" + four + two + b"\r\n\r\n\r\n" + one
    return data, [one, PONG, two, one, three, PONG, four, two, PONG, one]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 3500), max_size=12))
def test_any_cut(invite: Invite, cuts: list[int]) -> None:
    data, expected = stream(invite)
    framer, found = StreamFramer(), []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in zip(edges, edges[1:], strict=False):
        found += framer.feed(data[start:end])
    assert found == expected and framer.pending_bytes == 0
    assert [message is PONG for message in found] == [message is PONG for message in expected]


def test_byte_by_byte(invite: Invite) -> None:
    data, expected = stream(invite)
    framer = StreamFramer()
    assert [message for at in range(len(data)) for message in framer.feed(data[at : at + 1])] == expected


@settings(max_examples=200, deadline=None)
@given(
    data=st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"A sip:b SIP/2.0", b"l:2", b":", b"\r\nl: 0\r\n\r\n", b"\r\nl: x"]
        ),
        max_size=25,
    ).map(b"".join),
    size=st.integers(1, 9),
)
def test_any_bytes_come_out_the_same_in_one_piece_and_in_many(data: bytes, size: int) -> None:
    assert run([data]) == run([data[at : at + size] for at in range(0, len(data), size)])


def run(pieces: list[bytes]) -> tuple[list[bytes], str | None, int]:
    framer, found = StreamFramer(), []
    for piece in [*pieces, b""]:
        try:
            found += framer.feed(piece)
        except RemoteError:
            break
    return found, framer.fault.kind if framer.fault else None, 0 if framer.fault else framer.pending_bytes


@pytest.mark.parametrize(
    ("lines", "kind", "answer"),
    [
        ((), "missing_content_length", "missing_content_length"),
        (("Content-Length: x",), "bad_content_length", "bad_content_length"),
        (("Content-Length: 3", "l: 4"), "bad_content_length", "bad_content_length"),
        (("Content-Length: -1",), "bad_content_length", "bad_content_length"),
        (("Content-Length: 99999",), "message_too_large", "message_too_large"),
    ],
)
def test_a_stream_that_cannot_be_followed_ends_with_a_message_that_can_be_answered(
    invite: Invite, lines: tuple[str, ...], kind: str, answer: str
) -> None:
    framer, whole, last = StreamFramer(), invite("l: 0"), invite(*lines)
    assert framer.feed(whole + last + b"v=0") == [whole, last]
    assert framer.fault is not None and framer.fault.kind == kind
    with pytest.raises(RemoteError):
        framer.feed(whole)
    with pytest.raises(MessageError) as caught:
        parse_message(last, stream=True)
    assert caught.value.kind == answer and caught.value.request is not None


def test_what_speaks_no_sip_gets_no_answer() -> None:
    with pytest.raises(RemoteError):
        StreamFramer().feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_headers_without_end_are_given_up() -> None:
    framer = StreamFramer()
    with pytest.raises(RemoteError) as caught:
        for _ in range(100):
            framer.feed(b"x" * 1000)
    assert caught.value.kind == "head_too_large"


def test_headers_too_large_are_so_in_one_piece_too(invite: Invite) -> None:
    data = invite(f"Subject: {'x' * 33_000}", "l: 0")
    begin = data[: MAX_HEAD_BYTES + 1]
    assert run([data]) == run([data[:32_800], data[32_800:]]) == ([begin], "head_too_large", 0)
    with pytest.raises(MessageError) as caught:
        parse_message(begin, stream=True)
    assert (caught.value.kind, caught.value.status) == ("head_too_large", 513)
    assert caught.value.request is not None and caught.value.request.call_id


def test_a_flood_of_line_ends_costs_little() -> None:
    framer = StreamFramer()
    for _ in range(20):
        assert framer.feed(b"\n\r\r\n" * 16_000) == []
    assert framer.pending_bytes <= 3


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_what_waits_behind_a_message_is_not_read_for_it(end: bytes) -> None:
    """A peer can put ten thousand messages into one segment: each must cost its own length and no more."""

    def seconds(count: int) -> float:
        data = (b"BYE sip:a SIP/2.0" + end + b"l:0" + end + end) * count
        best = float("inf")
        for _ in range(3):
            began = process_time()
            assert len(StreamFramer().feed(data)) == count
            best = min(best, process_time() - began)
        return best

    assert seconds(8000) < 24 * seconds(1000), "eight times as many took more than three times eight times as long"
