"""SIP over UDP and TCP: messages in and out, each with the `Flow` it came or goes by.

Theory of operation
-------------------
`send` never waits and never raises for what the network does. A datagram goes out at once or is lost (SIP sends it
again, RFC 3261 section 17). Over TCP a flow that names a connection uses that one and no other; a flow without
(`connection` 0) uses a connection that is open to the same remote, else opens one. What could not be delivered is
reported by `on_failed(flow)`, always from the loop and never from inside `send`, so that the machine which sends is
not entered twice.

A socket bound to every address of the machine (0.0.0.0, ::) does not know which of them a peer can reach. The route to
the peer tells; it is asked once for each peer host, so that `Flow.local` is always an address that can stand in Via and
Contact. For a connection that we opened it is the address that we listen on, not the passing port of the connection.

A handler that raises is logged with its call, and the socket goes on.

What a `Gate` keeps out is neither read nor answered, whatever it comes by.

STUN shares the UDP sockets: only by the very socket that SIP uses can be learnt under which address and port a NAT
shows it. No SIP message begins with an octet below 2, so the first one tells them apart.
"""

import asyncio
import contextlib
import errno
import functools
import logging
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.net import stun
from softswitch.net.address import Address, bind_error, family, local_towards, sendable, show, unspecified
from softswitch.net.gate import Gate
from softswitch.net.patience import StreamLimits
from softswitch.net.seldom import Seldom
from softswitch.net.sip_stream import Connection, call_of
from softswitch.sip.flow import Flow

#: Asked for; the system gives what `net.core.rmem_max` allows. 4 MiB hold about 1 500 messages: 1 s at 500 calls/s.
RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024

#: Connections that wait to be accepted.
BACKLOG: Final = 1024

#: Peer hosts whose route is remembered; a flood from made-up addresses empties the table, not the memory.
MAX_ROUTES: Final = 4096

#: A datagram this short with nothing in it but line ends or zeros only keeps a NAT binding alive.
_MAX_KEEP_ALIVE_BYTES: Final = 4

#: How often connections are looked over for peers that keep us waiting.
_CHECK_SECONDS: Final = 1.0

#: Class Selector 5, the class of signalling (RFC 4594 section 4.2).
TRAFFIC_CLASS: Final = 40 << 2

#: Why a connection is broken off -> what its peer did wrong by it.
_HOSTILE: Final = {
    "first_message": "stalled_connection",
    "unfinished": "stalled_connection",
    "unreadable_stream": "bad_message",
}

_log = logging.getLogger("softswitch.net")


