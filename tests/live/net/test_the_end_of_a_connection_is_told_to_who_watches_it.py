"""Whoever depends on a connection learns that it is gone, however it ended: a clean close is no failure to send."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from softswitch.net.sip_socket import SipSockets
from softswitch.sip.flow import Flow

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
OPTIONS = (
    b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("abrupt", [False, True])
def test_the_end_of_a_connection_is_told_once(run: Run, until: Until, abrupt: bool) -> None:
    async def main() -> None:
        flows: list[Flow] = []
        told: list[str] = []
        sockets = SipSockets(lambda data, flow: flows.append(flow), lambda flow: None)
        address = await sockets.listen_tcp("127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*address)
        writer.write(OPTIONS)
        await until(lambda: flows)
        sockets.watch(flows[0], lambda: told.append("lost"))
        call_off = sockets.watch(flows[0], lambda: told.append("never"))
        call_off()
        call_off()
        assert told == []
        if abrupt:
            writer.transport.abort()
        else:
            writer.close()
        await until(lambda: told)
        await asyncio.sleep(0.05)
        assert told == ["lost"]
        assert sockets.streams._watchers == {}
        # who comes too late is told as well, but not from inside the call
        sockets.watch(flows[0], lambda: told.append("late"))
        assert told == ["lost"]
        await until(lambda: told == ["lost", "late"])
        sockets.watch(flows[0], lambda: told.append("never"))()
        sockets.watch(Flow("UDP", address, address), lambda: told.append("never"))()
        await asyncio.sleep(0.05)
        assert told == ["lost", "late"]
        await sockets.close()

    run(main())
