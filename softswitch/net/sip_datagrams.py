"""SIP over UDP: datagrams in and out, and the questions to STUN servers that share their socket."""

import asyncio
import contextlib
import errno
import functools
import socket
from typing import Final, Protocol

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.net import stun
from softswitch.net.address import Address, family, sendable, show, unspecified
from softswitch.net.bound_socket import bound_socket
from softswitch.net.gate import Gate
from softswitch.net.routes import MAX_ROUTES
from softswitch.sip.flow import Flow

#: Asked for; the system gives what `net.core.rmem_max` allows. 4 MiB hold about 1 500 messages: 1 s at 500 calls/s.
RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
#: A datagram this short with nothing in it but line ends or zeros only keeps a NAT binding alive.
_MAX_KEEP_ALIVE_BYTES: Final = 4


class Post(Protocol):
    """Whom datagrams are handed to: `SipSockets`."""

    @property
    def gate(self) -> Gate | None: ...
    def message(self, data: bytes, flow: Flow) -> None: ...
    def note(self, what: str) -> None: ...
    def not_sent(self, flow: Flow, why: str) -> None: ...
    def local(self, address: Address, remote_host: str) -> Address: ...


class Datagrams:
    """All the UDP sockets."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._open: dict[Address, _Endpoint] = {}
        self._questions = stun.Questions()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where we listen, in the order of listening."""
        return tuple(self._open)

    async def listen(self, host: str, port: int) -> Address:
        """Receive datagrams on an address; return it, with the port the system chose for port 0."""
        raw = bound_socket("UDP", socket.SOCK_DGRAM, host, port)
        with contextlib.suppress(OSError):  # the system may refuse so much; it then gives less by itself
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        address: Address = raw.getsockname()[:2]
        endpoint = _Endpoint(self, self._post, raw, address)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: endpoint, sock=raw)
        self._open[address] = endpoint
        return address

    def leave(self, address: Address) -> None:
        """Receive no more datagrams on an address."""
        self._open.pop(address).close()

    def close(self) -> None:
        """Receive no more datagrams at all."""
        for endpoint in self._open.values():
            endpoint.close()
        self._open.clear()

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a datagram now or not at all."""
        endpoint = self._endpoint(flow)
        if endpoint is None or not endpoint.can_send(flow.remote):
            self._post.not_sent(flow, "address")
            return
        try:
            endpoint.raw.sendto(data, flow.remote)
        except BlockingIOError:
            self._post.note("udp_buffer_full")  # as good as lost on the way: it is sent again by timer
        except OSError as error:
            self._post.not_sent(flow, errno.errorcode.get(error.errno or 0, "other"))

    async def ask(self, server: Address, flow: Flow) -> Address:
        """Return address and port of the socket of `flow` as a STUN server sees them; ResourceError if it is silent."""
        if not sendable(server):
            raise ResourceError(f"the STUN server {show(server)} is no address that could be asked")
        return await self._questions.ask(server, functools.partial(self._ask, flow))

    def _ask(self, flow: Flow, question: bytes) -> None:
        endpoint = self._endpoint(flow)
        if endpoint is not None:
            with contextlib.suppress(OSError):  # as good as lost on the way: it is asked again
                endpoint.raw.sendto(question, flow.remote)

    def stun_received(self, data: bytes, source: Address) -> None:
        """Take a STUN message; only answers to questions of ours are of interest."""
        self._post.note("stun_answers" if self._questions.received(data, source) else "stun_strays")

    def _endpoint(self, flow: Flow) -> "_Endpoint | None":
        """Return the endpoint of a local address, also of one that is one of many behind 0.0.0.0 or ::, or is gone."""
        found = self._open.get(flow.local)
        if found is not None:
            return found
        kind = family(flow.local[0])
        same = [item for address, item in self._open.items() if family(address[0]) == kind]
        return next((item for item in same if item.address[1] == flow.local[1]), same[0] if same else None)


class _Endpoint(asyncio.DatagramProtocol):
    """One UDP socket. It is read by the loop, and written directly: a datagram goes out now or not at all."""

    def __init__(self, owner: Datagrams, post: Post, raw: socket.socket, address: Address) -> None:
        self.raw = raw
        self.address = address
        self._owner = owner
        self._post = post
        self._family = family(address[0])
        self._transport: asyncio.BaseTransport | None = None
        self._checked: set[Address] = set()
        self._wildcard = unspecified(address[0])

    def can_send(self, remote: Address) -> bool:
        """Say whether `remote` is an IP address of this socket's family, and a port; names would make us wait."""
        if remote in self._checked:
            return True
        if not sendable(remote) or family(remote[0]) != self._family:
            return False
        if len(self._checked) >= MAX_ROUTES:
            self._checked.clear()
        self._checked.add(remote)
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) <= _MAX_KEEP_ALIVE_BYTES and not data.strip(b"\r\n\0"):
            self._post.note("udp_keep_alive")
            return
        if data[0] < 2 and stun.is_stun(data):
            self._owner.stun_received(data, addr[:2])
            return
        gate = self._post.gate
        if gate is not None and not gate.admit(addr[0], data, now=clock.now()):
            return
        local = self._post.local(self.address, addr[0]) if self._wildcard else self.address
        self._post.message(data, Flow("UDP", local, addr[:2]))

    def error_received(self, exc: Exception) -> None:
        self._post.note("udp_receive_error")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
