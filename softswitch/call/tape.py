"""What both sides of a call say, on one time line: strips of a second, for somebody who writes them down.

Theory of operation. The tape began at a moment; the frame that is heard `n` times 20 ms later is its frame number `n`,
whatever happens to the bridge. Both sides of a tick go onto the tape together, so nothing moves one side against the
other. A clock that is late makes good up to two periods by ticking more often: these ticks are waited for. What is
missing beyond that (the loop stood still, nobody was on the bridge) is filled with silence before the next frame.
So is a lag of a frame or two that stays for a second: nobody will make it good any more. Paused time is silence too:
what follows stays where it belongs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from softswitch.audio.frame import FRAMES_PER_SECOND, TELEPHONE_HZ, Frame

#: Frames in one strip: what is lost when the process is killed, and twice a second's worth of waiting for a disk.
STRIP_FRAMES: Final = 50
#: A frame that comes this many periods after its place is beyond what the clock makes good (net/tick_plan.py: two).
MISSED: Final = 3.0
#: A lag of this many periods that lasts is filled; less is where in its period the tick of another bridge stands.
LAG: Final = 1.5
#: A hundredth of a period: moments are floating-point numbers, and a period less its last bit is a period.
ROUNDING: Final = 0.01
#: More ticks than time, by this many: dropped, or a tape could grow faster than its call.
AHEAD: Final = -3.0

_QUIET: Final = {hz: bytes(hz * 2 // FRAMES_PER_SECOND) for hz in (TELEPHONE_HZ, 16_000, 24_000, 48_000)}


@dataclass(frozen=True, slots=True)
class Strip:
    """A piece of tape: `frames` times 20 ms of both sides, as 16-bit mono at `left_hz` and `right_hz`.

    left, right: one piece for each frame; both empty: silence.
    """

    frames: int
    left: list[bytes]
    right: list[bytes]
    left_hz: int = TELEPHONE_HZ
    right_hz: int = TELEPHONE_HZ


class Tape:
    """The tape of one call: a tap of its bridge. frames: how long it is; paused_frames: how much of that was paused."""

    __slots__ = (
        "_began",
        "_least",
        "_length",
        "_left",
        "_left_hz",
        "_put",
        "_right",
        "_right_hz",
        "_silent",
        "frames",
        "paused",
        "paused_frames",
    )

    def __init__(self, put: Callable[[Strip], None], *, now: float, first: int = STRIP_FRAMES) -> None:
        """Begin the time line `now`. put: takes each strip; must not block.

        first: frames in the first strip; where a hundred calls begin at once their strips should not come at once.
        """
        self.frames = 0
        self.paused = False
        self.paused_frames = 0
        self._put = put
        self._began = now
        self._least = MISSED
        self._length = first
        self._left: list[bytes] = []
        self._right: list[bytes] = []
        self._left_hz = self._right_hz = TELEPHONE_HZ
        self._silent = 0  # frames of silence at the end of what waits

    def hear(self, left: Frame | None, right: Frame | None, now: float) -> None:
        """Take what both sides said in this tick."""
        late = (now - self._began) * FRAMES_PER_SECOND - self.frames + ROUNDING
        if not AHEAD < late < MISSED:
            if late < 0:
                return
            self._miss(late)
            late -= int(late)
        if not self.frames:
            self._began, late = now, 0.0  # the clock ticks from here on
        if late < self._least:
            self._least = late
        if self.paused:
            self.paused_frames += 1
            self._fill(1)
            return
        if self._silent:
            self._flush()
        if (left is not None and left.rate_hz != self._left_hz) or (
            right is not None and right.rate_hz != self._right_hz
        ):
            self._retune(left, right)
        self._left.append(_quiet(self._left_hz) if left is None else left.pcm)
        self._right.append(_quiet(self._right_hz) if right is None else right.pcm)
        self.frames += 1
        if len(self._left) >= self._length:
            self._flush()
            self._length = STRIP_FRAMES
            if self._least >= LAG:
                self._fill(int(self._least))
            self._least = MISSED

    def pause(self, *, now: float) -> None:
        """Put nothing but silence onto the tape from now on."""
        self.catch_up(now=now)
        self.paused = True

    def resume(self, *, now: float) -> None:
        """Put what is said onto it again."""
        self.catch_up(now=now)
        self.paused = False

    def end(self, *, now: float) -> None:
        """Hand out what there is, up to this moment."""
        self.catch_up(now=now)
        self._flush()

    def catch_up(self, *, now: float) -> None:
        """Fill with silence what no tick has brought up to now, but for what the clock may still make good."""
        late = (now - self._began) * FRAMES_PER_SECOND - self.frames + ROUNDING
        if late >= MISSED:
            self._miss(late)

    def _miss(self, late: float) -> None:
        if self.paused:
            self.paused_frames += int(late)
        self._fill(int(late))

    def _fill(self, frames: int) -> None:
        if self._left:
            self._flush()
        self._silent += frames
        self.frames += frames
        if self._silent >= STRIP_FRAMES:
            self._flush()

    def _retune(self, left: Frame | None, right: Frame | None) -> None:
        self._flush()
        self._left_hz = self._left_hz if left is None else left.rate_hz
        self._right_hz = self._right_hz if right is None else right.rate_hz

    def _flush(self) -> None:
        if self._silent:
            frames, self._silent = self._silent, 0
            self._put(Strip(frames, [], []))
        elif self._left:
            left, right, self._left, self._right = self._left, self._right, [], []
            self._put(Strip(len(left), left, right, self._left_hz, self._right_hz))


def _quiet(rate_hz: int) -> bytes:
    return _QUIET.get(rate_hz) or bytes(rate_hz * 2 // FRAMES_PER_SECOND)
