"""Small voices that a dialplan puts on the other end of a leg: echo, sound, recorder.

Tones are in `audio/tones.py`. Each of these is given what it needs when it is made and reports its end through
`on_end`, which must not call back into the bridge: the switchboard defers it to after the tick.
"""

from collections.abc import Callable, Sequence

from softswitch.audio.frame import Frame

#: 30 minutes. Longer recordings belong to the recorder that streams to disk, not into memory.
MAX_RECORDING_FRAMES = 30 * 60 * 50

OnEnd = Callable[[], None]


class Echo:
    """Says what it heard, in the same tick."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: Frame | None = None

    def take(self) -> Frame | None:
        """Return the frame heard last, once."""
        heard, self._heard = self._heard, None
        return heard

    def give(self, frame: Frame) -> None:
        """Keep the frame until it is said."""
        self._heard = frame


class Sound:
    """Says a sequence of frames once, or for ever when `loop`; hears nothing."""

    __slots__ = ("_frames", "_loop", "_on_end", "_position")

    def __init__(self, frames: Sequence[Frame], *, on_end: OnEnd | None = None, loop: bool = False) -> None:
        self._frames = frames
        self._loop = loop and bool(frames)
        self._on_end = on_end
        self._position = 0

    def take(self) -> Frame | None:
        """Return the next frame; after the last one report the end, once."""
        if self._position >= len(self._frames):
            if not self._loop:
                on_end, self._on_end = self._on_end, None
                if on_end is not None:
                    on_end()
                return None
            self._position = 0
        frame = self._frames[self._position]
        self._position += 1
        return frame

    def give(self, frame: Frame) -> None:
        """Hear nothing."""


class Recorder:
    """Hears up to `seconds` of sound and keeps it; says nothing.

    frames: what was heard, in order, one for each tick, so lost packets are there as silence.
    """

    __slots__ = ("_limit", "_on_end", "frames")

    def __init__(self, seconds: float, *, on_end: OnEnd | None = None) -> None:
        self.frames: list[Frame] = []
        self._limit = min(round(seconds * 50), MAX_RECORDING_FRAMES)
        self._on_end = on_end

    def take(self) -> Frame | None:
        """Say nothing."""
        return None

    def give(self, frame: Frame) -> None:
        """Keep the frame; report the end, once, when the time is up."""
        if len(self.frames) < self._limit:
            self.frames.append(frame)
        elif self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()
