"""A wire for connections that can be cut: what passes through it is not looked at, so it may be encrypted."""

import contextlib
import socket
import threading
from types import TracebackType

from tests.live.peers.free_ports import LOOPBACK, free_port


class StreamRelay:
    """Carries each connection that is made to `port` to `target`, until it is cut."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.port = free_port()
        self._target = target
        self._listening = socket.create_server((LOOPBACK, self.port))
        self._listening.settimeout(0.1)
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def __enter__(self) -> "StreamRelay":
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        self._listening.close()
        for end in self._ends:
            end.close()

    def cut(self) -> None:
        """End every connection as a router does that forgets it: without a word of TLS."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _start(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, name=f"relay-{self.port}", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                near, _ = self._listening.accept()
            except OSError:
                continue  # nobody came
            near.settimeout(None)
            far = socket.create_connection(self._target)
            self._ends += [near, far]
            self._start(self._carry, near, far)
            self._start(self._carry, far, near)

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
