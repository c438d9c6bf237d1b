"""Each flow under which something could not be sent comes back by `on_failed`, never from inside `send`."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from softswitch.net.patience import StreamLimits
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.flow import Flow

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]


def closed_port() -> tuple[str, int]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host, port = nobody.getsockname()
        return host, port


@pytest.mark.parametrize(
    "flow",
    [
        Flow("UDP", ("127.0.0.1", 1), ("example.com", 5060)),
        Flow("UDP", ("127.0.0.1", 1), ("127.0.0.1", 0)),
        Flow("UDP", ("127.0.0.1", 1), ("127.0.0.1", 70000)),
        Flow("UDP", ("127.0.0.1", 1), ("::1", 5060)),
        Flow("UDP", ("127.0.0.1", 1), ("255.255.255.255", 5060)),
        Flow("TCP", ("127.0.0.1", 1), ("example.com", 5060)),
        Flow("TCP", ("127.0.0.1", 1), ("127.0.0.1", 5060), 4711),
        Flow("TLS", ("127.0.0.1", 1), ("127.0.0.1", 5061)),
    ],
    ids=str,
)
def test_an_impossible_flow_is_reported(run: Run, until: Until, flow: Flow) -> None:
    async def main() -> None:
        failed: list[Flow] = []
        sockets = SipSockets(lambda data, flow: None, failed.append)
        await sockets.listen_udp("127.0.0.1", 0)
        await sockets.listen_tcp("127.0.0.1", 0)
        sockets.send(flow, b"x")
        assert failed == []  # not from inside
        await until(lambda: failed)
        assert failed == [flow]
        broadcast = flow.remote[0] == "255.255.255.255"
        why = {"UDP": "EACCES" if broadcast else "address", "TCP": "no_connection", "TLS": "transport"}[flow.transport]
        assert sockets.counts == {f"send_{why}": 1}
        await sockets.close()

    run(main())


def test_a_message_too_long_for_a_datagram_is_reported(run: Run, until: Until) -> None:
    async def main() -> None:
        failed: list[Flow] = []
        sockets = SipSockets(lambda data, flow: None, failed.append)
        flow = Flow("UDP", await sockets.listen_udp("127.0.0.1", 0), closed_port())
        sockets.send(flow, bytes(70_000))
        await until(lambda: failed)
        assert failed == [flow]
        assert sockets.counts["send_EMSGSIZE"] == 1
        await sockets.close()

    run(main())


def test_a_connection_that_is_refused_fails_every_message_that_waited(run: Run, until: Until) -> None:
    async def main() -> None:
        failed: list[Flow] = []
        sockets = SipSockets(lambda data, flow: None, failed.append)
        flow = Flow("TCP", ("127.0.0.1", 5060), closed_port())
        other = flow._replace(local=("127.0.0.1", 5070))
        sockets.send(flow, b"x")
        sockets.send(other, b"y")
        assert sockets.connections == 1
        await until(lambda: len(failed) == 2)
        assert failed == [flow, other]
        assert sockets.connections == 0
        await sockets.close()

    run(main())


def test_a_connection_that_breaks_off_fails_those_who_wait(run: Run, until: Until) -> None:
    async def main() -> None:
        failed: list[Flow] = []
        sockets = SipSockets(lambda data, flow: None, failed.append)
        with socket.create_server(("127.0.0.1", 0)) as server:
            flow = Flow("TCP", ("127.0.0.1", 5060), server.getsockname())
            sockets.send(flow, b"x")
            server.setblocking(False)
            accepted, _ = await asyncio.get_running_loop().sock_accept(server)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close by RST
            accepted.close()
            await until(lambda: failed)
            assert failed == [flow]
            assert sockets.connections == 0
        await sockets.close()

    run(main())


def test_a_peer_that_does_not_read_loses_its_connection(run: Run, until: Until) -> None:
    async def main() -> None:
        failed: list[Flow] = []
        sockets = SipSockets(lambda data, flow: None, failed.append, limits=StreamLimits(write_bytes=100_000))
        with socket.create_server(("127.0.0.1", 0)) as server:
            flow = Flow("TCP", ("127.0.0.1", 5060), server.getsockname())
            for _ in range(2000):
                sockets.send(flow, bytes(10_000))
                await asyncio.sleep(0)
                if sockets.counts["write_buffer_full"]:
                    break
            await until(lambda: failed)
            assert set(failed) == {flow}
            assert sockets.counts["write_buffer_full"] == 1
        await sockets.close()

    run(main())


def test_a_connection_is_used_again(run: Run, until: Until) -> None:
    async def main() -> None:
        sockets = SipSockets(lambda data, flow: None, lambda flow: None)
        with socket.create_server(("127.0.0.1", 0)) as server:
            flow = Flow("TCP", ("127.0.0.1", 5060), server.getsockname())
            for _ in range(3):
                sockets.send(flow, b"x")
                await asyncio.sleep(0.02)
            assert sockets.connections == 1
            server.setblocking(False)
            accepted, _ = await asyncio.get_running_loop().sock_accept(server)
            with pytest.raises(BlockingIOError):
                server.accept()
            accepted.close()
            await until(lambda: sockets.connections == 0)
        await sockets.close()

    run(main())


def test_a_connection_that_its_peer_is_closing_is_not_used_again(run: Run, until: Until) -> None:
    async def main() -> None:
        sockets = SipSockets(lambda data, flow: None, lambda flow: None, limits=StreamLimits(write_bytes=100_000_000))
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            flow = Flow("TCP", ("127.0.0.1", 5060), server.getsockname())
            sockets.send(flow, bytes(20_000_000))  # more than the system buffers, so that closing takes its time
            first, _ = await loop.sock_accept(server)
            first.shutdown(socket.SHUT_WR)
            await asyncio.sleep(0.1)
            assert sockets.connections == 1
            sockets.send(flow, b"x")
            second, _ = await loop.sock_accept(server)
            assert await loop.sock_recv(second, 10) == b"x"
            first.close()
            second.close()
            await until(lambda: sockets.connections == 0)
        await sockets.close()

    run(main())
