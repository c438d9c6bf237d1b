"""RTP sockets: read and written at the tick, never by the event loop.

Theory of operation
-------------------
A leg asks its socket at each tick what has come since the last one. That costs what uvloop's datagram endpoint costs,
wakes the process for no packet, and bounds a flood: at most `MAX_DATAGRAMS_A_READ` at a time, the kernel drops the rest
when the receive buffer is full. What the wait until the tick hides from the jitter estimate, the kernel's time stamp
gives back: SO_TIMESTAMPNS stamps the arrival on the wall clock, which is brought to monotonic time by the difference of
the two clocks, and kept between the last read that could have found it and now, so that a step of the wall clock does
no harm.

Measured on loopback, one datagram a read: 1.7 µs for recvmsg with the stamp, 0.5 µs for the poll that says there is no
second one (1.4 µs if instead recvmsg says so, by an exception). So only a datagram that has waited makes us ask whether
another one waits behind it. An empty read is 1.4 µs; a sendto 3.4 µs.

A port that was closed stays open in quarantine, is emptied, and is free again after `quiet_seconds` of silence: see
`port_pool`. `RtpPorts` looks after them with one timer that runs only while there are any.
"""

import asyncio
import contextlib
import errno
import select
import socket
import struct
from collections import Counter
from typing import Final

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.net import rtp_filter
from softswitch.net.address import Address, bind_error, family, sendable
from softswitch.net.port_pool import PortPool

#: One read takes no more than this: 300 ms of stall at 10 ms packets. Sustained, it is 32 times what a call sends.
MAX_DATAGRAMS_A_READ: Final = 32

#: Longer datagrams are dropped: RTP that we agreed to is below 600 bytes, and nothing longer than an Ethernet frame is.
MAX_DATAGRAM_BYTES: Final = 1500

#: The kernel doubles it and counts its own overhead: room for about 170 packets, 3 s of a call; more would be stale.
RECEIVE_BUFFER_BYTES: Final = 64 * 1024

#: A range that is full of other people's ports: give up after so many in a row, the next call goes on from there.
MAX_BIND_TRIES: Final = 64

#: How often quarantined ports are emptied; their buffers hold more than that.
SWEEP_SECONDS: Final = 0.5

#: Datagrams thrown away in one sweep, of all ports together: half a millisecond.
MAX_SWEPT: Final = 1000

#: And of one port that is used again at once: more than its buffer holds.
MAX_WAITING_PACKETS: Final = 1000

#: A datagram younger than this came after everything that this tick can need, so the next tick reads on.
FRESH_SECONDS: Final = 0.012

#: Expedited Forwarding, the class of telephone sound (RFC 4594 section 4.1).
TRAFFIC_CLASS: Final = 46 << 2

# As a plain integer: the flag type of the socket module costs half a microsecond each time it is combined.
_TRUNCATED: Final = int(socket.MSG_TRUNC)
_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; Python has no name for it
_TIMESPEC: Final = struct.Struct("@ll")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

Datagram = tuple[bytes, Address, float]


