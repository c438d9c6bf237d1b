"""A thousand bad messages are a thousand counted, and a line in a minute; so are calls that no port is left for."""

import asyncio
import logging

import pytest

from softswitch.errors import ResourceError
from softswitch.legs.complaints import MAX_DETAIL, Complaints
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.net.rtp_socket import RtpPorts, RtpSocket
from softswitch.net.seldom import MAX_TOLD_APART, SELDOM_SECONDS, Seldom
from softswitch.sip.flow import Flow

FLOW = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", 5061))
INVITE = """INVITE sip:600@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK{number}
Max-Forwards: 70
From: <sip:101@127.0.0.1>;tag={number}
To: <sip:600@127.0.0.1>
Call-ID: {number}@127.0.0.1
CSeq: 1 INVITE
Contact: <sip:101@127.0.0.1:5061>
Content-Length: 0

"""


class NoPorts(RtpPorts):
    """Every port is in use."""

    def open(self) -> RtpSocket:
        """Raise what a full range raises."""
        raise ResourceError("all 1 RTP port pairs of 30000-30001 are in use")


def receive(messages: list[bytes]) -> UserAgent:
    """Let a user agent without ports receive these; return it."""

    async def story() -> UserAgent:
        agent = UserAgent(
            UserAgentSettings(agent="test"), NoPorts("127.0.0.1", 30000, 30001), lambda _call, _make: None
        )
        for message in messages:
            agent._message(message, FLOW)
        await agent.close()
        return agent

    return asyncio.run(story())


def test_a_flood_of_rubbish_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="softswitch.sip"):
        agent = receive([b"no SIP at all\r\n\r\n"] * 1000)
    assert sum(agent.core.bad.values()) == 1000
    assert len(caplog.records) == 1


def test_calls_without_a_port_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="softswitch.sip"):
        receive([INVITE.format(number=number).replace("\n", "\r\n").encode() for number in range(300)])
    assert [record.levelname for record in caplog.records if "no sound" in record.getMessage()] == ["ERROR"]


def test_another_kind_and_another_address_are_said_too() -> None:
    seldom = Seldom()
    assert [seldom.due(what, now=1.0) for what in ("a", "b", "a", "b")] == ["", "", None, None]


def test_the_next_minutes_line_says_how_many_were_left_out() -> None:
    seldom = Seldom()
    for _ in range(313):
        seldom.due("a", now=1.0)
    assert seldom.due("a", now=SELDOM_SECONDS + 0.9) is None
    assert seldom.due("a", now=SELDOM_SECONDS + 1.0) == " (and 313 more like it before)"


def test_a_thousand_addresses_are_a_few_lines() -> None:
    seldom = Seldom()
    lines = sum(seldom.due(number, now=1.0) is not None for number in range(1000))
    assert lines == MAX_TOLD_APART + 1


def test_a_line_quotes_no_more_than_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="softswitch.sip"):
        Complaints().note("bad_header", FLOW, "x" * 60_000)
    assert len(caplog.records[0].getMessage()) < MAX_DETAIL + 100
