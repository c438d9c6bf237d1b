"""Garbage and half-open handshakes cost little, end in time, and leave room for those who mean it."""

import asyncio
import gc
import os
import socket
import ssl
from asyncio.subprocess import DEVNULL
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

import pytest

from softswitch.net import sip_streams
from softswitch.net.gate import Gate, GateSettings
from softswitch.net.patience import StreamLimits
from softswitch.net.sip_socket import SipSockets
from softswitch.net.sip_tls import ServerTls, TlsContexts
from tests.tools.certificates import Authority

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nContent-Length: 0\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + bytes(200)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_streams, "CHECK_SECONDS", 0.05)


class Switch:
    def __init__(self, folder: Path, limits: StreamLimits, gate: Gate | None = None) -> None:
        authority = Authority()
        self.heard = 0
        self.trusting = ssl.create_default_context(cafile=authority.write(folder))
        pair = authority.sign("localhost").write(folder, "ours")
        tls = TlsContexts(ServerTls(pair))
        self.sockets = SipSockets(self._message, lambda flow: None, limits=limits, tls=tls, gate=gate)

    def _message(self, _data: bytes, _flow: object) -> None:
        self.heard += 1

    @property
    def failures(self) -> dict[tuple[str, str], int]:
        return dict(self.sockets.streams.tls_failures)

    async def connect(self, host: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect and speak no TLS."""
        return await asyncio.open_connection(*self.address, local_addr=(host, 0))

    async def phone(self, host: str = "127.0.0.1") -> asyncio.StreamWriter:
        """Connect as a telephone does, and say something."""
        _, writer = await asyncio.open_connection(
            *self.address, ssl=self.trusting, server_hostname="localhost", local_addr=(host, 0)
        )
        writer.write(MESSAGE)
        return writer

    async def __aenter__(self) -> "Switch":
        self.address = await self.sockets.listen_tls("127.0.0.1", 0)
        return self

    async def __aexit__(self, *anything: object) -> None:
        await self.sockets.close()
        streams = self.sockets.streams
        assert self.sockets.connections == 0
        assert not streams._handshaking and not streams._hosts and not streams._handshakes


async def closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        try:
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass
        return True


@pytest.mark.parametrize("said", [b"", HELLO, HELLO[:3]])
def test_a_handshake_that_stops_loses_its_connection(run: Run, until: Until, tmp_path: Path, said: bytes) -> None:
    async def main() -> None:
        async with Switch(tmp_path, StreamLimits(handshake=0.3)) as switch:
            reader, writer = await switch.connect()
            writer.write(said)
            assert await closed(reader)
            assert switch.failures == {("in", "timeout"): 1}
            writer.close()

    run(main())


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (MESSAGE, {"plain_text", "broken"}),
        (b"GET / HTTP/1.1\r\n\r\n", {"plain_text", "broken"}),
        (bytes(1000), {"plain_text", "broken"}),
        (b"\x16\x03\x01\x00\x05hello", {"broken", "plain_text", "version"}),
        (os.urandom(5000), {"plain_text", "broken", "version", "refused", "timeout"}),
        (b"\x16\x03\x01\x40\x00" + b"\1\0\xff\xff" + bytes(200_000), {"broken", "plain_text"}),
    ],
)
def test_garbage_is_counted_and_closed(run: Run, tmp_path: Path, said: bytes, kinds: set[str]) -> None:
    async def main() -> None:
        async with Switch(tmp_path, StreamLimits(handshake=1.0)) as switch:
            reader, writer = await switch.connect()
            writer.write(said)
            assert await closed(reader)
            [(side, kind)] = switch.failures
            assert side == "in" and kind in kinds
            assert switch.heard == 0
            writer.close()

    run(main())


def test_a_phone_that_does_not_believe_us_is_counted(run: Run, until: Until, tmp_path: Path) -> None:
    async def main() -> None:
        async with Switch(tmp_path, StreamLimits()) as switch:
            where = f"{switch.address[0]}:{switch.address[1]}"
            command = ["openssl", "s_client", "-connect", where, "-verify_return_error"]
            process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
            await until(lambda: switch.failures)
            await process.wait()
            assert switch.failures == {("in", "refused"): 1}

    run(main())


def test_a_connection_that_is_reset_in_mid_handshake_leaves_nothing(run: Run, until: Until, tmp_path: Path) -> None:
    async def main() -> None:
        async with Switch(tmp_path, StreamLimits()) as switch:
            for _ in range(20):
                _, writer = await switch.connect()
                writer.write(HELLO)
                await asyncio.sleep(0)
                writer.transport.abort()
            await until(lambda: switch.sockets.connections == 0)
            writer = await switch.phone()
            await until(lambda: switch.heard)
            writer.close()

    run(main())


def test_one_host_holds_so_many_handshakes_and_others_get_through(run: Run, until: Until, tmp_path: Path) -> None:
    async def main() -> None:
        async with Switch(tmp_path, StreamLimits(handshakes_per_host=5, handshake=1.0)) as switch:
            half_open = [await switch.connect("127.0.0.66") for _ in range(8)]
            for reader, _ in half_open[5:]:
                assert await closed(reader)
            assert switch.sockets.counts["host_handshake_refused"] == 3
            phones = [await switch.phone("127.0.0.1") for _ in range(10)]
            await until(lambda: switch.heard == 10)
            await until(lambda: switch.failures.get(("in", "timeout")) == 5)
            again = await switch.phone("127.0.0.66")
            await until(lambda: switch.heard == 11)
            for writer in (again, *phones, *(writer for _, writer in half_open)):
                writer.close()

    run(main())


def test_all_hosts_hold_so_many_handshakes(run: Run, until: Until, tmp_path: Path) -> None:
    async def main() -> None:
        async with Switch(tmp_path, StreamLimits(handshakes=4, handshake=0.5)) as switch:
            half_open = [await switch.connect(f"127.0.1.{number}") for number in range(1, 7)]
            await until(lambda: switch.sockets.counts["handshake_refused"] == 2)
            await until(lambda: switch.failures.get(("in", "timeout")) == 4)
            writer = await switch.phone()
            await until(lambda: switch.heard)
            for one in (writer, *(writer for _, writer in half_open)):
                one.close()

    run(main())


def test_one_host_holds_so_many_connections_unless_it_is_known(run: Run, until: Until, tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate(GateSettings(trusted=("127.0.0.2/32",)), now=0.0)
        async with Switch(tmp_path, StreamLimits(per_host=3), gate) as switch:
            strangers = [await switch.connect() for _ in range(5)]
            for reader, _ in strangers[3:]:
                assert await closed(reader)
            assert switch.sockets.counts["host_connection_refused"] == 2
            known = [await switch.phone("127.0.0.2") for _ in range(10)]
            await until(lambda: switch.heard == 10)
            for writer in (*known, *(writer for _, writer in strangers)):
                writer.close()

    run(main())


def test_a_thousand_connections_leave_no_memory_behind(run: Run, until: Until, tmp_path: Path) -> None:
    async def main() -> None:
        async with Switch(tmp_path, StreamLimits()) as switch:
            for _ in range(100):
                phones = [await switch.phone() for _ in range(10)]
                for writer in phones:
                    writer.close()
            await until(lambda: switch.sockets.connections == 0)
            assert switch.heard == 1000
            stats = switch.sockets.streams.tls.server.session_stats()  # type: ignore[union-attr]
            assert stats["number"] == 0  # no session is kept to be resumed
            gc.collect()

    run(main())


def test_who_hangs_up_in_the_middle_of_a_handshake_is_no_fault_of_ours(run: Run, until: Until, tmp_path: Path) -> None:
    """What the worker thread found out is asked for even where nobody needs it any more; else it is logged as ours."""

    async def main() -> None:
        async with Switch(tmp_path, StreamLimits()) as switch:
            for number in range(40):
                with socket.socket() as raw:
                    raw.bind((f"127.0.0.{2 + number % 20}", 0))
                    raw.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(raw, switch.address)
                    raw.send(b"no handshake at all, " * 3)
            await until(lambda: switch.sockets.connections == 0)
            writer = await switch.phone()
            await until(lambda: switch.heard)
            writer.close()

    run(main())
