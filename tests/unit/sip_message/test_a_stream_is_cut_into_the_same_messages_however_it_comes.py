"""TCP segments may end anywhere; messages, and keep-alives between them, come out whole and in order."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sip.framing import PONG, StreamFramer

Invite = Callable[..., bytes]


def stream(invite: Invite) -> tuple[bytes, list[bytes]]:
    one = invite("Content-Length: 5", body=b"a\r\n\r\n")
    two = invite("l : 0")
    return one + b"\r\n\r\n" + two + b"\r\n" + one, [one, PONG, two, one]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 1000), max_size=12))
def test_any_cut(invite: Invite, cuts: list[int]) -> None:
    data, expected = stream(invite)
    framer, found = StreamFramer(), []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in zip(edges, edges[1:], strict=False):
        found += framer.feed(data[start:end])
    assert found == expected and framer.pending_bytes == 0
    assert [message is PONG for message in found] == [False, True, False, False]


def test_byte_by_byte(invite: Invite) -> None:
    data, expected = stream(invite)
    framer = StreamFramer()
    assert [message for at in range(len(data)) for message in framer.feed(data[at : at + 1])] == expected


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((), "missing_content_length"),
        (("Content-Length: x",), "bad_content_length"),
        (("Content-Length: 99999",), "message_too_large"),
    ],
)
def test_a_stream_that_cannot_be_followed_ends(invite: Invite, lines: tuple[str, ...], kind: str) -> None:
    with pytest.raises(RemoteError) as caught:
        StreamFramer().feed(invite(*lines))
    assert caught.value.kind == kind


def test_headers_without_end_are_given_up() -> None:
    framer = StreamFramer()
    with pytest.raises(RemoteError) as caught:
        for _ in range(100):
            framer.feed(b"x" * 1000)
    assert caught.value.kind == "head_too_large"
