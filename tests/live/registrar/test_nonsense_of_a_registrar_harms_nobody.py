"""A carrier that answers nonsense takes neither the process nor another carrier down."""

import asyncio
from typing import Any

import pytest

from softswitch.sip.message import Request


def _text(request: Request, status: str, lines: str) -> bytes:
    """Return a response with the headers that make it ours, and any others."""
    copied = "".join(f"{name}: {request.headers.get(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    return f"SIP/2.0 {status}\r\n{copied}{lines}Content-Length: 0\r\n\r\n".encode("utf-8", "surrogateescape")


NONSENSE = [
    ("200 OK", "", "registered"),
    ("200 OK", "Contact: *\r\n", "registered"),
    ("200 OK", "Expires: soon\r\n", "registered"),
    ("200 OK", "Expires: -1\r\nContact: <<<\r\n", "registered"),
    ("200 OK", "Expires: 99999999999999999999999999999\r\n", "registered"),
    ("200 OK", 'Contact: "half <sip:alice@127.0.0.1>;expires=60, x\r\n', "registered"),
    ("200 OK", "Service-Route: nonsense, <sip:\r\nPath: ,,,\r\n", "registered"),
    ("200 OK", "Contact: <sip:alice@127.0.0.1>;expires=0\r\n", "failed"),
    ("299 Fine", "", "registered"),
    ("401 Unauthorized", "", "failed"),
    ("401 Unauthorized", "WWW-Authenticate: \r\n", "failed"),
    ("401 Unauthorized", 'WWW-Authenticate: Digest realm="half\r\n', "failed"),
    ("401 Unauthorized", "WWW-Authenticate: Digest \udcff=\udcfe,,,;;\r\n" * 100, "failed"),
    ("423 Interval Too Brief", "Min-Expires: 4294967295\r\n", "failed"),
    ("302 Moved", "Contact: <sip:elsewhere.example>\r\n", "failed"),
    ("503 No", "Retry-After: a while\r\n", "failed"),
    ("699 \x1b[31m\udcff", "", "failed"),
]


@pytest.mark.parametrize(("status", "lines", "state"), NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_harms_nobody(play: Any, status: str, lines: str, state: str) -> None:
    async def story(office: Any) -> None:
        strange, honest = await office.registrar(), await office.registrar()
        strange.script = lambda request: _text(request, status, lines)
        first = office.register(strange, base=30.0, longest=60.0)
        second = office.register(honest)
        await office.reaches(first, state)
        await office.reaches(second, "registered")
        assert first.status().last_error.isprintable()
        assert len(strange.requests) <= 3

    play(story)


@pytest.mark.parametrize("data", [b"", b"\0" * 3000, b"SIP/2.0 200 OK\r\n\r\n", b"\xff\xfe" * 100, b"SIP/2.0 200"])
def test_bytes_that_are_no_answer_are_silence(play: Any, data: bytes) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrar.script = lambda request: data
        registrant = office.register(registrar)
        await office.reaches(registrant, "failed")
        assert "does not answer" in registrant.status().last_error
        registrar.script = None
        await office.reaches(registrant, "registered")

    play(story)


def test_an_answer_that_comes_a_hundred_times_counts_once(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar(password=None)
        copies = 100

        def many(request: Request) -> bytes:
            reply = bytes(registrar.judge(request))
            assert registrar._udp is not None
            for _ in range(copies):
                registrar._udp.sendto(reply, office.sip)
            return reply

        registrar.script = many
        registrant = office.register(registrar)
        await office.reaches(registrant, "registered")
        await asyncio.sleep(0.2)
        assert len(registrar.requests) == 1

    play(story)
