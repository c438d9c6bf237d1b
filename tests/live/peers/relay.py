"""A wire between two SIP peers that changes what it carries, as boxes on the way do."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType

from tests.live.peers.free_ports import LOOPBACK, free_port


class Relay:
    """Carries datagrams from whoever calls it to `target`, each through `change`, and the answers back as they are.

    It puts itself into no Via and no Record-Route: only what is sent to its own port passes here.
    """

    def __init__(self, target: tuple[str, int], change: Callable[[bytes], bytes]) -> None:
        self.port = free_port()
        self._target = target
        self._change = change
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, self.port))
        self._socket.settimeout(0.1)
        self._caller: tuple[str, int] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay-{self.port}", daemon=True)

    @property
    def address(self) -> str:
        """Host and port to send to."""
        return f"{LOOPBACK}:{self.port}"

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                data, source = self._socket.recvfrom(65535)
            except OSError:
                continue  # nothing came, or a peer is gone
            if source != self._target:
                self._caller = source
                self._socket.sendto(self._change(data), self._target)
            elif self._caller is not None:
                self._socket.sendto(data, self._caller)