class RtpPorts:
    """The RTP ports of one local address.

    host: IP address to bind to. first, last: the range. Raises ResourceError if it holds no pair.
    """

    def __init__(self, host: str, first: int, last: int, quiet_seconds: float = 2.0) -> None:
        kind = family(host)
        if kind is None:
            raise ResourceError(f"RTP address {host!r} is not an IP address")
        self.host = host
        self._family = kind
        self._pool = PortPool(first, last, quiet_seconds=quiet_seconds)
        self._quarantine: dict[int, socket.socket] = {}
        self._descriptors: dict[int, int] = {}  # of these sockets, to their ports
        self._heard = select.poll()  # the sockets in quarantine: one question for all of them
        self._open: set[RtpSocket] = set()
        self._beside: set[RtpSocket] = set()  # the odd ports above them that are open
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        #: What went wrong, by kind: `oversized` and `send_<errno name>`; `late_packets` to ports already closed; and
        #: `reclaimed_ports` that were used again although somebody still sent to them.
        self.counts: Counter[str] = Counter()

    @property
    def pool(self) -> PortPool:
        """Return the state of the ports, to look at."""
        return self._pool

    @property
    def sockets(self) -> int:
        """Return how many sockets are open, those in quarantine included."""
        return len(self._open) + len(self._beside) + len(self._quarantine)

    def open(self) -> "RtpSocket":
        """Open the socket of the next free pair; raise ResourceError when there is none."""
        if not self._pool.free:
            self.sweep()
            if not self._pool.free and (loud := self._pool.reclaim(now=clock.now())) is not None:
                return self._reopened(loud)
        for _ in range(min(MAX_BIND_TRIES, self._pool.free) or 1):
            port = self._pool.take()
            try:
                raw = self._bind(port)
            except OSError as error:
                # A small range is tried whole; in a large one a row of another switch's is longer than our patience.
                far = self._pool.free >= MAX_BIND_TRIES
                self._pool.refuse(port, jump=clock.random_bits(16) if far else 0)
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise bind_error("RTP", (self.host, port), "--rtp-ports", error) from error
                self.counts["port_held_by_others"] += 1
                continue
            opened = RtpSocket(self, raw, port)
            self._open.add(opened)
            return opened
        raise ResourceError(
            f"RTP ports of {self.host}: {MAX_BIND_TRIES} that were tried are held by other programs; "
            "choose another range with --rtp-ports"
        )

    def open_beside(self, port: int) -> "RtpSocket | None":
        """Open the odd port above one that is in use, for reports (RTCP); None where another program has it."""
        try:
            raw = self._bind(port + 1)
        except OSError:
            self.counts["report_port_held_by_others"] += 1
            return None
        opened = RtpSocket(self, raw, port + 1)
        self._beside.add(opened)
        return opened

    def _reopened(self, port: int) -> "RtpSocket":
        """Return a port out of quarantine, though somebody still sends to it: better than no sound for a new call."""
        raw = self._quarantine.pop(port)
        self._forget(raw)
        self.counts["reclaimed_ports"] += 1
        _empty(raw, MAX_WAITING_PACKETS)
        opened = RtpSocket(self, raw, port)
        self._open.add(opened)
        return opened

    def sweep(self) -> None:
        """Empty the sockets in quarantine, and close those that have been quiet long enough."""
        now = clock.now()
        left = MAX_SWEPT
        for descriptor, _ in self._heard.poll(0):
            port = self._descriptors[descriptor]
            self._pool.heard(port, now=now)
            if left > 0:  # somebody may send to all of them; the rest has its turn when these are quiet, or never
                late = _empty(self._quarantine[port], min(left, MAX_DATAGRAMS_A_READ))
                self.counts["late_packets"] += late
                left -= late + 1
        for port in self._pool.handle_timer(now=now):
            raw = self._quarantine.pop(port)
            self._forget(raw)
            raw.close()

    def close(self) -> None:
        """Close every socket, those in quarantine and those still in use too."""
        self._closed = True
        for opened in [*self._open, *self._beside]:
            opened.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for raw in self._quarantine.values():
            self._forget(raw)
            raw.close()
        self._quarantine.clear()

    def _forget(self, raw: socket.socket) -> None:
        self._heard.unregister(raw)
        del self._descriptors[raw.fileno()]

    def _bind(self, port: int) -> socket.socket:
        raw = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            raw.setblocking(False)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            with contextlib.suppress(OSError):  # without it, arrival is the time of the read
                raw.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            with contextlib.suppress(OSError):  # a courtesy to routers, nothing depends on it
                if self._family == socket.AF_INET6:
                    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, TRAFFIC_CLASS)
                else:
                    raw.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, TRAFFIC_CLASS)
            if self._family == socket.AF_INET6:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            raw.bind((self.host, port))
        except BaseException:
            raw.close()
            raise
        return raw

    def _released(self, closed: "RtpSocket", raw: socket.socket) -> None:
        if closed in self._beside:  # what still comes here names a source that nobody knows any more
            self._beside.discard(closed)
            raw.close()
            return
        self._open.discard(closed)
        if self._closed:
            raw.close()
            return
        self._pool.release(closed.port, now=clock.now())
        _empty(raw)
        self._quarantine[closed.port] = raw
        self._descriptors[raw.fileno()] = closed.port
        self._heard.register(raw, select.POLLIN)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            return
        with contextlib.suppress(RuntimeError):  # no loop, as in a tool or a test: then the owner sweeps
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_due)

    def _sweep_due(self) -> None:
        self._timer = None
        self.sweep()
        if self._quarantine:
            self._arm()


