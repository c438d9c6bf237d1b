"""SIP messages cut out of a stream by their Content-Length (RFC 3261 section 18.3), and keep-alives between them."""

from typing import Final

from softswitch.sip.grammar import broken
from softswitch.sip.parser import MAX_HEAD_BYTES, MAX_MESSAGE_BYTES

#: What answers a keep-alive (RFC 5626 section 4.4.1); in the list that `feed` returns it stands for a received ping.
PONG: Final = b"\r\n"

_PING: Final = b"\r\n\r\n"


class StreamFramer:
    """Collects the bytes of one connection."""

    __slots__ = ("_buffer", "_searched", "_wanted")

    def __init__(self) -> None:
        self._buffer = bytearray()
        #: How far the end of the head has been looked for, so that a slow sender does not make us look again.
        self._searched = 0
        #: Length of the message that is being collected, 0 while its head is not complete.
        self._wanted = 0

    @property
    def pending_bytes(self) -> int:
        """How much of an unfinished message is here."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; return the whole messages in it, and `PONG` itself (compare by `is`) for each ping.

        Raises RemoteError when the stream cannot be followed any more: the connection must be closed.
        """
        self._buffer += data
        found: list[bytes] = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._wanted:
            if buffer.startswith(_PING):
                del buffer[:4]
                return PONG
            if len(buffer) < 4 and _PING.startswith(bytes(buffer)):
                return None
            while buffer[:1] == b"\r" or buffer[:1] == b"\n":  # line ends before a message (section 7.5)
                del buffer[:1]
            self._wanted = self._measure()
            if not self._wanted:
                return None
        if len(buffer) < self._wanted:
            return None
        message = bytes(buffer[: self._wanted])
        del buffer[: self._wanted]
        self._wanted = self._searched = 0
        return message

    def _measure(self) -> int:
        """Return how long the message at the front is, 0 while its head is not complete."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > MAX_HEAD_BYTES:
                raise broken("headers larger than we read", kind="head_too_large", status=513)
            return 0
        wanted = end + 4 + _content_length(bytes(buffer[:end]))
        if wanted > MAX_MESSAGE_BYTES:
            raise broken("larger than we read", kind="message_too_large", status=513)
        return wanted


def _content_length(head: bytes) -> int:
    """Return what Content-Length says; RemoteError where it says nothing, as the next message could be anywhere."""
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.strip(b" \t").lower() in (b"content-length", b"l"):
            text = value.strip(b" \t")
            if text.isdigit() and len(text) <= 9:
                return int(text)
            raise broken("Content-Length is not a number", kind="bad_content_length")
    raise broken("no Content-Length on a stream", kind="missing_content_length")
