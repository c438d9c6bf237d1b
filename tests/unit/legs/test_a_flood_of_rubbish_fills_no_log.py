"""A thousand bad messages in a second are a thousand counted, and a handful of lines."""

import asyncio
import logging

import pytest

from softswitch.legs.complaints import MAX_BAD_LINES
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.net.rtp_socket import RtpPorts
from softswitch.sip.flow import Flow

FLOW = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", 5061))


def test_a_flood_of_rubbish_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> UserAgent:
        agent = UserAgent(
            UserAgentSettings(agent="test"), RtpPorts("127.0.0.1", 30000, 30001), lambda _call, _make: None
        )
        for _ in range(1000):
            agent._message(b"no SIP at all\r\n\r\n", FLOW)
        await agent.close()
        return agent

    with caplog.at_level(logging.INFO, logger="softswitch.sip"):
        agent = asyncio.run(story())
    assert sum(agent.core.bad.values()) == 1000
    assert 1 <= len(caplog.records) <= 3 * MAX_BAD_LINES
