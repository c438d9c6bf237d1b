"""A call that comes in by one carrier and leaves by another says who passed it on, as the second one wants it."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sip.message import Request
from tests.live.trunks.conftest import SDP, FakeGateway, TrunkRig

Play = Callable[..., None]
BEFORE = "Diversion: <sip:+4940@first.example>;reason=no-answer\r\nHistory-Info: <sip:+4940@first.example>;index=1\r\n"


async def passed_on(rig: TrunkRig, out: dict[str, Any], lines: str, *, by_carrier: bool = True) -> Request:
    """Let a call come in and leave by carrier `out`; return the INVITE there."""
    inward, outward, stranger = await rig.gateway(), await rig.gateway(486), await rig.gateway()
    await rig.open(
        {"name": "out", "host": "127.0.0.1", "port": outward.port, "country": "DE", **out},
        {"name": "in", "host": "127.0.0.1", "port": inward.port},
    )
    body, caller = SDP.format(kind="IP4", host="127.0.0.1"), inward if by_carrier else stranger
    _invite(rig, caller, lines, body)
    await rig.until(lambda: "INVITE" in outward.methods)
    await rig.record()
    return outward.request()


def _invite(rig: TrunkRig, caller: FakeGateway, lines: str, body: str) -> None:
    host, port = rig.sip
    caller.send(
        (
            f"INVITE sip:8030123456@{host}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{caller.port};branch=z9hG4bK-1\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:+4930999@carrier.example>;tag=c\r\nTo: <sip:8030123456@carrier.example>\r\n"
            f"Call-ID: in\r\nCSeq: 1 INVITE\r\nContact: <sip:c@127.0.0.1:{caller.port}>\r\n{lines}"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode(),
        rig.sip,
    )


def told(invite: Request) -> list[tuple[str, str]]:
    return [line for line in invite.headers if line[0] in ("Diversion", "History-Info", "Privacy")]


@pytest.mark.parametrize(
    ("out", "lines", "expected"),
    [
        ({}, "", []),
        ({"diversion": "none"}, BEFORE, []),
        (
            {"from_domain": "us.example"},
            BEFORE,
            [
                ("Diversion", "<sip:+498030123456@us.example>;reason=unconditional"),
                ("Diversion", "<sip:+4940@first.example>;reason=no-answer"),
                ("History-Info", "<sip:+4940@first.example>;index=1"),
                ("History-Info", "<sip:+498030123456@us.example>;index=1.1"),
                ("History-Info", "<sip:+4930123456@127.0.0.1:PORT;cause=302>;index=1.1.1;mp=1.1"),
            ],
        ),
        (
            {"diversion": "diversion", "privacy": True, "from_domain": "us.example"},
            "Privacy: history\r\n" + BEFORE,
            [
                ("Diversion", "<sip:+498030123456@us.example>;reason=unconditional;privacy=full"),
                ("Diversion", "<sip:+4940@first.example>;reason=no-answer"),
                ("Privacy", "id;history"),
            ],
        ),
    ],
)
def test_a_carrier_is_told_as_it_wants(
    play: Play, out: dict[str, Any], lines: str, expected: list[tuple[str, str]]
) -> None:
    async def story(rig: TrunkRig) -> None:
        invite = await passed_on(rig, out, lines)
        port = str(invite.uri.port)
        assert told(invite) == [(name, value.replace("PORT", port)) for name, value in expected]

    play(story)


def test_a_caller_of_our_own_passes_nothing_on(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        assert told(await passed_on(rig, {"diversion": "both"}, "", by_carrier=False)) == []

    play(story)