class SipSockets:
    """All the SIP sockets of the process.

    on_message: called with each whole message and its flow. on_failed: called with a flow under which something could
    not be delivered. gate: asked of each message and accepted connection whether it shall be looked at; None: all are.
    counts: what happened, by kind, for the metrics.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, Flow], None],
        on_failed: Callable[[Flow], None],
        *,
        limits: StreamLimits | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.limits = limits or StreamLimits()
        self.gate = gate
        self.counts: Counter[str] = Counter()
        self._on_message = on_message
        self._on_failed = on_failed
        self._udp: dict[Address, _Datagrams] = {}
        self._tcp: dict[Address, asyncio.Server] = {}
        self._connections: dict[int, Connection] = {}
        self._by_remote: dict[Address, Connection] = {}
        self._watchers: dict[int, list[Callable[[], None]]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._routes: dict[str, str] = {}
        self._questions = stun.Questions()
        self._seldom = Seldom()
        self._numbers = 0
        self._check: asyncio.TimerHandle | None = None
        self._all_ended: asyncio.Event | None = None
        self._closing = False

    # ---------------------------------------------------------------- listening

    async def listen_udp(self, host: str, port: int) -> Address:
        """Receive datagrams on an address; return it, with the port the system chose for port 0.

        Raises ResourceError, one sentence, if the address cannot be bound.
        """
        raw = _bound_socket("UDP", socket.SOCK_DGRAM, host, port)
        with contextlib.suppress(OSError):  # the system may refuse so much; it then gives less by itself
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        address: Address = raw.getsockname()[:2]
        endpoint = _Datagrams(self, raw, address)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: endpoint, sock=raw)
        self._udp[address] = endpoint
        return address

    def leave_udp(self, address: Address) -> None:
        """Receive no more datagrams on an address that we listened on."""
        self._udp.pop(address).close()

    async def listen_tcp(self, host: str, port: int) -> Address:
        """Accept connections on an address; return it and raise as `listen_udp` does."""
        raw = _bound_socket("TCP", socket.SOCK_STREAM, host, port)
        address: Address = raw.getsockname()[:2]
        accept = functools.partial(self._new_connection, accepted=True, flow=Flow("TCP", address, ("", 0)))
        self._tcp[address] = await asyncio.get_running_loop().create_server(accept, sock=raw, backlog=BACKLOG)
        self._arm_check()
        return address

    @property
    def connections(self) -> int:
        """Return how many TCP connections are open or being opened."""
        return len(self._connections)

    async def close(self) -> None:
        """Stop listening, let the peers take what was sent to them, and close everything."""
        self._closing = True
        for server in self._tcp.values():
            server.close()
        self._tcp.clear()
        if self._check is not None:
            self._check.cancel()
        self._all_ended = asyncio.Event()
        for connection in list(self._connections.values()):
            connection.close()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.limits.close):
                    await self._all_ended.wait()
        for connection in list(self._connections.values()):
            connection.fail()
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for endpoint in self._udp.values():
            endpoint.close()
        self._udp.clear()
        await asyncio.sleep(0)  # the loop closes descriptors in its next round; then the ports are free again

    # ---------------------------------------------------------------- sending

    def flow_to(self, transport: str, remote: Address) -> Flow:
        """Return the flow for a new request to `remote` (IP address, port) over `UDP` or `TCP`.

        Raises ResourceError if we do not listen on that transport in that address family.
        """
        listening = self._udp if transport == "UDP" else self._tcp if transport == "TCP" else ()
        kind = family(remote[0])
        ours = [address for address in listening if family(address[0]) == kind]
        if not ours:
            raise ResourceError(
                f"no {transport} socket from which {show(remote)} could be reached; open one with "
                "sip.listen_also, or listen there with --sip"
            )
        if len(ours) > 1:  # the one that stands on the route to the peer, if one does
            route = self._route(remote[0])
            ours.sort(key=lambda address: (address[0] != route, not unspecified(address[0])))
        return Flow(transport, self.local(ours[0], remote[0]), remote)

    def families(self) -> tuple[socket.AddressFamily, ...]:
        """Return the address families in which we listen, in the order of listening."""
        found = (family(address[0]) for address in (*self._udp, *self._tcp))
        return tuple(dict.fromkeys(kind for kind in found if kind is not None))

    async def stun(self, server: Address) -> Address:
        """Return address and port of our UDP socket as a STUN server (IP address, port) sees them.

        Raises ResourceError with a sentence where it does not answer, or there is no such socket.
        """
        if not sendable(server):
            raise ResourceError(f"the STUN server {show(server)} is no address that could be asked")
        flow = self.flow_to("UDP", server)
        return await self._questions.ask(server, functools.partial(self._ask, flow))

    def _ask(self, flow: Flow, question: bytes) -> None:
        endpoint = self._udp.get(flow.local) or self._endpoint_for(flow)
        if endpoint is not None:
            with contextlib.suppress(OSError):  # as good as lost on the way: it is asked again
                endpoint.raw.sendto(question, flow.remote)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send one message by `flow`. Never waits; a failure is reported by `on_failed`."""
        if flow.transport == "UDP":
            self._send_datagram(flow, data)
        elif flow.transport == "TCP":
            self._send_stream(flow, data)
        else:  # a peer's Contact or Route may ask for what we do not speak
            self._not_sent(flow, "transport")

    def _send_datagram(self, flow: Flow, data: bytes) -> None:
        endpoint = self._udp.get(flow.local) or self._endpoint_for(flow)
        if endpoint is None or not endpoint.can_send(flow.remote):
            self._not_sent(flow, "address")
            return
        try:
            endpoint.raw.sendto(data, flow.remote)
        except BlockingIOError:
            self.counts["udp_buffer_full"] += 1  # as good as lost on the way: it is sent again by timer
        except OSError as error:
            self._not_sent(flow, errno.errorcode.get(error.errno or 0, "other"))

    def _endpoint_for(self, flow: Flow) -> "_Datagrams | None":
        """Return the endpoint for a local address that is one of many behind 0.0.0.0 or ::, or that is gone."""
        kind = family(flow.local[0])
        same = [item for address, item in self._udp.items() if family(address[0]) == kind]
        return next((item for item in same if item.address[1] == flow.local[1]), same[0] if same else None)

    def _send_stream(self, flow: Flow, data: bytes) -> None:
        if flow.connection:
            connection = self._connections.get(flow.connection)
        else:
            connection = self._by_remote.get(flow.remote)
            if connection is None or connection.closing:
                connection = self._open(flow)
        if connection is None:
            self._not_sent(flow, "no_connection")
        else:
            connection.send(data, flow)

    def _open(self, flow: Flow) -> Connection | None:
        if self._closing or not sendable(flow.remote) or len(self._connections) >= self.limits.connections:
            return None
        connection = self._new_connection(accepted=False, flow=flow)
        self._connections[connection.number] = self._by_remote[flow.remote] = connection
        task = asyncio.get_running_loop().create_task(
            self._connect(connection), name=f"sip connect {show(flow.remote)}"
        )
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        self._arm_check()
        return connection

    async def _connect(self, connection: Connection) -> None:
        remote, local = connection.flow.remote, connection.flow.local
        try:
            async with asyncio.timeout(self.limits.connect):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    remote[0],
                    remote[1],
                    local_addr=None if unspecified(local[0]) else (local[0], 0),
                )
        except (OSError, TimeoutError) as error:
            self.counts["connect_failed"] += 1
            reason = getattr(error, "strerror", None) or type(error).__name__
            _log.debug("SIP connection not opened", extra={"remote": show(remote), "reason": reason})
            connection.fail()

    def _new_connection(self, *, accepted: bool, flow: Flow) -> Connection:
        self._numbers += 1
        return Connection(self, self._numbers, flow._replace(connection=self._numbers), accepted=accepted)

    def _not_sent(self, flow: Flow, why: str) -> None:
        self.counts[f"send_{why}"] += 1
        self.undelivered(flow)

    def stands(self, flow: Flow) -> bool:
        """Tell whether a flow can carry something as far as we know: its connection, if it names one, is open."""
        if not flow.connection:
            return True
        connection = self._connections.get(flow.connection)
        return connection is not None and not connection.closing

    def watch(self, flow: Flow, lost: Callable[[], None]) -> Callable[[], None]:
        """Call `lost` once, from the loop, when the connection of a flow is gone, in whichever way; return how to call
        that off. Nothing ever happens to the flow of datagrams."""
        if flow.transport == "UDP":
            return lambda: None
        number = flow.connection
        if not number and (open_one := self._by_remote.get(flow.remote)) is not None:
            number = open_one.number
        if number not in self._connections:
            return asyncio.get_running_loop().call_soon(lost).cancel
        watchers = self._watchers.setdefault(number, [])
        watchers.append(lost)
        return lambda: watchers.remove(lost) if lost in watchers else None

    # ---------------------------------------------------------------- what sockets and connections tell

    def admit(self, connection: Connection) -> bool:
        """Take an opened connection into the books; False: there are too many, or we are closing."""
        if self._closing:
            return False
        if connection.accepted:
            gate = self.gate
            if gate is not None and not gate.admit_connection(connection.flow.remote[0], now=clock.now()):
                return False
            if len(self._connections) >= self.limits.connections:
                self.note("connection_refused")
                return False
            self._connections[connection.number] = connection
            self._by_remote[connection.flow.remote] = connection
        return True

    def ended(self, connection: Connection) -> None:
        """Strike a connection from the books."""
        self._connections.pop(connection.number, None)
        if self._by_remote.get(connection.flow.remote) is connection:
            del self._by_remote[connection.flow.remote]
        watchers = self._watchers.pop(connection.number, None)
        if watchers:
            asyncio.get_running_loop().call_soon(_call_all, watchers)
        if self._all_ended is not None and not self._connections:
            self._all_ended.set()

    def message(self, data: bytes, flow: Flow) -> None:
        """Hand up one whole message; whatever the handler raises ends here."""
        if flow.connection and not self._welcome(data, flow):
            return
        try:
            self._on_message(data, flow)
        except Exception:  # one call's bug must not take the socket of all the others with it
            self.note("handler_failed")
            _log.exception("SIP handler failed", extra={"call": call_of(data), "remote": show(flow.remote)})

    def _welcome(self, data: bytes, flow: Flow) -> bool:
        """Ask the gate about a message on a connection; one of a host that is banned is broken off."""
        gate, host, now = self.gate, flow.remote[0], clock.now()
        if gate is None or gate.admit(host, data, now=now):
            return True
        connection = self._connections.get(flow.connection)
        if connection is not None and gate.bans(host, now=now):
            connection.drop("banned")
        return False

    def stun_received(self, data: bytes, source: Address) -> None:
        """Take a STUN message; only answers to questions of ours are of interest."""
        self.note("stun_answers" if self._questions.received(data, source) else "stun_strays")

    def undelivered(self, flow: Flow) -> None:
        """Report a failure, from the loop and not from inside whoever was sending."""
        asyncio.get_running_loop().call_soon(self._report, flow)

    def _report(self, flow: Flow) -> None:
        try:
            self._on_failed(flow)
        except Exception:
            self.note("handler_failed")
            _log.exception("handler of a failed SIP flow failed", extra={"remote": show(flow.remote)})

    def note(self, what: str) -> None:
        """Count something."""
        self.counts[what] += 1

    def dropped(self, flow: Flow, why: str) -> None:
        """Count a connection that is broken off; log the first of each kind and address in a minute."""
        self.note(why)
        if self.gate is not None and why in _HOSTILE:
            self.gate.offended(flow.remote[0], _HOSTILE[why], words=why, now=clock.now())
        more = self._seldom.due((why, flow.remote[0]), now=clock.now())
        if more is not None:
            _log.info("SIP connection dropped%s", more, extra={"remote": show(flow.remote), "reason": why})

    def local(self, address: Address, remote_host: str) -> Address:
        """Return the address under which a peer at `remote_host` reaches the socket that is bound to `address`."""
        if not unspecified(address[0]):
            return address
        return (self._route(remote_host) or address[0], address[1])

    def _route(self, remote_host: str) -> str | None:
        host = self._routes.get(remote_host)
        if host is None:
            host = local_towards(remote_host)
            if host is not None:
                if len(self._routes) >= MAX_ROUTES:
                    self._routes.clear()
                self._routes[remote_host] = host
        return host

    def _arm_check(self) -> None:
        if self._check is None and not self._closing:
            self._check = asyncio.get_running_loop().call_later(_CHECK_SECONDS, self._check_due)

    def _check_due(self) -> None:
        self._check = None
        now = clock.now()
        for connection in list(self._connections.values()):
            connection.check(now=now)
        if self._connections or self._tcp:
            self._arm_check()


