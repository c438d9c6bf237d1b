"""Messages to break: a plain INVITE, and one with any header changed."""

from collections.abc import Callable

import pytest

LINES = (
    "INVITE sip:600@192.0.2.9 SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1;rport",
    "Max-Forwards: 70",
    'From: "Alice" <sip:alice@192.0.2.1>;tag=a1',
    "To: <sip:600@192.0.2.9>",
    "Call-ID: c1@192.0.2.1",
    "CSeq: 1 INVITE",
    "Contact: <sip:alice@192.0.2.1:5060>",
)


@pytest.fixture
def invite() -> Callable[..., bytes]:
    """Print an INVITE; `without` drops headers, `lines` are added, `start` replaces the first line."""

    def make(
        *lines: str, without: tuple[str, ...] = (), start: str = LINES[0], body: bytes = b"", end: str = "\r\n"
    ) -> bytes:
        kept = [line for line in LINES[1:] if line.partition(":")[0] not in without]
        return end.join([start, *kept, *lines, "", ""]).encode() + body

    return make
