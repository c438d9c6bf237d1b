"""What the gate keeps out is neither handed up nor answered, by datagram or by connection."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Coroutine

from softswitch import clock
from softswitch.net.gate import Gate, GateSettings
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.flow import Flow

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
OPTIONS = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nContent-Length: 0\r\n\r\n"
SCAN = b"OPTIONS sip:a@b SIP/2.0\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"


class Switch:
    """Sockets behind a gate, and what came through it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.gate = Gate(GateSettings(), now=clock.now())
        self.sockets = SipSockets(self._heard, lambda flow: None, gate=self.gate)

    def _heard(self, _data: bytes, flow: Flow) -> None:
        self.heard.append((flow.transport, flow.remote[0]))

    async def __aenter__(self) -> "Switch":
        self.udp = await self.sockets.listen_udp("127.0.0.1", 0)
        self.tcp = await self.sockets.listen_tcp("127.0.0.1", 0)
        return self

    async def __aexit__(self, *anything: object) -> None:
        await self.sockets.close()


def send(source: str, data: bytes, target: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.bind((source, 0))
        raw.sendto(data, target)


async def connect(source: str, target: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*target, local_addr=(source, 0))


async def closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            return await reader.read(100) == b""
    return True


def test_datagrams_of_a_scanner_are_dropped_from_the_first_on(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch() as switch:
            send("127.0.0.2", SCAN, switch.udp)
            send("127.0.0.2", OPTIONS, switch.udp)
            send("127.0.0.3", OPTIONS, switch.udp)
            await until(lambda: switch.heard)
            assert switch.heard == [("UDP", "127.0.0.3")]
            assert switch.gate.dropped == {"scanner": 1, "banned": 1}

    run(main())


def test_who_is_banned_cannot_connect_and_loses_what_is_open(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch() as switch:
            reader, writer = await connect("127.0.0.2", switch.tcp)
            other_reader, other_writer = await connect("127.0.0.3", switch.tcp)
            writer.write(OPTIONS)
            await until(lambda: switch.heard)
            writer.write(SCAN + OPTIONS)
            assert await closed(reader)
            late_reader, late_writer = await connect("127.0.0.2", switch.tcp)
            assert await closed(late_reader)
            other_writer.write(OPTIONS)
            await until(lambda: len(switch.heard) == 2)
            assert switch.heard == [("TCP", "127.0.0.2"), ("TCP", "127.0.0.3")]
            assert switch.sockets.connections == 1
            for one in (writer, other_writer, late_writer):
                one.close()
            del other_reader

    run(main())


def test_a_stream_that_makes_no_sense_counts_towards_a_ban(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch() as switch:
            for _ in range(16):
                reader, writer = await connect("127.0.0.2", switch.tcp)
                writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
                assert await closed(reader)
                writer.close()
            await until(lambda: switch.gate.bans("127.0.0.2", now=clock.now()))
            assert not switch.heard

    run(main())


def test_who_pings_without_end_is_banned_and_costs_little(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch() as switch:
            reader, writer = await connect("127.0.0.2", switch.tcp)
            writer.write(b"\r\n\r\n" * 60_000)
            async with asyncio.timeout(5):
                with contextlib.suppress(ConnectionError):
                    while await reader.read(1000):
                        pass
            settings = switch.gate.settings
            assert switch.sockets.counts["tcp_keep_alive"] <= settings.messages * settings.burst_seconds + 10
            assert switch.gate.banned == {"flood": 1}
            writer.close()

    run(main())


def test_of_who_says_too_much_at_once_the_rest_is_not_even_cut(run: Run, until: Until) -> None:
    async def main() -> None:
        async with Switch() as switch:
            reader, writer = await connect("127.0.0.2", switch.tcp)
            small = b"BYE sip:a SIP/2.0\r\nl:0\r\n\r\n"
            writer.write(small * 9000)
            assert await closed(reader)
            settings = switch.gate.settings
            admitted = settings.messages * settings.burst_seconds
            assert len(switch.heard) <= admitted + 10
            looked_at = admitted + sum(switch.gate.dropped.values())
            assert looked_at < 1000, "of 9000 in one go the rest was cut all the same"
            writer.close()

    run(main())
