"""Port 0: the system chooses for UDP; where TCP has that number already, it chooses again, and nothing stays open."""

import asyncio

import pytest

from softswitch.errors import ResourceError
from softswitch.legs.user_agent import MAX_PORTS_TRIED, UserAgent, UserAgentSettings
from softswitch.net import loop
from softswitch.net.rtp_socket import RtpPorts


def listen(taken: int, port: int = 0) -> tuple[int, int]:
    """Listen while the first `taken` ports are held over TCP; return how often it was tried and what stays open."""
    tried = 0

    async def main() -> int:
        nonlocal tried
        ports = RtpPorts("127.0.0.1", 42000, 42099, 0.0)
        user_agent = UserAgent(UserAgentSettings(agent="test"), ports, lambda inbound, make: None)
        bind = user_agent.sockets.listen_tcp

        async def listen_tcp(host: str, number: int) -> tuple[str, int]:
            nonlocal tried
            tried += 1
            if tried <= taken:
                raise ResourceError(f"TCP {host}:{number} is already in use")
            return await bind(host, number)

        user_agent.sockets.listen_tcp = listen_tcp  # type: ignore[method-assign]
        try:
            await user_agent.listen("127.0.0.1", port)
            return len(user_agent.sockets._datagrams.addresses)
        finally:
            await user_agent.close()
            ports.close()

    with asyncio.Runner(loop_factory=loop.new_loop) as runner:
        still_open = runner.run(main())
    return tried, still_open


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_another_port_is_chosen(taken: int) -> None:
    assert listen(taken) == (taken + 1, 1)


def test_it_is_not_tried_for_ever() -> None:
    with pytest.raises(ResourceError, match="already in use"):
        listen(MAX_PORTS_TRIED)


def test_a_port_that_was_asked_for_is_that_one_or_none() -> None:
    with pytest.raises(ResourceError, match="already in use"):
        listen(1, port=42555)
