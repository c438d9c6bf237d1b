"""SIP messages cut out of a stream by their Content-Length (RFC 3261 section 18.3), and keep-alives between them.

What comes out does not depend on how the stream was cut into segments. So a fault in it is told only after the whole
messages before it; and a message whose Content-Length is missing or nonsense still comes out, its head alone and as the
last, because it can be answered 400 although nothing after it can be followed. Of a head that is too large, one octet
more than we read comes out, to be answered 513.
"""

import re
from typing import Final

from softswitch.errors import RemoteError
from softswitch.sip.grammar import broken
from softswitch.sip.parser import MAX_HEAD_BYTES, MAX_MESSAGE_BYTES

#: What answers a keep-alive (RFC 5626 section 4.4.1); in the list that `feed` returns it stands for a received ping.
PONG: Final = b"\r\n"

_PING: Final = b"\r\n\r\n"
#: Line ends before a message (section 7.5), but neither a ping nor at the end what may become one.
_LINE_ENDS: Final = re.compile(rb"(?:\n|\r(?!\n\r\n|\n\r?\Z|\Z))+")

_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")
_LENGTH: Final = re.compile(rb"\n(?:content-length|l)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE)
_FOLD: Final = re.compile(rb"\r?\n[ \t]")


class StreamFramer:
    """Collects the bytes of one connection. `fault` is why it cannot be followed any more, None while it can."""

    __slots__ = ("_buffer", "_searched", "_wanted", "fault")

    def __init__(self) -> None:
        self.fault: RemoteError | None = None
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

        Raises RemoteError when the stream cannot be followed any more: the connection must be closed. Where messages
        came before the fault they are returned first; `fault` tells at once, the next call raises it.
        """
        found: list[bytes] = []
        if self.fault is None:
            self._buffer += data
            while (message := self._next()) is not None:
                found.append(message)
        if self.fault is not None and not found:
            raise self.fault
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if self.fault is not None:
            return None
        if not self._wanted:
            self._skip_line_ends()
            if buffer.startswith(_PING):
                del buffer[:4]
                return PONG
            if buffer.startswith(b"\r"):
                return None
            try:
                self._wanted = self._measure()
            except RemoteError as error:
                self.fault = error
            if not self._wanted:
                return None
        if len(buffer) < self._wanted:
            return None
        message = bytes(buffer[: self._wanted])
        del buffer[: self._wanted]
        self._wanted = self._searched = 0
        return message

    def _skip_line_ends(self) -> None:
        ends = _LINE_ENDS.match(self._buffer)
        if ends is not None:
            length = ends.end()
            del ends  # it holds the buffer, which cannot shrink as long
            del self._buffer[:length]

    def _measure(self) -> int:
        """Return how long the message at the front is, 0 while its head is not complete."""
        end = self._head_end()
        if (end or len(self._buffer)) > MAX_HEAD_BYTES:  # complete or not, or it would matter how it was cut
            self.fault = broken("headers larger than we read", kind="head_too_large", status=513)
            return MAX_HEAD_BYTES + 1 if _is_request(self._buffer) else 0
        if not end:
            return 0
        head = bytes(self._buffer[:end])
        try:
            wanted = end + _content_length(head)
            if wanted > MAX_MESSAGE_BYTES:
                raise broken("larger than we read", kind="message_too_large", status=513)
        except RemoteError as error:
            self.fault = error
            return end if _is_request(head) else 0
        return wanted

    def _head_end(self) -> int:
        """Return the length of the head with its empty line, 0 while that has not come."""
        # One search for both: a search for the one that a peer never writes would read all that waits, each time.
        found = _EMPTY_LINE.search(self._buffer, max(0, self._searched - 2))
        if found is None:
            self._searched = len(self._buffer)
            return 0
        return found.end()


def _is_request(head: bytes | bytearray) -> bool:
    """Tell whether it begins like something that wants an answer."""
    return b" SIP/2.0" in head.partition(b"\n")[0]


def _content_length(head: bytes) -> int:
    """Return what Content-Length says; RemoteError where it says nothing, as the next message could be anywhere."""
    texts = {_FOLD.sub(b" ", line[1]).strip(b" \t") for line in _LENGTH.finditer(head)}
    if not texts:
        raise broken("no Content-Length on a stream", kind="missing_content_length")
    text = texts.pop()
    if texts:  # RFC 4475 section 3.3.9: as good as none, and no framing recovers from that
        raise broken("two different Content-Length", kind="bad_content_length")
    if not text.isdigit() or len(text) > 20:
        raise broken("Content-Length is not a number", kind="bad_content_length")
    return int(text)
