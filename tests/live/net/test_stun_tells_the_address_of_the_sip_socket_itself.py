"""STUN by the socket that SIP uses: the port is the one that matters, and SIP goes on undisturbed."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from softswitch.errors import ResourceError
from softswitch.net import stun
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.flow import Flow
from tests.live.peers.stun_server import COOKIE, Address, StunServer, attribute, mapped, message, xor_mapped

Run = Callable[[Coroutine[Any, Any, None]], None]
PUBLIC = bytes([203, 0, 113, 5])


async def asked(server: StunServer, sockets: SipSockets | None = None) -> Address:
    mine = sockets or SipSockets(lambda data, flow: None, lambda flow: None)
    try:
        if sockets is None:
            await mine.listen_udp("::1" if ":" in server.address[0] else "127.0.0.1", 0)
        return await mine.stun(server.address)
    finally:
        if sockets is None:
            await mine.close()


def test_the_server_sees_the_sip_socket(run: Run) -> None:
    async def story() -> None:
        def echo(transaction: bytes, source: Address, number: int) -> list[bytes]:
            return [message(0x0101, transaction, xor_mapped(socket.inet_aton(source[0]), source[1], transaction))]

        got: list[bytes] = []
        sockets = SipSockets(lambda data, flow: got.append(data), lambda flow: None)
        ours = await sockets.listen_udp("127.0.0.1", 0)
        async with StunServer(echo) as server:
            assert await sockets.stun(server.address) == ours
            assert server.asked == 1
        await sockets.close()
        assert got == []

    run(story())


def test_a_translated_address_is_told(run: Run) -> None:
    async def story() -> None:
        def far(transaction: bytes, source: Address, number: int) -> list[bytes]:
            return [message(0x0101, transaction, mapped(bytes(4), 1), xor_mapped(PUBLIC, 61234, transaction))]

        async with StunServer(far) as server:
            assert await asked(server) == ("203.0.113.5", 61234)

    run(story())


def test_it_is_asked_again_when_the_answer_is_lost(run: Run) -> None:
    async def story() -> None:
        def third(transaction: bytes, source: Address, number: int) -> list[bytes]:
            return [message(0x0101, transaction, mapped(PUBLIC, 5060))] if number == 3 else []

        async with StunServer(third) as server:
            begun = asyncio.get_running_loop().time()
            assert await asked(server) == ("203.0.113.5", 5060)
            assert 1.4 < asyncio.get_running_loop().time() - begun < 2.5  # asked at 0, 0.5 and 1.5 s

    run(story())


def test_over_ipv6_too(run: Run) -> None:
    async def story() -> None:
        host = socket.inet_pton(socket.AF_INET6, "2001:db8::7")

        def far(transaction: bytes, source: Address, number: int) -> list[bytes]:
            return [message(0x0101, transaction, xor_mapped(host, 5062, transaction))]

        async with StunServer(far, "::1") as server:
            assert await asked(server) == ("2001:db8::7", 5062)

    run(story())


@pytest.mark.parametrize(
    ("kind", "attributes", "why"),
    [
        (0x0111, attribute(0x0009, b"\0\0\x05\x00Server Error"), "it refused: 500 Server Error"),
        (0x0101, b"", "it names no address"),
        (0x0101, mapped(bytes(15) + b"\1", 5060), "an address of another family"),
    ],
)
def test_an_answer_without_use_is_a_sentence(run: Run, kind: int, attributes: bytes, why: str) -> None:
    async def story() -> None:
        async with StunServer(lambda transaction, *_: [message(kind, transaction, attributes)]) as server:
            with pytest.raises(ResourceError, match=why):
                await asked(server)

    run(story())


def test_rubbish_and_strangers_are_not_believed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stun, "REQUESTS", 1)
    monkeypatch.setattr(stun, "LAST_WAIT", 0.3)

    async def story() -> None:
        got: list[bytes] = []
        sockets = SipSockets(lambda data, flow: got.append(data), lambda flow: None)
        ours = await sockets.listen_udp("127.0.0.1", 0)
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def rubbish(transaction: bytes, source: Address, number: int) -> list[bytes]:
            stranger.sendto(message(0x0101, transaction, mapped(PUBLIC, 1)), ours)
            other = bytes(12)
            return [b"\0\0" + COOKIE * 5, message(0x0101, other, mapped(PUBLIC, 2)), b"\1", b"\1\1\0\0" + COOKIE]

        async with StunServer(rubbish) as server:
            with pytest.raises(ResourceError, match="did not answer"):
                await sockets.stun(server.address)
        assert sockets.counts["stun_answers"] == 0
        assert sockets.counts["stun_strays"] >= 2
        stranger.close()
        await sockets.close()

    run(story())


def test_sip_is_heard_beside_it(run: Run) -> None:
    async def story() -> None:
        got: list[Flow] = []
        sockets = SipSockets(lambda data, flow: got.append(flow), lambda flow: None)
        ours = await sockets.listen_udp("127.0.0.1", 0)

        def also_sip(transaction: bytes, source: Address, number: int) -> list[bytes]:
            return [b"OPTIONS sip:x SIP/2.0\r\n\r\n", message(0x0101, transaction, mapped(PUBLIC, 5060))]

        async with StunServer(also_sip) as server:
            assert await asked(server, sockets) == ("203.0.113.5", 5060)
            assert [(flow.local, flow.remote) for flow in got] == [(ours, server.address)]
        await sockets.close()

    run(story())


def test_a_server_that_cannot_be_asked_is_a_sentence(run: Run) -> None:
    async def story() -> None:
        sockets = SipSockets(lambda data, flow: None, lambda flow: None)
        await sockets.listen_udp("127.0.0.1", 0)
        for server in (("::1", 3478), ("stun.example", 3478), ("127.0.0.1", 0)):
            with pytest.raises(ResourceError):
                await sockets.stun(server)
        await sockets.close()

    run(story())
