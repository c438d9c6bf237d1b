"""The agent's mouth: pieces of speech on their way to the caller, and how much of each was really heard."""

import asyncio
from collections.abc import Callable
from typing import Final

from softswitch.audio.frame import FRAME_MS, Frame
from softswitch.audio.playout import Playout
from softswitch.conversation.memory import heard_part

#: How far synthesis may run ahead of the voice, and where it is told to go on: long enough for a stalled loop, short
#: enough that little is made for nothing (and 16 kB of memory for each second of each call).
LEAD_MS: Final = 3000
_REFILL_MS: Final = 1500


class Piece:
    """One `Say` or `Play`. Positions are milliseconds of all sound that was ever put into this mouth."""

    __slots__ = ("begins_ms", "ends_ms", "interruptible", "text")

    def __init__(self, text: str, interruptible: bool) -> None:
        self.text = text
        self.interruptible = interruptible
        self.begins_ms: int | None = None
        self.ends_ms: int | None = None


class Mouth:
    """Plays pieces one after another; reports when each is first heard, and what of it was heard in the end."""

    def __init__(self, on_started: Callable[[Piece], None], on_said: Callable[[str, bool], None]) -> None:
        """on_said: the text really heard, and whether the piece was cut short."""
        self._on_started = on_started
        self._on_said = on_said
        self._playout = Playout(self._marked, limit_ms=LEAD_MS)
        self._marks: dict[str, Callable[[bool], None]] = {}
        self._count = 0
        self._put_ms = 0
        self._piece: Piece | None = None
        self._has_room = asyncio.Event()
        self._full = False
        self._clearing = False

    @property
    def silent(self) -> bool:
        """True when nothing waits to be played."""
        return self._playout.idle

    def begin(self, text: str, *, interruptible: bool) -> Piece:
        """Begin a piece; its frames follow."""
        self._piece = Piece(text, interruptible)
        return self._piece

    async def put(self, frame: Frame) -> None:
        """Append 20 ms to the piece; waits while enough is waiting to be played."""
        piece = self._piece
        if piece is not None and piece.begins_ms is None:
            piece.begins_ms = self._put_ms
            # In `clear` a mark counts as played when nothing before it was dropped; this piece was not heard for that.
            self.mark(lambda played: self._on_started(piece) if played and not self._clearing else None)
        while not self._playout.put(frame):
            self._full = True
            self._has_room.clear()
            await self._has_room.wait()
        self._put_ms += FRAME_MS

    def end(self, piece: Piece) -> None:
        """End the piece: all its frames were put."""
        piece.ends_ms = self._put_ms
        self._piece = None
        if piece.begins_ms is not None:
            self.mark(lambda played: self._on_said(piece.text, False) if played else self._cut(piece))

    def mark(self, reached: Callable[[bool], None]) -> None:
        """Call `reached(True)` when all that was put so far has been played, `reached(False)` when it never will be."""
        self._count += 1
        name = str(self._count)
        self._marks[name] = reached
        if not self._playout.mark(name):
            del self._marks[name]
            reached(False)

    def take(self) -> Frame | None:
        """Return the next 20 ms of our voice."""
        frame = self._playout.take()
        if self._full and self._playout.queued_ms <= _REFILL_MS:
            self._full = False
            self._has_room.set()
        return frame

    def pause(self) -> None:
        """Fall silent, and keep everything."""
        self._playout.pause()

    def resume(self) -> None:
        """Go on where it was paused."""
        self._playout.resume()

    def clear(self) -> None:
        """Fall silent, and drop everything; what was heard of it is reported."""
        self._clearing = True
        self._playout.clear()
        self._clearing = False
        piece, self._piece = self._piece, None
        if piece is not None and piece.begins_ms is not None:
            self._cut(piece)
        self._put_ms = self._playout.played_ms
        self._full = False
        self._has_room.set()

    def close(self) -> None:
        """Keep nothing, and tell nobody anything any more."""
        self._on_started, self._on_said = _unheard, _unsaid
        self._playout = Playout(limit_ms=LEAD_MS)

    def _marked(self, name: str, played: bool) -> None:
        self._marks.pop(name)(played)

    def _cut(self, piece: Piece) -> None:
        begins = piece.begins_ms or 0
        total = None if piece.ends_ms is None else piece.ends_ms - begins
        played = self._playout.played_ms - begins
        if played > 0:
            self._on_said(heard_part(piece.text, played, total), True)


def _unheard(piece: Piece) -> None:
    """Do nothing: nobody waits for a piece to begin."""


def _unsaid(text: str, cut: bool) -> None:
    """Do nothing: nobody keeps what was said."""