def _call_all(watchers: list[Callable[[], None]]) -> None:
    for lost in list(watchers):
        if lost in watchers:  # not called off by one before it
            lost()


class _Datagrams(asyncio.DatagramProtocol):
    """One UDP socket. It is read by the loop, and written directly: a datagram goes out now or not at all."""

    def __init__(self, owner: SipSockets, raw: socket.socket, address: Address) -> None:
        self.raw = raw
        self.address = address
        self._owner = owner
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
            self._owner.note("udp_keep_alive")
            return
        if data[0] < 2 and stun.is_stun(data):
            self._owner.stun_received(data, addr[:2])
            return
        gate = self._owner.gate
        if gate is not None and not gate.admit(addr[0], data, now=clock.now()):
            return
        local = self._owner.local(self.address, addr[0]) if self._wildcard else self.address
        self._owner.message(data, Flow("UDP", local, addr[:2]))

    def error_received(self, exc: Exception) -> None:
        self._owner.note("udp_receive_error")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _bound_socket(what: str, kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    address_family = family(host)
    if address_family is None:
        raise ResourceError(f"{what} address {host!r} is not an IP address; choose another with --sip")
    if not 0 <= port <= 65535:
        raise ResourceError(f"{what} port {port} is not between 0 and 65535; choose another with --sip")
    try:
        raw = socket.socket(address_family, kind)
    except OSError as error:
        raise bind_error(what, (host, port), "--sip", error) from error
    try:
        raw.setblocking(False)
        if kind == socket.SOCK_STREAM:  # connections of our last run may still be in TIME_WAIT
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # a courtesy to routers, nothing depends on it
            if address_family == socket.AF_INET6:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, TRAFFIC_CLASS)
            else:
                raw.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, TRAFFIC_CLASS)
        if address_family == socket.AF_INET6:  # :: and 0.0.0.0 are two listeners, each knows its peers' family
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        raw.bind((host, port))
        if kind == socket.SOCK_STREAM:
            raw.listen(BACKLOG)  # here, for two programs may bind one address, but only one may listen on it
    except OSError as error:
        raw.close()
        raise bind_error(what, (host, port), "--sip", error) from error
    return raw
