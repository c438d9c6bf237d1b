"""Whatever comes, parsing returns or raises MessageError; and what was parsed prints to what parses to the same."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.errors import LocalError
from softswitch.sip.message import Headers, Request
from softswitch.sip.parser import MessageError, parse_message

PIECES = st.sampled_from(
    [
        *(
            b"INVITE ",
            b"sip:a@b",
            b" SIP/2.0",
            b"SIP/2.0 200 OK",
            b"\r\n",
            b"\n",
            b" ",
            b"\t",
            b":",
            b";",
            b",",
            b"<",
            b">",
        ),
        *(b'"', b"\\", b"%", b"[", b"]", b"=", b"0", b"99999999999999999999", b"\xff\x00", b"Content-Length: 3"),
        *(b"Via: SIP/2.0/UDP h;branch=z9hG4bKx", b"From: <sip:a@b>;tag=1", b"To: <sip:a@b>", b"Call-ID: x"),
        *(b"CSeq: 1 INVITE", b"Contact: *"),
    ]
)


def read(data: bytes) -> None:
    try:
        message = parse_message(data)
    except MessageError as error:
        if error.request is not None:
            bytes(error.request.reply(error.status, to_tag="t"))
        return
    assert parse_message(bytes(message)) == message


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40).map(b"".join) | st.binary(max_size=200))
def test_anything(data: bytes) -> None:
    read(data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 8), PIECES), min_size=1, max_size=4))
def test_a_mutated_invite(invite: Callable[..., bytes], edits: list[tuple[int, int, bytes]]) -> None:
    data = invite("Record-Route: <sip:p;lr>", "Content-Length: 3", body=b"v=0")
    for place, length, piece in edits:
        data = data[:place] + piece + data[place + length :]
    read(data)


@pytest.mark.parametrize("value", ["x\r\nEvil: y", "x\nEvil: y", "x\ry"])
def test_nothing_can_add_a_header(value: str) -> None:
    with pytest.raises(LocalError):
        Headers([("Subject", value)])
    message = parse_message(b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
                            b"To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n")  # fmt: skip
    assert isinstance(message, Request)
    with pytest.raises(LocalError):
        message.reply(200, headers=(("Warning", value),))
