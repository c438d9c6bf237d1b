"""The worker's end of the socket pair: messages from the switch, and answers to it."""

import select
import socket
from collections import deque
from typing import Final, Protocol

from softswitch.providers import messages as m
from softswitch.providers.messages import Message, Unpacker, pack

_READ_BYTES: Final = 65536


class Answers(Protocol):
    """What an engine needs of the wire while it works."""

    def send(self, kind: int, stream: int, payload: bytes = b"") -> None:
        """Send a message."""

    def closed(self, stream: int) -> bool:
        """Return whether the switch has closed this stream meanwhile."""


class Wire:
    """The socket to the switch."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._unpacker = Unpacker()
        self._waiting: deque[Message] = deque()

    def send(self, kind: int, stream: int, payload: bytes = b"") -> None:
        """Send a message; waits when the switch does not read, which stops this worker and nobody else."""
        self._socket.sendall(pack(kind, stream, payload))

    def next(self) -> Message:
        """Return the next message; EOFError when the switch is gone."""
        while not self._waiting:
            self._receive()
        return self._waiting.popleft()

    def closed(self, stream: int) -> bool:
        """Return whether a CLOSE for this stream has come meanwhile; other messages stay in line."""
        while select.select([self._socket], [], [], 0)[0]:
            self._receive()
        return any(message.kind == m.CLOSE and message.stream == stream for message in self._waiting)

    def _receive(self) -> None:
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise EOFError
        self._waiting.extend(self._unpacker.feed(data))
