"""RFC 4475 and RFC 5118, all 61: what a caller of the whole user agent gets, and that nobody else gets anything."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sip.parser import parse_message
from tests.data.torture import MESSAGES, Torture
from tests.unit.legs.recorder import UDP, Recorder, Said

ORDINARY = (
    b"INVITE sip:600@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5062;branch=z9hG4bK-ordinary\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:alice@203.0.113.9>;tag=a\r\nTo: <sip:600@203.0.113.1>\r\nCall-ID: ordinary\r\n"
    b"CSeq: 1 INVITE\r\nContact: <sip:alice@203.0.113.9:5062>\r\nContent-Type: application/sdp\r\n\r\n"
    b"v=0\r\no=- 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
)


def play(story: Callable[[Recorder], Awaitable[None]]) -> None:
    async def main() -> None:
        recorder = Recorder()
        try:
            await story(recorder)
        finally:
            await recorder.close()

    asyncio.run(main())


def answers(recorder: Recorder, data: bytes) -> list[Said]:
    """Return the responses to a message, having seen that there is nothing else, and nothing for anybody else."""
    said = recorder.hears(data)
    assert all(message.status for message in said), "a request that nobody asked for"
    assert {message.flow.remote[0] for message in said} <= {UDP.remote[0]}, "a response goes to somebody else"
    assert not any(socket.sent for socket in recorder.ports.opened), "sound goes to somebody"
    return said


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_verdict(message: Torture) -> None:
    async def story(recorder: Recorder) -> None:
        got = answers(recorder, message.wire)
        finals = [response for response in got if response.status >= 200]
        assert [response.status for response in finals] == [status for status in message.answer[:1] if status]
        reason = message.fault or message.dropped
        assert not reason or recorder.agent.core.bad[reason] == 1, recorder.agent.core.bad
        if finals:
            _well_made(message, finals[0])
        if message.answer[0] == 200 and message.wire.startswith(b"INVITE "):
            assert [response.status for response in got] == [100, 180, 200]
            _sound_agreed(message, finals[0])
        assert [response.status for response in answers(recorder, ORDINARY)] == [100, 180, 200], "life goes on"

    play(story)


def _well_made(message: Torture, answer: Said) -> None:
    for name, value in (message.lines or {}).items():
        assert answer.all(name), f"{name} is missing"
        assert value in ("", *answer.all(name))
    to = answer.all("To")
    tagged = bool(to) and re.search(r";\s*tag\s*=", to[0]) is not None
    assert tagged or message.name == "insuf", "RFC 3261 section 8.2.6.2, but for the request without To"
    if not message.fault:
        request = parse_message(message.wire)
        for name in ("From", "Call-ID", "CSeq"):
            assert answer.all(name) == [request.headers.get(name)]
        assert len(",".join(answer.all("Via")).split(",")) == len(request.headers.all("Via"))


def _sound_agreed(message: Torture, answer: Said) -> None:
    theirs = SessionDescription.parse(parse_message(message.wire).body)
    ours = SessionDescription.parse(answer.body)
    assert [medium.kind for medium in ours.media] == [medium.kind for medium in theirs.media]
    assert [bool(medium.port) for medium in ours.media] == [medium.kind == "audio" for medium in theirs.media]
    assert ours.media[0].formats[0] == "0", "PCMU"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("esc01", "sips:user@example.com"),
        ("longreq", "user"),
        ("baddate", "user"),
        ("escruri", "user"),
        ("inv2543", "UserB"),
        ("mult-ip-in-sdp", "user"),
    ],
)
def test_who_is_called(name: str, number: str) -> None:
    async def story(recorder: Recorder) -> None:
        recorder.hears(next(message.wire for message in MESSAGES if message.name == name))
        assert [call.number for call in recorder.calls] == [number]

    play(story)


def test_all_of_them_one_after_another_and_twice() -> None:
    """A copy of a request is no new request: its answer is said again, and no second call is made."""

    async def story(recorder: Recorder) -> None:
        first = [(message.name, [r.status for r in answers(recorder, message.wire)]) for message in MESSAGES]
        calls = len(recorder.calls)
        again = [(message.name, [r.status for r in answers(recorder, message.wire)]) for message in MESSAGES]
        # a copy of an INVITE that is answered already is absorbed (RFC 6026 section 7.1), others get their answer again
        assert again == [(name, [] if 200 in got and 100 in got else got[-1:]) for name, got in first]
        assert len(recorder.calls) == calls

    play(story)
