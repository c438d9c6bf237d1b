"""multipart/mixed (RFC 5621): the session description is taken out, whatever else is there, unless that is required."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import LocalError
from softswitch.sip.message import Headers, Request
from softswitch.sip.multipart import SDP, unwrap
from softswitch.sip.uri import Uri

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"


def message(body: bytes, content_type: str = 'multipart/mixed;boundary="b 1"') -> Request:
    return Request("INVITE", Uri.parse("sip:x@y"), Headers([("Content-Type", content_type)]), body)


def part(kind: str, body: bytes, *lines: str) -> bytes:
    return "\r\n".join(["--b 1", f"Content-Type: {kind}", *lines, "", ""]).encode() + body + b"\r\n"


ISUP = part(
    "application/ISUP; version=itu-t92+", b"\x01\x00\r\n--\x49", "Content-Disposition: signal; handling=optional"
)


@pytest.mark.parametrize(
    "body",
    [
        part(SDP, OFFER) + ISUP + b"--b 1--\r\n",
        ISUP + part(SDP, OFFER) + b"--b 1--",
        b"a preamble\r\n" + part("Application/SDP ; charset=x", OFFER) + b"--b 1--\r\nan epilogue",
        part(SDP, OFFER, "Content-Disposition: session;handling=required") + ISUP + b"--b 1--",
        part(SDP, OFFER)[:-2],  # never closed
        part(SDP, OFFER) + part(SDP, b"another"),
        (b"--b 1  \r\nContent-Type: application/sdp\r\n\r\n" + OFFER + b"\r\n--b 1--"),
    ],
)
def test_it_is_found_wherever_it_stands(body: bytes) -> None:
    request = message(body)
    unwrap(request)
    assert (request.body, request.content_type) == (OFFER, SDP)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ISUP + b"--b 1--", 'multipart/mixed;boundary="b 1"'),
        (part("application/ISUP", b"x", "Content-Disposition: signal;handling=required") + part(SDP, OFFER), ""),
        (part(SDP, OFFER), "multipart/mixed"),
        (part(SDP, OFFER), "multipart/mixed;boundary="),
        (part(SDP, OFFER), f"multipart/mixed;boundary={'x' * 71}"),
        (part(SDP, OFFER), "multipart/mixed;boundary=other"),
        (part(SDP, OFFER), 'multipart/mixed;boundary="b 1'),
        (b"", ""),
        (OFFER, SDP),
        (OFFER, "text/plain"),
    ],
)
def test_what_holds_none_stays_as_it_is(body: bytes, content_type: str) -> None:
    content_type = content_type or 'multipart/mixed;boundary="b 1"'
    request = message(body, content_type)
    unwrap(request)
    assert (request.body, request.headers.get("Content-Type")) == (body, content_type)


def test_parts_without_end_cost_nothing() -> None:
    request = message(b"--b 1\r\n\r\nx\r\n" * 10_000 + part(SDP, OFFER))
    unwrap(request)
    assert request.body != OFFER


@given(st.binary(max_size=300), st.text(max_size=40))
def test_anything_is_survived(body: bytes, boundary: str) -> None:
    try:
        request = message(b"--b 1\r\n" + body, f"multipart/mixed;boundary={boundary}")
    except LocalError:  # no header value at all
        return
    unwrap(request)
    unwrap(message(b"--b 1\r\n" + body))
