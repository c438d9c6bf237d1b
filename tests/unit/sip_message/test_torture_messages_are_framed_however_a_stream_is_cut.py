"""The torture messages over a connection: framed wherever TCP cuts them, or the connection is over."""

import pytest

from softswitch.errors import RemoteError
from softswitch.sip.framing import StreamFramer
from softswitch.sip.parser import MessageError, parse_message
from tests.data.torture import MESSAGES, Torture

NEXT = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: next\r\nl: 0\r\n\r\n"
#: What stops the stream (RFC 4475 sections 3.1.2.3, 3.3.9; RFC 3261 section 18.3: Content-Length must be there).
FAULTS = {"ncl": "bad_content_length", "mcl01": "bad_content_length", "inv2543": "missing_content_length"}
#: "Not much the receiving party could do but wait for more data" (section 3.1.2.2); baddn has no end of its headers.
WAITS = {"clerr", "baddn"}


def run(data: bytes, *cuts: int) -> tuple[list[bytes], str, int]:
    """Return the messages that come out of a stream cut there, its fault, and how many bytes still wait."""
    framer, found = StreamFramer(), []
    edges = [0, *cuts, len(data)]
    for start, end in zip(edges, edges[1:], strict=False):
        try:
            found += framer.feed(data[start:end])
        except RemoteError:
            break
    return found, framer.fault.kind if framer.fault else "", 0 if framer.fault else framer.pending_bytes


def head(data: bytes) -> bytes:
    return data[: data.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_what_comes_out_and_what_comes_after(message: Torture) -> None:
    found, fault, waiting = run(message.wire + NEXT)
    if message.name == "dblreq":  # on a stream the octets that a datagram would lose are the next message
        register, invite = found
        assert register == head(message.wire) and invite.startswith(b"INVITE sip:joe@example.com SIP/2.0\r\n")
        assert fault == "missing_content_length", "whose Content-Length is too small for its body"
        return
    assert fault == FAULTS.get(message.name, "")
    if fault:
        assert found == [head(message.wire)], "its head alone, as the last, so that it can be answered"
        with pytest.raises(MessageError) as caught:
            parse_message(found[0], stream=True)
        assert caught.value.status == 400 and caught.value.request is not None
    elif message.name in WAITS:
        assert found == ([] if message.name == "clerr" else [message.wire + NEXT]) and bool(waiting) == (not found)
    else:
        assert found == [message.wire, NEXT] and waiting == 0


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_it_does_not_matter_where_it_is_cut(message: Torture) -> None:
    data = message.wire + NEXT
    whole = run(data)
    for at in range(1, len(data), 1 if len(data) < 700 else 5):
        assert run(data, at) == whole, at
    assert run(data, *range(1, len(data))) == whole, "byte by byte"


def test_all_in_one_stream() -> None:
    sound = [message.wire for message in MESSAGES if message.name not in FAULTS.keys() | WAITS | {"dblreq"}]
    data = b"".join(sound)
    for size in (1, 7, 536, 1460, len(data)):
        found, fault, waiting = run(data, *range(size, len(data), size))
        assert found == sound and not fault and not waiting
