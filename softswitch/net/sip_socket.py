"""SIP over UDP, TCP and TLS: messages in and out, each with the `Flow` it came or goes by.

Theory of operation
-------------------
`send` never waits and never raises for what the network does. A datagram goes out at once or is lost (SIP sends it
again, RFC 3261 section 17). Over a connection a flow that names one uses that and no other; a flow without
(`connection` 0) uses a connection that is open to the same remote, else opens one. What could not be delivered is
reported by `on_failed(flow)`, always from the loop and never from inside `send`, so that the machine which sends is
not entered twice; `why(flow)` then says in words what happened.

A socket bound to every address of the machine (0.0.0.0, ::) does not know which of them a peer can reach. The route to
the peer tells; it is asked once for each peer host, so that `Flow.local` is always an address that can stand in Via and
Contact. For a connection that we opened it is the address that we listen on, not the passing port of the connection.

A handler that raises is logged with its call, and the socket goes on.

Messages that come faster than they can be handled take turns with everything else that is due (`turns`).

What a `Gate` keeps out is neither read nor answered, whatever it comes by.

STUN shares the UDP sockets: only by the very socket that SIP uses can be learnt under which address and port a NAT
shows it. No SIP message begins with an octet below 2, so the first one tells them apart.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable

from softswitch.errors import ResourceError
from softswitch.net.address import Address, family, show, unspecified
from softswitch.net.gate import Gate
from softswitch.net.patience import StreamLimits
from softswitch.net.routes import Routes
from softswitch.net.sip_datagrams import Datagrams
from softswitch.net.sip_stream import call_of
from softswitch.net.sip_streams import Streams
from softswitch.net.sip_tls import TlsContexts
from softswitch.net.turns import Turns
from softswitch.sip.flow import Flow

_log = logging.getLogger("softswitch.net")


class SipSockets:
    """All the SIP sockets of the process.

    on_message: called with each whole message and its flow. on_failed: called with a flow under which something could
    not be delivered. gate: asked of each message and accepted connection whether it shall be looked at; None: all are.
    tls: what TLS connections show and believe. counts: what happened, by kind, for the metrics.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, Flow], None],
        on_failed: Callable[[Flow], None],
        *,
        limits: StreamLimits | None = None,
        gate: Gate | None = None,
        tls: TlsContexts | None = None,
    ) -> None:
        self.limits = limits or StreamLimits()
        self.gate = gate
        self.counts: Counter[str] = Counter()
        self._on_message = on_message
        self._on_failed = on_failed
        self._routes = Routes()
        #: What waits for its turn to be handled.
        self.turns = Turns(self._handle)
        self._datagrams = Datagrams(self)
        #: The connections, and how TLS fails.
        self.streams = Streams(self, tls or TlsContexts())

    # ---------------------------------------------------------------- listening

    async def listen_udp(self, host: str, port: int) -> Address:
        """Receive datagrams on an address; return it, with the port the system chose for port 0.

        Raises ResourceError, one sentence, if the address cannot be bound.
        """
        return await self._datagrams.listen(host, port)

    def leave_udp(self, address: Address) -> None:
        """Receive no more datagrams on an address that we listened on."""
        self._datagrams.leave(address)

    async def listen_tcp(self, host: str, port: int) -> Address:
        """Accept connections on an address; return it and raise as `listen_udp` does."""
        return await self.streams.listen("TCP", host, port, "--sip")

    async def listen_tls(self, host: str, port: int) -> Address:
        """Accept TLS connections on an address; return it and raise as `listen_udp` does."""
        return await self.streams.listen("TLS", host, port, "sip.tls.listen")

    @property
    def connections(self) -> int:
        """Return how many connections are open or being opened."""
        return len(self.streams)

    async def close(self) -> None:
        """Stop listening, let the peers take what was sent to them, and close everything."""
        await self.streams.close()
        self._datagrams.close()
        self.turns.close()
        await asyncio.sleep(0)  # the loop closes descriptors in its next round; then the ports are free again

    # ---------------------------------------------------------------- sending

    def flow_to(self, transport: str, remote: Address) -> Flow:
        """Return the flow for a new request to `remote` (IP address, port) over `UDP`, `TCP` or `TLS`.

        Raises ResourceError if we do not listen on that transport in that address family.
        """
        kind = family(remote[0])
        ours = [address for address in self._listening(transport) if family(address[0]) == kind]
        if not ours:
            open_one = "set sip.tls.listen" if transport == "TLS" else "open one with sip.listen_also, or --sip"
            raise ResourceError(f"no {transport} socket from which {show(remote)} could be reached; {open_one}")
        if len(ours) > 1:  # the one that stands on the route to the peer, if one does
            route = self._routes.to(remote[0])
            ours.sort(key=lambda address: (address[0] != route, not unspecified(address[0])))
        return Flow(transport, self.local(ours[0], remote[0]), remote)

    def _listening(self, transport: str) -> tuple[Address, ...]:
        return self._datagrams.addresses if transport == "UDP" else self.streams.addresses(transport)

    def listens(self, transport: str) -> bool:
        """Say whether we listen on a transport at all."""
        return bool(self._listening(transport))

    def comes_back(self, address: Address) -> bool:
        """Tell whether what is sent to an address (IP literal, port) comes to a socket of ours, by any transport."""
        host, port = address
        there = [ours for ours, at in self._everywhere() if at == port and family(ours) == family(host)]
        anywhere = unspecified(host) or any(unspecified(ours) for ours in there)
        return host in there or (bool(there) and anywhere and self._routes.is_own(host))

    @property
    def ports(self) -> frozenset[int]:
        """The ports that we listen on, whatever the transport."""
        return frozenset(port for _, port in self._everywhere())

    def _everywhere(self) -> tuple[Address, ...]:
        return tuple(address for transport in ("UDP", "TCP", "TLS") for address in self._listening(transport))

    def families(self) -> tuple[socket.AddressFamily, ...]:
        """Return the address families in which we listen, in the order of listening."""
        found = (family(address[0]) for address in self._everywhere())
        return tuple(dict.fromkeys(kind for kind in found if kind is not None))

    async def stun(self, server: Address) -> Address:
        """Return address and port of our UDP socket as a STUN server (IP address, port) sees them.

        Raises ResourceError with a sentence where it does not answer, or there is no such socket.
        """
        return await self._datagrams.ask(server, self.flow_to("UDP", server))

    def send(self, flow: Flow, data: bytes) -> None:
        """Send one message by `flow`. Never waits; a failure is reported by `on_failed`."""
        if flow.transport == "UDP":
            self._datagrams.send(flow, data)
        elif flow.transport == "TCP" or self.listens(flow.transport):
            self.streams.send(flow, data)
        else:  # a peer's Contact or Route may ask for what we do not speak
            self.not_sent(flow, "transport")

    def stands(self, flow: Flow) -> bool:
        """Tell whether a flow can carry something as far as we know: its connection, if it names one, is open."""
        return self.streams.stands(flow)

    def why(self, flow: Flow) -> str:
        """Return what keeps a flow from carrying anything, as a predicate of its peer; empty where nothing is known."""
        return self.streams.why(flow)

    def proved(self, flow: Flow) -> tuple[str, ...]:
        """Return the domains that the peer of a flow has proved by its certificate; none where it has proved none."""
        return self.streams.proved(flow)

    def watch(self, flow: Flow, lost: Callable[[], None]) -> Callable[[], None]:
        """Call `lost` once, from the loop, when the connection of a flow is gone, in whichever way; return how to call
        that off. Nothing ever happens to the flow of datagrams."""
        if flow.transport == "UDP":
            return lambda: None
        return self.streams.watch(flow, lost)

    # ---------------------------------------------------------------- what datagrams and connections tell

    def message(self, data: bytes, flow: Flow) -> None:
        """Hand up one whole message, in its turn."""
        self.turns.message(data, flow)

    def _handle(self, data: bytes, flow: Flow) -> None:
        """Hand up one message; whatever the handler raises ends here."""
        try:
            self._on_message(data, flow)
        except Exception:  # one call's bug must not take the socket of all the others with it
            self.note("handler_failed")
            _log.exception("SIP handler failed", extra={"call": call_of(data), "remote": show(flow.remote)})

    def not_sent(self, flow: Flow, why: str) -> None:
        """Count what could not be sent, and report it."""
        self.counts[f"send_{why}"] += 1
        self.undelivered(flow)

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

    def local(self, address: Address, remote_host: str) -> Address:
        """Return the address under which a peer at `remote_host` reaches the socket that is bound to `address`."""
        return self._routes.local(address, remote_host)
