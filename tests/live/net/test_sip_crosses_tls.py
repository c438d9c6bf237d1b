"""Messages cross TLS both ways over one connection, whose peer has proved who it is."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

import pytest

from softswitch.net.sip_socket import SipSockets
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from softswitch.sip.flow import Flow
from tests.tools.certificates import Authority

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nContent-Length: 0\r\n\r\n"


class Switch:
    """A switch and what it heard and could not deliver."""

    def __init__(self, tls: TlsContexts) -> None:
        self.heard: list[tuple[bytes, Flow]] = []
        self.failed: list[Flow] = []
        self.sockets = SipSockets(lambda data, flow: self.heard.append((data, flow)), self.failed.append, tls=tls)

    async def __aenter__(self) -> "Switch":
        self.address = await self.sockets.listen_tls("127.0.0.1", 0)
        return self

    async def __aexit__(self, *anything: object) -> None:
        await self.sockets.close()
        assert self.sockets.connections == 0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_two_switches_talk_over_one_connection(run: Run, until: Until, authority: Authority, tmp_path: Path) -> None:
    ca = authority.write(tmp_path)
    ours = ServerTls(authority.sign("sip:a.example").write(tmp_path, "a"), ca, "require")
    theirs = authority.sign("sip:b.example").write(tmp_path, "b")

    async def main() -> None:
        async with (
            Switch(TlsContexts(ours)) as a,
            Switch(
                TlsContexts(ServerTls(theirs), {"acme": PeerTls(ca=ca, pair=theirs, name="a.example")}),
            ) as b,
        ):
            flow = b.sockets.flow_to("TLS", a.address)._replace(name="127.0.0.1", carrier="acme")
            for _ in range(3):
                b.sockets.send(flow, MESSAGE)
            await until(lambda: len(a.heard) == 3)
            assert [data for data, _ in a.heard] == [MESSAGE] * 3
            back = a.heard[0][1]
            assert (back.transport, back.local) == ("TLS", a.address)
            assert a.sockets.streams.proved(back) == ("b.example",)
            assert a.sockets.connections == b.sockets.connections == 1
            a.sockets.send(back, MESSAGE * 2)
            await until(lambda: len(b.heard) == 2)
            assert b.heard[0][1] == flow._replace(connection=b.heard[0][1].connection)
            assert b.heard[0][1].connection
            assert b.sockets.why(flow) == ""
        assert a.failed == b.failed == []

    run(main())


def test_python_speaks_with_the_switch(run: Run, until: Until, authority: Authority, tmp_path: Path) -> None:
    pair = authority.sign("localhost").write(tmp_path, "ours")
    trusting = ssl.create_default_context(cafile=authority.write(tmp_path))

    async def main() -> None:
        async with Switch(TlsContexts(ServerTls(pair))) as switch:
            reader, writer = await asyncio.open_connection(*switch.address, ssl=trusting, server_hostname="localhost")
            for octet in MESSAGE:
                writer.write(bytes([octet]))
                await asyncio.sleep(0)
            await until(lambda: switch.heard)
            switch.sockets.send(switch.heard[0][1], b"y" * 200_000)
            assert await reader.readexactly(200_000) == b"y" * 200_000
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            writer.close()
            await until(lambda: switch.sockets.connections == 0)
            assert switch.failed == []

    run(main())