class RtpSocket:
    """One RTP port. Nothing here blocks or raises for what a peer or the network does.

    host, port: where it is bound. received, sent: datagrams so far. only: the one source it listens to, None for all.
    send_error: why the last one was not sent, by the name of its errno.
    """

    __slots__ = (
        "_checked",
        "_earliest",
        "_poll",
        "_ports",
        "_raw",
        "_receive",
        "_sendto",
        "host",
        "only",
        "port",
        "received",
        "send_error",
        "send_errors",
        "sent",
    )

    def __init__(self, ports: RtpPorts, raw: socket.socket, port: int) -> None:
        self.host = ports.host
        self.port = port
        self.received = 0
        self.sent = 0
        self.send_errors = 0
        self.only: Address | None = None
        self.send_error = ""
        self._ports = ports
        self._raw: socket.socket | None = raw
        poll = select.poll()
        poll.register(raw, select.POLLIN)
        self._poll = poll.poll
        self._receive = raw.recvmsg
        self._sendto = raw.sendto
        self._checked: Address | None = None
        #: Nothing that is still to be read came before this.
        self._earliest = clock.now()

    def read(self, limit: int = MAX_DATAGRAMS_A_READ) -> list[Datagram]:
        """Return what has come since the last read, oldest first, at most `limit`: (data, source, arrived).

        source: (host, port). arrived: monotonic seconds by the kernel's stamp, never after now, nor before the last
        read that left nothing behind. What came within the last `FRESH_SECONDS` may be left for the next read.
        """
        datagrams: list[Datagram] = []
        if self._raw is None:
            return datagrams
        now = 0.0
        offset = 0.0
        while limit > 0:
            try:
                data, ancillary, flags, source = self._receive(MAX_DATAGRAM_BYTES, _ANCILLARY_BYTES)
            except BlockingIOError:
                self._earliest = now or clock.now()
                break
            except OSError:  # an ICMP error of an earlier send, reported here and cleared by it
                self._ports.counts["receive_error"] += 1
                limit -= 1
                continue
            if not now:
                now = clock.now()
                offset = now - clock.wall_seconds()
            limit -= 1
            if flags & _TRUNCATED:
                self._ports.counts["oversized"] += 1
                continue
            arrived = now
            fresh = False
            if ancillary and len(ancillary[0][2]) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
                arrived = seconds + nanoseconds * 1e-9 + offset
                fresh = arrived > now - FRESH_SECONDS
                if arrived > now:
                    arrived = now
                elif arrived < self._earliest:
                    arrived = self._earliest
            datagrams.append((data, source[:2], arrived))
            if fresh:  # whatever stands behind it is fresher still
                self._earliest = now - FRESH_SECONDS
                break
            if not self._poll(0):
                self._earliest = now
                break
        self.received += len(datagrams)
        return datagrams

    def send(self, data: bytes, address: Address) -> bool:
        """Send one datagram; return False, and count why, if it could not be sent now."""
        if address != self._checked:
            if self._raw is None or not sendable(address):
                self._failed("closed" if self._raw is None else "address")
                return False
            self._checked = address
        try:
            self._sendto(data, address)
        except OSError as error:  # EAGAIN, ECONNREFUSED, ENETUNREACH, EPERM, …: the next frame is 20 ms away
            self._failed(errno.errorcode.get(error.errno or 0, "other"))
            return False
        self.sent += 1
        return True

    def listen_only(self, source: Address | None) -> bool:
        """Have the kernel drop what comes from elsewhere; None listens to all again. False where it cannot."""
        if self._raw is None:
            return False
        if source is None:
            rtp_filter.detach(self._raw)
        elif not rtp_filter.attach(self._raw, source):
            return False
        self.only = source
        return True

    def close(self) -> None:
        """Give the port back; it rests until it is quiet. Twice is as good as once."""
        if self.only is not None:  # in quarantine whoever still sends must be heard
            self.listen_only(None)
        raw, self._raw = self._raw, None
        if raw is not None:
            self._checked = None
            self._ports._released(self, raw)

    def _failed(self, why: str) -> None:
        self.send_errors += 1
        self.send_error = why
        self._ports.counts[f"send_{why}"] += 1


def _empty(raw: socket.socket, most: int = MAX_DATAGRAMS_A_READ) -> int:
    """Throw away what has come, and return how many datagrams it was, at most `most`."""
    for count in range(most):
        try:
            raw.recv(1)
        except BlockingIOError:
            return count
        except OSError:
            continue
    return most
