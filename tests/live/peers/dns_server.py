"""A name server on loopback whose zone, moods and questions are the test's own."""

import asyncio
import contextlib
from collections import Counter

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Address = tuple[str, int]


class DnsServer(asyncio.DatagramProtocol):
    """`async with DnsServer() as server:`. `asked` counts the questions, as `NAME TYPE`.

    mood: `honest`, `silent`, `servfail`, `garbage` (bytes that are no message), `cut` (half a message), `wrong_id`,
    or `truncated` (the whole answer only over TCP). moods: the same for one question (`NAME TYPE`).
    """

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], dns.rrset.RRset] = {}
        self.asked: Counter[str] = Counter()
        self.by_tcp = 0
        self.mood = "honest"
        self.moods: dict[str, str] = {}
        self.negative_ttl = 60
        self._transport: asyncio.DatagramTransport | None = None

    def add(self, name: str, kind: str, *values: str, ttl: int = 60) -> None:
        """Add records: `add("a.example", "A", "127.0.0.1")`."""
        self.zone[(name.lower(), kind)] = dns.rrset.from_text(name + ".", ttl, "IN", kind, *values)

    async def __aenter__(self) -> "DnsServer":
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
            self._transport = transport
            self.address: Address = transport.get_extra_info("sockname")[:2]
            try:
                self._tcp = await asyncio.start_server(self._served, *self.address)
                break
            except OSError:  # somebody has that port over TCP
                transport.close()
                if attempt == 19:
                    raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tcp.close()
        await self._tcp.wait_closed()
        if self._transport is not None:
            self._transport.close()
        await asyncio.sleep(0.01)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        answer = self._answer(data, over="udp")
        if answer and self._transport is not None:
            self._transport.sendto(answer, addr)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            length = int.from_bytes(await reader.readexactly(2), "big")
            answer = self._answer(await reader.readexactly(length), over="tcp")
            self.by_tcp += 1
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _answer(self, data: bytes, *, over: str) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[f"{name} {kind}"] += 1
        mood = self.moods.get(f"{name} {kind}", self.mood)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        self._fill(reply, name, kind)
        match mood:
            case "silent":
                return b""
            case "servfail":
                reply = dns.message.make_response(query)
                reply.set_rcode(dns.rcode.SERVFAIL)
            case "garbage":
                return b"\xff" * 40
            case "cut":
                wire: bytes = reply.to_wire()
                return wire[: len(wire) // 2]
            case "wrong_id":
                reply.id ^= 1
            case "truncated" if over == "udp":
                reply = dns.message.make_response(query)
                reply.flags |= dns.flags.TC
        wire = reply.to_wire()
        return wire

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(10):
            if (name, kind) in self.zone:
                reply.answer.append(self.zone[(name, kind)])
                return
            alias = self.zone.get((name, "CNAME"))
            if alias is None:
                break
            reply.answer.append(alias)
            name = alias[0].target.to_text(omit_final_dot=True).lower()
        if not any(known == name for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if self.negative_ttl:
            soa = f"ns.example. root.example. 1 1 1 1 {self.negative_ttl}"
            reply.authority.append(dns.rrset.from_text("example.", self.negative_ttl, "IN", "SOA", soa))
