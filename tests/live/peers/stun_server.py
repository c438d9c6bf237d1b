"""A STUN server on loopback that says what the test wants."""

import asyncio
import struct
from collections.abc import Callable, Sequence

Address = tuple[str, int]
COOKIE = bytes.fromhex("2112a442")


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4)


def mapped(host: bytes, port: int) -> bytes:
    return attribute(0x0001, struct.pack("!BBH", 0, 1 if len(host) == 4 else 2, port) + host)


def xor_mapped(host: bytes, port: int, transaction: bytes) -> bytes:
    hidden = bytes(a ^ b for a, b in zip(host, COOKIE + transaction, strict=False))
    return attribute(0x0020, struct.pack("!BBH", 0, 1 if len(host) == 4 else 2, port ^ 0x2112) + hidden)


def message(kind: int, transaction: bytes, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HH", kind, len(body)) + COOKIE + transaction + body


class StunServer(asyncio.DatagramProtocol):
    """`async with StunServer(answer) as server:`; answer(transaction, source, number) gives the datagrams to send."""

    def __init__(self, answer: Callable[[bytes, Address, int], Sequence[bytes]], host: str = "127.0.0.1") -> None:
        self.asked = 0
        self._answer = answer
        self._host = host
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> "StunServer":
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
        self._transport = transport
        self.address: Address = transport.get_extra_info("sockname")[:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()
        await asyncio.sleep(0.01)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        assert data[:2] == b"\x00\x01" and data[4:8] == COOKIE and len(data) == 20
        self.asked += 1
        for datagram in self._answer(data[8:20], addr[:2], self.asked):
            if self._transport is not None:
                self._transport.sendto(datagram, addr)
