"""The book of all SIP connections, over TCP and TLS: who is let in, which one leads where, and why one did not.

Theory of operation
-------------------
A connection stands in the book from the moment it is accepted or begins to be opened, its TLS handshake included, so
that every limit and every look at the clock is for all of them. What is to be sent to a remote goes over the connection
that leads there, if one does; of TLS only one whose peer has proved to be who was asked for. A connection that the peer
opened proves nothing of the kind: it is used for answers and for whoever names its number, not for a request to a host
that happens to have its address (RFC 5923 section 5).
"""

import asyncio
import contextlib
import functools
import logging
import os
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from softswitch import clock
from softswitch.errors import LocalError
from softswitch.net.address import Address, sendable, show, unspecified
from softswitch.net.bound_socket import BACKLOG, bound_socket
from softswitch.net.gate import Gate
from softswitch.net.patience import StreamLimits
from softswitch.net.seldom import Seldom
from softswitch.net.sip_stream import Connection
from softswitch.net.sip_tls import PeerTls, TlsContexts
from softswitch.net.tls_link import TlsLink, Workshop
from softswitch.net.tls_machine import TlsMachine
from softswitch.sip.flow import Flow

#: How often connections are looked over for peers that keep us waiting.
CHECK_SECONDS: Final = 1.0
#: Ways whose last failure is remembered in words; more gateways than anybody has.
MAX_FAILURES: Final = 1024

#: Why a connection is broken off, or no TLS comes about -> what its peer did wrong by it.
_HOSTILE: Final = {
    "first_message": "stalled_connection",
    "unfinished": "stalled_connection",
    "timeout": "stalled_connection",
    "unreadable_stream": "bad_message",
    "plain_text": "bad_message",
    "broken": "bad_message",
}

_log = logging.getLogger("softswitch.net")

#: What makes a way out of a flow: transport, remote, and whom TLS must find there.
_Way = tuple[str, Address, str, str]


class Post(Protocol):
    """Whom messages are handed to: `SipSockets`."""

    @property
    def limits(self) -> StreamLimits: ...
    @property
    def gate(self) -> Gate | None: ...
    def message(self, data: bytes, flow: Flow) -> None: ...
    def note(self, what: str) -> None: ...
    def not_sent(self, flow: Flow, why: str) -> None: ...
    def undelivered(self, flow: Flow) -> None: ...


