"""One call's bug is logged with that call, and the next message is handed up all the same."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from softswitch.net.sip_socket import SipSockets
from softswitch.sip.flow import Flow

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("name", ["Call-ID:", "i :", "CALL-ID: "])
def test_a_handler_that_raises_does_not_close_the_socket(
    run: Run, until: Until, transport: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        heard: list[bytes] = []

        def broken(data: bytes, flow: Flow) -> None:
            heard.append(data)
            raise ZeroDivisionError

        sockets = SipSockets(broken, lambda flow: None)
        address = await (sockets.listen_udp if transport == "UDP" else sockets.listen_tcp)("127.0.0.1", 0)
        flow = sockets.flow_to(transport, address)
        for index in range(3):
            sockets.send(flow, f"BYE sip:a@b SIP/2.0\r\n{name} c{index}@x\r\nContent-Length: 0\r\n\r\n".encode())
        await until(lambda: len(heard) == 3)
        assert sockets.counts["handler_failed"] == 3
        await sockets.close()

    with caplog.at_level(logging.ERROR, logger="softswitch.net"):
        run(main())
    assert [vars(record)["call"] for record in caplog.records] == ["c0@x", "c1@x", "c2@x"]


def test_a_failure_handler_that_raises_does_no_harm(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def broken(flow: Flow) -> None:
            raise ZeroDivisionError

        sockets = SipSockets(lambda data, flow: None, broken)
        await sockets.listen_udp("127.0.0.1", 0)
        sockets.send(Flow("UDP", ("127.0.0.1", 1), ("nowhere", 1)), b"x")
        await asyncio.sleep(0.01)
        assert sockets.counts["handler_failed"] == 1
        await sockets.close()

    with caplog.at_level(logging.ERROR, logger="softswitch.net"):
        run(main())
    assert len(caplog.records) == 1
