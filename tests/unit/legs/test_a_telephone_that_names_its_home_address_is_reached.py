"""A telephone behind a NAT that knows nothing of it: Contact and `c=` name a private address, both are overruled.

No packet of such a call may leave for the private address, where at best nobody is, at worst somebody else.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.audio.frame import SILENCE
from softswitch.call.cause import Cause
from softswitch.sip.flow import Flow
from tests.unit.legs.recorder import UDP, Recorder, Said

#: Where the telephone's packets come from: the outside of its NAT.
OUTSIDE = UDP.remote
HOMES = ["192.168.1.20", "10.0.0.7", "172.16.3.4", "100.64.1.1", "169.254.7.7", "127.0.0.1"]


def request(method: str, home: str, *, cseq: int = 1, tag: str = "", body: str = "", routes: str = "") -> bytes:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:600@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP {home}:5062;branch=z9hG4bK{method}{cseq};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:phone@203.0.113.1>;tag=theirs\r\nTo: <sip:600@203.0.113.1>{tag}\r\n"
        f"Call-ID: home\r\nCSeq: {cseq} {method}\r\nContact: <sip:phone@{home}:5062>\r\n{routes}{kind}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def described(home: str, port: int = 4000) -> str:
    return f"v=0\r\no=- 1 1 IN IP4 {home}\r\ns=-\r\nc=IN IP4 {home}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"


def play(story: Callable[[Recorder], None]) -> None:
    async def main() -> None:
        recorder = Recorder()
        sockets: Any = recorder.agent.sockets
        # Every address could be sent to: that nothing goes there is our own decision.
        sockets.flow_to = lambda transport, remote: Flow(transport, UDP.local, remote)
        story(recorder)
        await recorder.close()

    asyncio.run(main())


def up(recorder: Recorder, home: str, **more: str) -> str:
    """Let the telephone call, and acknowledge; return our To tag."""
    answer = recorder.hears(request("INVITE", home, body=described(home), **more))[-1]
    assert answer.status == 200
    tag = answer.all("To")[0].partition(";")[2]
    recorder.hears(request("ACK", home, tag=f";{tag}"))
    return f";{tag}"


def said(recorder: Recorder) -> list[Said]:
    """Let the user agent say what it has to say by itself."""
    return recorder.hears(b"\r\n\r\n")


@pytest.mark.parametrize("home", HOMES)
def test_the_answer_and_our_bye_go_to_where_the_call_came_from(home: str) -> None:
    def story(recorder: Recorder) -> None:
        up(recorder, home)
        recorder.legs[0].hang_up(Cause.NORMAL)
        byes = [message for message in said(recorder) if message.data.startswith(b"BYE ")]
        assert [message.flow.remote for message in byes] == [OUTSIDE]
        assert byes[0].data.startswith(f"BYE sip:phone@{home}:5062 ".encode()), "the Request-URI stays the Contact"

    play(story)


@pytest.mark.parametrize("home", HOMES)
def test_sound_goes_to_the_outside_of_the_nat(home: str) -> None:
    def story(recorder: Recorder) -> None:
        up(recorder, home)
        recorder.legs[0].give(SILENCE)
        assert [address for _, address in recorder.ports.opened[0].sent] == [(OUTSIDE[0], 4000)]

    play(story)


def test_a_public_address_that_is_not_the_sender_is_believed() -> None:
    """A telephone may have its sound and its dialog elsewhere than where it sends from: a media server, a proxy."""

    def story(recorder: Recorder) -> None:
        up(recorder, "198.51.100.20")
        recorder.legs[0].give(SILENCE)
        assert [address for _, address in recorder.ports.opened[0].sent] == [("198.51.100.20", 4000)]
        recorder.legs[0].hang_up(Cause.NORMAL)
        byes = [message.flow for message in said(recorder) if message.data.startswith(b"BYE ")]
        assert [flow.remote for flow in byes] == [("198.51.100.20", 5062)]

    play(story)


def test_a_telephone_whose_nat_moved_is_followed() -> None:
    """The NAT gave it another port in mid-call: what comes from there last is where our BYE goes."""

    def story(recorder: Recorder) -> None:
        tag = up(recorder, HOMES[0])
        moved = Flow("UDP", UDP.local, (OUTSIDE[0], 40001))
        body = described(HOMES[0], 4002)
        answer = recorder.hears(request("INVITE", HOMES[0], cseq=2, tag=tag, body=body), moved)[-1]
        assert (answer.status, answer.flow.remote) == (200, moved.remote)
        recorder.hears(request("ACK", HOMES[0], cseq=2, tag=tag), moved)
        recorder.legs[0].hang_up(Cause.NORMAL)
        byes = [message.flow for message in said(recorder) if message.data.startswith(b"BYE ")]
        assert [flow.remote for flow in byes] == [moved.remote]

    play(story)
