"""Slow, silent, surplus and unreadable peers lose their connection; the others keep theirs."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from softswitch.net import sip_streams
from softswitch.net.patience import StreamLimits
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.flow import Flow

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nContent-Length: 0\r\n\r\n"


class Switch:
    """A listening switch and what it heard."""

    def __init__(self, limits: StreamLimits) -> None:
        self.heard: list[tuple[bytes, Flow]] = []
        self.sockets = SipSockets(lambda data, flow: self.heard.append((data, flow)), lambda flow: None, limits=limits)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.address)

    async def __aenter__(self) -> "Switch":
        self.address = await self.sockets.listen_tcp("127.0.0.1", 0)
        return self

    async def __aexit__(self, *anything: object) -> None:
        await self.sockets.close()
        assert self.sockets.connections == 0


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_streams, "CHECK_SECONDS", 0.05)


async def closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        try:
            return await reader.read(100) == b""
        except ConnectionError:
            return True


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "first_message"),
        (b"\r\n\r\n", "first_message"),
        (MESSAGE + b"OPTIONS sip:", "unfinished"),
        (MESSAGE, "idle"),
    ],
)
def test_who_keeps_us_waiting_loses_the_connection(run: Run, until: Until, sent: bytes, reason: str) -> None:
    async def main() -> None:
        async with Switch(StreamLimits(first_message=0.3, unfinished=0.3, idle=0.6)) as switch:
            reader, writer = await switch.connect()
            writer.write(sent)
            await until(lambda: switch.sockets.counts[reason])
            if sent == b"\r\n\r\n":
                assert await reader.read(100) == b"\r\n"
            assert await closed(reader)
            writer.close()

    run(main())


def test_a_hundred_dropped_connections_of_one_host_are_one_line(
    run: Run, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Switch(StreamLimits(first_message=0.3)) as switch:
            opened = [await switch.connect() for _ in range(100)]
            await until(lambda: switch.sockets.counts["first_message"] == 100)
            for _, writer in opened:
                writer.close()

    with caplog.at_level(logging.INFO, logger="softswitch.net"):
        run(main())
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["SIP connection dropped"]


def test_one_octet_at_a_time_is_too_slow(run: Run) -> None:
    async def main() -> None:
        async with Switch(StreamLimits(first_message=0.3, unfinished=0.3)) as switch:
            reader, writer = await switch.connect()
            for octet in MESSAGE:
                writer.write(bytes([octet]))
                await asyncio.sleep(0.02)
                if switch.sockets.counts["first_message"]:
                    break
            assert await closed(reader)
            assert switch.heard == []
            writer.close()

    run(main())


def test_a_message_in_pieces_is_one_message(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch(StreamLimits()) as switch:
            _, writer = await switch.connect()
            for octet in MESSAGE:
                writer.write(bytes([octet]))
                await asyncio.sleep(0.001)
            writer.write(MESSAGE * 3)
            await until(lambda: len(switch.heard) == 4)
            assert [data for data, _ in switch.heard] == [MESSAGE] * 4
            assert len({flow.connection for _, flow in switch.heard}) == 1
            writer.close()

    run(main())


def test_a_double_line_end_is_answered_with_one(run: Run) -> None:
    async def main() -> None:
        async with Switch(StreamLimits()) as switch:
            reader, writer = await switch.connect()
            writer.write(MESSAGE)
            for _ in range(3):  # RFC 5626 section 3.5.1
                writer.write(b"\r\n\r\n")
                async with asyncio.timeout(5):
                    assert await reader.readexactly(2) == b"\r\n"
            writer.close()

    run(main())


@pytest.mark.parametrize("rubbish", [bytes(200_000), b"A" * 200_000, b"A: b\r\n" * 30_000, b"A\r\n\r\n"])
def test_a_stream_that_cannot_be_followed_is_closed_at_once(run: Run, rubbish: bytes) -> None:
    async def main() -> None:
        async with Switch(StreamLimits()) as switch:
            reader, writer = await switch.connect()
            writer.write(rubbish)
            assert await closed(reader)
            assert switch.sockets.counts["unreadable_stream"] == 1
            assert switch.heard == []
            writer.close()

    run(main())


def test_a_peer_that_speaks_tls_to_us_is_closed_in_time(run: Run) -> None:
    async def main() -> None:
        async with Switch(StreamLimits(first_message=0.3)) as switch:
            reader, writer = await switch.connect()
            writer.write(b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + bytes(200))
            assert await closed(reader)
            assert switch.sockets.counts["first_message"] == 1
            writer.close()

    run(main())


def test_surplus_connections_are_refused_and_the_others_live(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch(StreamLimits(connections=2)) as switch:
            first = await switch.connect()
            second = await switch.connect()
            third = await switch.connect()
            assert await closed(third[0])
            assert switch.sockets.counts["connection_refused"] == 1
            first[1].write(MESSAGE)
            second[1].write(MESSAGE)
            await until(lambda: len(switch.heard) == 2)
            first[1].close()
            await until(lambda: switch.sockets.connections == 1)
            fourth = await switch.connect()
            fourth[1].write(MESSAGE)
            await until(lambda: len(switch.heard) == 3)
            for _, writer in (second, third, fourth):
                writer.close()

    run(main())


def test_close_lets_a_peer_take_what_was_sent_to_it(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch(StreamLimits()) as switch:
            reader, writer = await switch.connect()
            writer.write(MESSAGE)
            await until(lambda: switch.heard)
            switch.sockets.send(switch.heard[0][1], b"y" * 200_000)
        async with asyncio.timeout(5):
            assert len(await reader.read()) == 200_000
        writer.close()

    run(main())


def test_close_does_not_wait_for_a_peer_that_does_not_read(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch(StreamLimits(close=0.2, write_bytes=100_000_000)) as switch:
            with socket.create_connection(switch.address) as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.sendall(MESSAGE)
                await until(lambda: switch.heard)
                switch.sockets.send(switch.heard[0][1], bytes(20_000_000))
                started = asyncio.get_running_loop().time()
                await switch.sockets.close()
                assert switch.sockets.connections == 0
                assert asyncio.get_running_loop().time() - started < 2.0

    run(main())


def test_a_lone_line_end_is_no_message_begun(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch(StreamLimits(unfinished=0.2)) as switch:
            _, writer = await switch.connect()
            writer.write(MESSAGE + b"\r\n")
            await asyncio.sleep(0.5)
            assert switch.sockets.connections == 1
            writer.write(MESSAGE)
            await until(lambda: len(switch.heard) == 2)
            writer.close()

    run(main())
