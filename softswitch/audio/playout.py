"""What a voice still has to say: a bounded buffer of frames, with marks between them, that can be stopped at once.

    put ──► [frame frame ◊mark frame …] ──► take, every 20 ms

* `pause` and `clear` fade the very next frame out over its first 10 ms, so the voice stops within one tick and does
  not click. `resume` begins again with the frame that was faded, fading in: nothing is lost.
* A mark is reached when the frame before it had its 20 ms, that is on the `take` after it. `clear` reports the marks
  it throws away as not played, in order.
* The producer paces itself by `room_ms`; `put` refuses what does not fit.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from softswitch.audio.frame import FRAME_MS, Frame

#: How much speech may wait: a long sentence. More of it would only have been made for nothing when the caller
#: interrupts, and costs about 20 kB of memory for each second of each call.
MAX_QUEUED_MS: Final = 10_000
#: How many marks may wait: one for each word of such a sentence, with room. An API client can set them.
MAX_MARKS: Final = 256
#: A fade this long is heard as a stop, not as a click.
FADE_MS: Final = 10

OnMark = Callable[[str, bool], None]


def _ignore(_name: str, _played: bool) -> None:
    """Nobody asked for the marks."""


class Playout:
    """The mouth's buffer. Every method is a plain call of well under a microsecond, except a fade (10 µs)."""

    __slots__ = ("_fade", "_marks", "_on_mark", "_paused", "_queue", "_stirred", "_tail", "limit_ms", "played_ms")

    def __init__(self, on_mark: OnMark = _ignore, *, limit_ms: int = MAX_QUEUED_MS) -> None:
        """Report each mark once by `on_mark(name, played)`, from within `take` or `clear`, in the order set."""
        self._on_mark = on_mark
        self._queue: deque[Frame | str] = deque()
        self._marks = 0
        self._paused = False
        #: The head of the queue is still to be faded: out after `pause`, in after `resume`.
        self._fade = ""
        #: The faded rest of what `clear` threw away, still to be taken.
        self._tail: Frame | None = None
        #: Something other than a plain frame comes next.
        self._stirred = False
        self.limit_ms = limit_ms
        #: Milliseconds of sound really taken since the beginning; a frame cut by a fade does not count.
        self.played_ms = 0

    @property
    def paused(self) -> bool:
        """Whether it is silent until `resume`."""
        return self._paused

    @property
    def queued_ms(self) -> int:
        """How much sound waits."""
        return (len(self._queue) - self._marks) * FRAME_MS

    @property
    def room_ms(self) -> int:
        """How much more sound `put` would take."""
        return self.limit_ms - self.queued_ms

    @property
    def idle(self) -> bool:
        """Whether nothing waits: neither sound nor a mark nor the end of a fade."""
        return not self._queue and self._tail is None

    def put(self, frame: Frame) -> bool:
        """Append 20 ms; return False, and leave the frame to the caller, when there is no room."""
        if (len(self._queue) - self._marks) * FRAME_MS >= self.limit_ms:
            return False
        self._queue.append(frame)
        return True

    def mark(self, name: str) -> bool:
        """Set a mark behind all sound put so far; return False when too many marks wait already."""
        if self._marks >= MAX_MARKS:
            return False
        self._queue.append(name)
        self._marks += 1
        return True

    def take(self) -> Frame | None:
        """Return the next 20 ms, None when there is nothing to say; report the marks that it passes."""
        if self._stirred:
            return self._take_stirred()
        queue = self._queue
        if not queue:
            return None
        head = queue.popleft()
        if head.__class__ is str:
            queue.appendleft(head)
            return self._take_behind_marks()
        self.played_ms += FRAME_MS
        return head  # type: ignore[return-value]  # the class was looked at; isinstance would cost a third more

    def pause(self) -> None:
        """Fall silent within the next frame, and keep everything for `resume`."""
        if self._paused:
            return
        self._paused = self._stirred = True
        # A fade in that was still to come never sounded, so there is nothing to fade out.
        self._fade = "" if self._fade == "in" or not self._queue else "out"

    def resume(self) -> None:
        """Speak on where `pause` stopped, fading in."""
        if not self._paused:
            return
        self._paused = False
        # Where the fade out was not taken yet, the voice never stopped.
        self._fade = "" if self._fade == "out" or not self._queue else "in"
        self._settle()

    def clear(self) -> None:
        """Throw away all that waits, fade out within the next frame, and report the marks: not played.

        Marks whose sound was played to the end are reported as played. The buffer is not paused afterwards.
        """
        queue, sounding = self._queue, not self._paused or self._fade == "out"
        reached = self._leading_marks() if sounding else []
        if sounding and self._fade != "in":
            head = next((item for item in queue if isinstance(item, Frame)), None)
            self._tail = self._tail if head is None else _faded(head, 1.0, 0.0)
        dropped = [item for item in queue if isinstance(item, str)]
        queue.clear()
        self._marks = 0
        self._paused = False
        self._fade = ""
        self._settle()
        for name in reached:
            self._on_mark(name, True)
        for name in dropped:
            self._on_mark(name, False)

    def _settle(self) -> None:
        self._stirred = self._paused or self._fade != "" or self._tail is not None

    def _leading_marks(self) -> list[str]:
        names: list[str] = []
        while self._queue and isinstance(name := self._queue[0], str):
            names.append(name)
            self._queue.popleft()
        self._marks -= len(names)
        return names

    def _take_behind_marks(self) -> Frame | None:
        names = self._leading_marks()
        frame = self._queue.popleft() if self._queue else None
        assert not isinstance(frame, str)  # they were all taken away
        if frame is not None:
            self.played_ms += FRAME_MS
        # Last, because whoever hears of the mark may call put, pause or clear.
        for name in names:
            self._on_mark(name, True)
        return frame

    def _take_stirred(self) -> Frame | None:
        if (tail := self._tail) is not None:
            self._tail = None
            self._settle()
            return tail
        if self._fade == "out":
            self._fade = ""
            head = next((item for item in self._queue if isinstance(item, Frame)), None)
            return None if head is None else _faded(head, 1.0, 0.0)
        if self._paused:
            return None
        self._fade = ""
        self._settle()
        frame = self._take_behind_marks()
        return None if frame is None else _faded(frame, 0.0, 1.0)


def _faded(frame: Frame, start: float, end: float) -> Frame:
    """Return the frame with its first 10 ms going from `start` to `end` along half a cosine, and staying there."""
    samples = np.frombuffer(frame.pcm, dtype="<i2")
    ramp = np.full(len(samples), end, dtype=np.float32)
    count = min(len(samples), frame.rate_hz * FADE_MS // 1000)
    turn = np.arange(count, dtype=np.float32) * np.float32(np.pi / max(count, 1))
    ramp[:count] = end + (start - end) * (0.5 + 0.5 * np.cos(turn))
    return Frame(np.rint(samples * ramp).astype("<i2").tobytes(), frame.rate_hz, frame.voiced)