class Streams:
    """All the connections.

    tls: contexts of new connections. tls_failures: (`in` or `out`, why in a word) -> how many.
    """

    def __init__(self, post: Post, tls: TlsContexts) -> None:
        self.tls = tls
        self.tls_failures: Counter[tuple[str, str]] = Counter()
        self._post = post
        self._servers: dict[str, dict[Address, asyncio.Server]] = {"TCP": {}, "TLS": {}}
        self._connections: dict[int, Connection] = {}
        self._by_way: dict[_Way, Connection] = {}
        self._terms: dict[int, PeerTls] = {}  # of TLS connections that we opened
        self._hosts: Counter[str] = Counter()
        self._handshakes: Counter[str] = Counter()
        self._handshaking: set[int] = set()
        self._watchers: dict[int, list[Callable[[], None]]] = {}
        self._failures: OrderedDict[_Way, str] = OrderedDict()
        self._opening: set[asyncio.Task[None]] = set()
        self._workshop = Workshop()
        self._seldom = Seldom()
        self._numbers = 0
        self._check: asyncio.TimerHandle | None = None
        self._all_ended: asyncio.Event | None = None
        self._closing = False

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def limits(self) -> StreamLimits:
        """What peers can make us hold, and for how long."""
        return self._post.limits

    # ---------------------------------------------------------------- listening

    def addresses(self, transport: str) -> tuple[Address, ...]:
        """Return where we listen over `TCP` or `TLS`, in the order of listening."""
        return tuple(self._servers.get(transport, ()))

    async def listen(self, transport: str, host: str, port: int, option: str) -> Address:
        """Accept connections on an address; return it, with the port the system chose for port 0."""
        raw = bound_socket(transport, socket.SOCK_STREAM, host, port, option)
        address: Address = raw.getsockname()[:2]
        accept = functools.partial(self._accepted, Flow(transport, address, ("", 0)))
        server = await asyncio.get_running_loop().create_server(accept, sock=raw, backlog=BACKLOG)
        self._servers[transport][address] = server
        self._arm_check()
        return address

    def _accepted(self, flow: Flow) -> asyncio.BaseProtocol:
        connection = self._new(accepted=True, flow=flow)
        if not flow.secure:
            return connection
        return TlsLink(connection, self._serving, self._workshop, serving=True)

    def _serving(self) -> TlsMachine:
        context = self.tls.server
        if context is None:
            raise LocalError("a TLS connection was accepted where we have no certificate")
        return TlsMachine(context, serving=True)

    async def close(self) -> None:
        """Stop listening, let the peers take what was sent to them, and close everything."""
        self._closing = True
        for servers in self._servers.values():
            for server in servers.values():
                server.close()
            servers.clear()
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
        self._workshop.close()

    # ---------------------------------------------------------------- sending

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a message over the connection that a flow names, else over one that leads to its remote."""
        if flow.connection:
            connection = self._connections.get(flow.connection)
        else:
            connection = self._leading(flow)
            if connection is None or connection.closing:
                connection = self._open(flow)
        if connection is None:
            self._post.not_sent(flow, "no_connection")
        else:
            connection.send(data, flow)

    def _leading(self, flow: Flow) -> Connection | None:
        """Return the connection that leads where a flow is going to, if what it proved is still what is asked for."""
        connection = self._by_way.get(_way(flow))
        terms = self._terms.get(connection.number) if connection is not None else None
        return connection if terms is None or terms == self.tls.terms(flow.carrier) else None

    def _open(self, flow: Flow) -> Connection | None:
        if self._closing or not sendable(flow.remote) or len(self._connections) >= self.limits.connections:
            return None
        if flow.secure and not (flow.name or flow.carrier):  # whoever answers there would be believed to be anybody
            self._fail_way(flow, "nobody knows whom to expect there")
            return None
        connection = self._new(accepted=False, flow=flow)
        self._connections[connection.number] = self._by_way[_way(flow)] = connection
        if flow.secure:
            self._terms[connection.number] = self.tls.terms(flow.carrier)
        task = asyncio.get_running_loop().create_task(
            self._connect(connection), name=f"sip connect {show(flow.remote)}"
        )
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        self._arm_check()
        return connection

    async def _connect(self, connection: Connection) -> None:
        flow = connection.flow
        protocol: asyncio.BaseProtocol = connection
        if flow.secure:
            make = functools.partial(self._calling, flow.name, flow.carrier)
            protocol = TlsLink(connection, make, self._workshop, serving=False)
        try:
            async with asyncio.timeout(self.limits.connect):
                await asyncio.get_running_loop().create_connection(
                    lambda: protocol,
                    *flow.remote,
                    local_addr=None if unspecified(flow.local[0]) else (flow.local[0], 0),
                )
        except (OSError, TimeoutError) as error:
            self._post.note("connect_failed")
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
            words = "it does not accept the connection" if isinstance(error, TimeoutError) else _plain(reason)
            _log.debug("SIP connection not opened", extra={"remote": show(flow.remote), "reason": reason})
            self._fail_way(flow, words)
            connection.fail(words)

    def _calling(self, name: str, carrier: str) -> TlsMachine:
        client = self.tls.client(name, carrier)
        return TlsMachine(client.context, server_name=client.server_name, expected=client.expected)

    def _new(self, *, accepted: bool, flow: Flow) -> Connection:
        self._numbers += 1
        return Connection(self, self._numbers, flow._replace(connection=self._numbers), accepted=accepted)

    # ---------------------------------------------------------------- what is known of a way

    def stands(self, flow: Flow) -> bool:
        """Tell whether a flow can carry something as far as we know: its connection, if it names one, is open."""
        if not flow.connection:
            return True
        connection = self._connections.get(flow.connection)
        return connection is not None and not connection.closing

    def proved(self, flow: Flow) -> tuple[str, ...]:
        """Return the domains that the peer of a flow has proved by its certificate; none where it has proved none."""
        connection = self._connections.get(flow.connection)
        return connection.names if connection is not None else ()

    def why(self, flow: Flow) -> str:
        """Return what keeps a flow from carrying anything, as a predicate of its peer; empty where nothing is known."""
        connection = self._connections.get(flow.connection) or self._leading(flow)
        if connection is not None and not connection.is_open:
            return "TLS is not set up yet" if flow.secure else "the connection is not open yet"
        return self._failures.get(_way(flow), "")

    def watch(self, flow: Flow, lost: Callable[[], None]) -> Callable[[], None]:
        """Call `lost` once, from the loop, when the connection of a flow is gone; return how to call that off."""
        number = flow.connection
        if not number and (open_one := self._leading(flow)) is not None:
            number = open_one.number
        if number not in self._connections:
            return asyncio.get_running_loop().call_soon(lost).cancel
        watchers = self._watchers.setdefault(number, [])
        watchers.append(lost)
        return lambda: watchers.remove(lost) if lost in watchers else None

    def _fail_way(self, flow: Flow, words: str) -> None:
        self._failures[_way(flow)] = words
        self._failures.move_to_end(_way(flow))
        if len(self._failures) > MAX_FAILURES:
            self._failures.popitem(last=False)

    # ---------------------------------------------------------------- what connections tell (`sip_stream.Owner`)

    def admit(self, connection: Connection) -> bool:
        """Take a connection that has a socket into the books; False: there are too many, or we are closing."""
        if self._closing:
            return False
        if not connection.accepted:
            return True
        host, secure, gate = connection.flow.remote[0], connection.flow.secure, self._post.gate
        if gate is not None and not gate.admit_connection(host, now=clock.now()):
            return False
        refused = self._refusal(host, secure)
        if refused:
            self.dropped(connection.flow, refused)
            return False
        self._connections[connection.number] = connection
        self._by_way[_way(connection.flow)] = connection
        self._hosts[host] += 1
        if secure:
            self._handshaking.add(connection.number)
            self._handshakes[host] += 1
        return True

    def _refusal(self, host: str, secure: bool) -> str:
        """Return why another connection of a host is not taken, in a word for the counters; empty: it is."""
        limits = self.limits
        if len(self._connections) >= limits.connections:
            return "connection_refused"
        if secure and len(self._handshaking) >= limits.handshakes:
            return "handshake_refused"
        gate = self._post.gate
        if self._hosts[host] < min(limits.per_host, limits.handshakes_per_host):
            return ""
        if gate is not None and gate.knows(host, now=clock.now()):
            return ""
        if self._hosts[host] >= limits.per_host:
            return "host_connection_refused"
        if secure and self._handshakes[host] >= limits.handshakes_per_host:
            return "host_handshake_refused"
        return ""

    def opened(self, connection: Connection) -> None:
        """Take the news that messages can go over a connection, its TLS included."""
        self._shaken(connection)
        if not connection.accepted:
            self._failures.pop(_way(connection.flow), None)
        if connection.flow.secure:
            self.note("tls_accepted" if connection.accepted else "tls_opened")

    def ended(self, connection: Connection) -> None:
        """Strike a connection from the books."""
        known = self._connections.pop(connection.number, None)
        self._terms.pop(connection.number, None)
        if self._by_way.get(_way(connection.flow)) is connection:
            del self._by_way[_way(connection.flow)]
        if known is not None and connection.accepted:
            _take_one(self._hosts, connection.flow.remote[0])
        elif not (connection.accepted or connection.heard or self._closing):
            self._fail_way(connection.flow, "it closed the connection without a word")
        self._shaken(connection)
        watchers = self._watchers.pop(connection.number, None)
        if watchers:
            asyncio.get_running_loop().call_soon(_call_all, watchers)
        if self._all_ended is not None and not self._connections:
            self._all_ended.set()

    def _shaken(self, connection: Connection) -> None:
        """Note that a handshake is over, whichever way."""
        if connection.number in self._handshaking:
            self._handshaking.discard(connection.number)
            _take_one(self._handshakes, connection.flow.remote[0])

    def message(self, data: bytes, flow: Flow) -> None:
        """Hand up one whole message that the gate lets in; a connection of a host that is banned is broken off."""
        gate, host, now = self._post.gate, flow.remote[0], clock.now()
        if gate is None or gate.admit(host, data, now=now, connected=True):
            self._post.message(data, flow)
            return
        self._break_off(flow)

    def pinged(self, flow: Flow, pings: int) -> int:
        """Take keep-alives; return how many are to be answered: they cost a source as much as messages do."""
        gate, now, answered = self._post.gate, clock.now(), 0
        for _ in range(pings):
            if gate is None or gate.admit_ping(flow.remote[0], now=now):
                answered += 1
                self.note("tcp_keep_alive")
            elif self._break_off(flow):
                return 0
        return answered

    def _break_off(self, flow: Flow) -> bool:
        """Break a connection off whose host is banned by now."""
        gate, connection = self._post.gate, self._connections.get(flow.connection)
        if gate is None or connection is None or not gate.bans(flow.remote[0], now=clock.now()):
            return False
        connection.drop("banned")
        return True

    def note(self, what: str) -> None:
        """Count something."""
        self._post.note(what)

    def undelivered(self, flow: Flow, words: str = "") -> None:
        """Report that something sent under `flow` did not arrive; words: why, as a predicate of the peer."""
        if words:
            self._fail_way(flow, words)
        self._post.undelivered(flow)

    def dropped(self, flow: Flow, why: str) -> None:
        """Count a connection that is broken off; log the first of each kind and address in a minute."""
        self.note(why)
        self._offended(flow, why)
        more = self._seldom.due((why, flow.remote[0]), now=clock.now())
        if more is not None:
            _log.info("SIP connection dropped%s", more, extra={"remote": show(flow.remote), "reason": why})

    def tls_failed(self, connection: Connection, kind: str, words: str) -> None:
        """Count that TLS could not be set up or broke; log the first of each kind and address in a minute."""
        flow = connection.flow
        self.tls_failures["in" if connection.accepted else "out", kind] += 1
        if connection.accepted:
            self._offended(flow, kind)
        else:
            self._fail_way(flow, words)
        more = self._seldom.due((kind, flow.remote[0]), now=clock.now())
        if more is not None:
            _log.info("no TLS with %s: %s%s", show(flow.remote), words, more, extra={"reason": kind})

    def _offended(self, flow: Flow, why: str) -> None:
        if self._post.gate is not None and why in _HOSTILE:
            self._post.gate.offended(flow.remote[0], _HOSTILE[why], words=why, now=clock.now(), connected=True)

    # ---------------------------------------------------------------- the clock

    def _arm_check(self) -> None:
        if self._check is None and not self._closing:
            self._check = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_due)

    def _check_due(self) -> None:
        self._check = None
        now = clock.now()
        for connection in list(self._connections.values()):
            connection.check(now=now)
        if self._connections or any(self._servers.values()):
            self._arm_check()


def _way(flow: Flow) -> _Way:
    return flow.transport, flow.remote, flow.name, flow.carrier


def _take_one(counter: Counter[str], key: str) -> None:
    """Count one less, and forget what is counted no more: peers choose the keys."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


def _plain(reason: str) -> str:
    """Return what the system says as a predicate: its sentences begin with a capital letter."""
    return reason[:1].lower() + reason[1:]


def _call_all(watchers: list[Callable[[], None]]) -> None:
    for lost in list(watchers):
        if lost in watchers:  # not called off by one before it
            lost()
