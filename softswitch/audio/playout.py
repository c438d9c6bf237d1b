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

    __slots__ = (
        "_fade_in",
        "_marks",
        "_on_mark",
        "_paused",
        "_queue",
        "_sounding",
        "_stirred",
        "_tail",
        "limit_ms",
        "played_ms",
    )

    def __init__(self, on_mark: OnMark = _ignore, *, limit_ms: int = MAX_QUEUED_MS) -> None:
        """Report each mark once by `on_mark(name, played)`, from within `take` or `clear`, in the order set."""
        self._on_mark = on_mark
        self._queue: deque[Frame | str] = deque()
        self._marks = 0
        self._paused = False
        #: The last frame taken was full sound, so falling silent now needs a fade.
        self._sounding = False
        self._fade_in = False
        #: The faded rest of what `clear` threw away, still to be taken.
        self._tail: Frame | None = None
        #: Something other than a plain frame comes next: paused, or a fade.
        self._stirred = False
        self.limit_ms = limit_ms
        #: Milliseconds of sound really taken since the beginning; a frame cut by a fade out does not count.
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
            self._sounding = False
            return None
        head = queue.popleft()
        if head.__class__ is str:
            queue.appendleft(head)
            return self._take_behind_marks()
        self._sounding = True
        self.played_ms += FRAME_MS
        return head  # type: ignore[return-value]  # the class was looked at; isinstance would cost a third more

    def pause(self) -> None:
        """Fall silent within the next frame, and keep everything for `resume`."""
        self._paused = self._stirred = True

    def resume(self) -> None:
        """Speak on where `pause` stopped, fading in."""
        if self._paused:
            self._paused = False
            # Where the fade out was not taken yet, the voice never stopped.
            self._fade_in = not self._sounding and bool(self._queue)
            self._settle()

    def clear(self) -> None:
        """Throw away all that waits, fade out within the next frame, and report the marks: not played.

        A mark with no sound before it any more is reported as played. The buffer is not paused afterwards.
        """
        reached = self._leading_marks()
        if self._sounding and self._queue:
            head = self._queue[0]
            assert isinstance(head, Frame)  # the marks before it were taken away
            self._tail = _faded(head, 1.0, 0.0)
        dropped = [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        self._marks = 0
        self._paused = self._sounding = self._fade_in = False
        self._settle()
        # Last, because whoever hears of a mark may call put, pause or clear.
        for name in reached:
            self._on_mark(name, True)
        for name in dropped:
            self._on_mark(name, False)

    def _settle(self) -> None:
        self._stirred = self._paused or self._fade_in or self._tail is not None

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
        self._sounding = frame is not None
        if frame is not None:
            self.played_ms += FRAME_MS
        for name in names:
            self._on_mark(name, True)
        return frame

    def _take_stirred(self) -> Frame | None:
        if (tail := self._tail) is not None:
            self._tail = None
            self._settle()
            return tail
        if self._paused:
            return self._take_paused()
        self._fade_in = False
        self._settle()
        frame = self._take_behind_marks()
        return None if frame is None else _faded(frame, 0.0, 1.0)

    def _take_paused(self) -> Frame | None:
        names = self._leading_marks()
        frame = None
        if self._sounding and self._queue:
            head = self._queue[0]
            assert isinstance(head, Frame)  # the marks before it were taken away
            frame = _faded(head, 1.0, 0.0)
        self._sounding = False
        for name in names:
            self._on_mark(name, True)
        return frame


def _faded(frame: Frame, start: float, end: float) -> Frame:
    """Return the frame with its first 10 ms going from `start` to `end` along half a cosine, and staying there."""
    samples = np.frombuffer(frame.pcm, dtype="<i2")
    ramp = np.full(len(samples), end, dtype=np.float32)
    count = min(len(samples), frame.rate_hz * FADE_MS // 1000)
    turn = np.arange(count, dtype=np.float32) * np.float32(np.pi / max(count, 1))
    ramp[:count] = end + (start - end) * (0.5 + 0.5 * np.cos(turn))
    return Frame(np.rint(samples * ramp).astype("<i2").tobytes(), frame.rate_hz, frame.voiced)
