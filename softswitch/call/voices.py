"""Small voices that a dialplan puts on the other end of a leg: echo and recorder.

Tones are in `audio/tones.py`, the player of sound files in `audio/wav.py`. Each of these is given what it needs when it
is made and reports its end through
`on_end`, which must not call back into the bridge: the switchboard defers it to after the tick.
"""

from collections.abc import Callable

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
