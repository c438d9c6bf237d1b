"""A bad way between two SIP peers: a wire for the signalling that puts a wire for the sound into the descriptions.

The sound and its reports pass on ports of the wire, each side sees the other there; of the sound some is lost.
"""

import random
import re
import selectors
import socket
import threading
from types import TracebackType

from tests.live.peers.free_ports import LOOPBACK, free_port

_PORT = re.compile(rb"m=audio (\d{5}) ")


class _Way:
    """One direction: from the peer that sends to `inside`, out of `outside`, to `target`."""

    def __init__(self, loss: float, seed: int) -> None:
        self.loss = loss
        self.passed = self.dropped = 0
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose


class LossyMedia:
    """Carries one call from whoever calls it to `target`. there, back: packets to `target` and from it."""

    def __init__(self, target: tuple[str, int], *, there: float, back: float, seed: int = 7) -> None:
        """there, back: which part of the packets is lost, 0 to 1."""
        self.there, self.back = _Way(there, seed), _Way(back, seed + 1)
        self._target = target
        self._caller: tuple[str, int] | None = None
        self.port = free_port()
        self._signalling = _bound(self.port)
        # Sound and reports, at the side of the caller and at that of the target.
        self._near, self._far = _pair(), _pair()
        self._caller_port = self._target_port = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lossy-{self.port}", daemon=True)

    def __enter__(self) -> "LossyMedia":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(5)
        for one in (self._signalling, *self._near, *self._far):
            one.close()

    @property
    def address(self) -> str:
        """Where to call."""
        return f"{LOOPBACK}:{self.port}"

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for one in (self._signalling, *self._near, *self._far):
                selector.register(one, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _ in selector.select(0.1):
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    try:
                        data, source = one.recvfrom(65535)
                    except OSError:
                        continue
                    if one is self._signalling:
                        self._signal(data, source)
                    else:
                        self._sound(one, data)

    def _signal(self, data: bytes, source: tuple[str, int]) -> None:
        port = _PORT.search(data)
        if source != self._target:
            self._caller = source
            if port:
                self._caller_port = int(port[1])
                data = _PORT.sub(b"m=audio %d " % self._far[0].getsockname()[1], data)
            self._signalling.sendto(data, self._target)
        elif self._caller is not None:
            if port:
                self._target_port = int(port[1])
                data = _PORT.sub(b"m=audio %d " % self._near[0].getsockname()[1], data)
            self._signalling.sendto(data, self._caller)

    def _sound(self, came: socket.socket, data: bytes) -> None:
        there = came in self._near
        report = came in (self._near[1], self._far[1])
        way, out = (self.there, self._far) if there else (self.back, self._near)
        port = self._target_port if there else self._caller_port
        if not port:
            return
        if not report and way.random.random() < way.loss:
            way.dropped += 1
            return
        way.passed += not report
        out[report].sendto(data, (LOOPBACK, port + report))


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((LOOPBACK, port))
    return made


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return sockets of an even port of five digits and the odd one above it."""
    for _ in range(200):
        even = free_port() & ~1
        try:
            first = _bound(even)
        except OSError:
            continue
        try:
            second = _bound(even + 1)
        except OSError:
            first.close()
            continue
        if even >= 10_000:
            return first, second
        first.close()
        second.close()
    raise OSError("no pair of ports is free")
