"""What the switch and its speech workers say to each other: length-prefixed messages over a socket pair.

Shared by both sides, so it imports nothing that would make a worker larger.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct("!BII")

# To a recogniser: the grammar (JSON), an utterance's begin (its number), 8 kHz samples, its end.
EXPECT: Final = 1
START: Final = 2
SOUND: Final = 3
FINISH: Final = 4
#: To both: forget this stream, whatever it is doing.
CLOSE: Final = 5
#: To a synthesiser: text and voice (JSON).
SPEAK: Final = 6
# From a worker: it is ready, a transcript (JSON), samples at the rate it told when it became ready, all was said, it
# failed (words).
READY: Final = 16
HEARD: Final = 17
SAMPLES: Final = 18
DONE: Final = 19
FAILED: Final = 20

#: Larger than any message either side makes; beyond it the other side has gone mad.
MAX_PAYLOAD: Final = 1 << 20


class Message(NamedTuple):
    """One message: what it says, to which stream, and the rest."""

    kind: int
    stream: int
    payload: bytes


def pack(kind: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a message as bytes."""
    return _HEAD.pack(kind, stream, len(payload)) + payload


class Unpacker:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are whole now. Raises ValueError on nonsense."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD.size:
            kind, stream, size = _HEAD.unpack_from(buffer)
            if size > MAX_PAYLOAD:
                raise ValueError(f"a message of {size} bytes")
            end = _HEAD.size + size
            if len(buffer) < end:
                return
            payload = bytes(buffer[_HEAD.size : end])
            del buffer[:end]
            yield Message(kind, stream, payload)
