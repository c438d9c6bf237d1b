"""Folded lines are appended to those before them: without a limit a head of 32 KiB holds the loop for 12 ms."""

import pytest

from softswitch.sip.parser import MAX_LINES, MessageError, parse_message

HEAD = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
)


def test_so_many_lines_are_answered_513() -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(HEAD + b"Subject: x" + b"\r\n y" * 8000 + b"\r\n\r\n")
    assert (caught.value.status, caught.value.kind) == (513, "too_many_headers")
    assert caught.value.request is not None and caught.value.request.call_id == "1"


def test_a_header_in_a_hundred_lines_is_read() -> None:
    message = parse_message(HEAD + b"Subject: x" + b"\r\n y" * 100 + b"\r\n\r\n")
    assert message.headers.get("Subject") == "x" + " y" * 100
    assert MAX_LINES >= 256
