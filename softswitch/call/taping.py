"""The recording of one call: begun, paused, resumed, stopped; what has become of it, for its record and who watches.

Where the sound goes is plugged in (`Deck`): files on a disk that may refuse at any time. A recording that fails ends
itself and says so; the call never notices.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from softswitch.audio.frame import FRAMES_PER_SECOND, Frame
from softswitch.call.commands import Recording
from softswitch.call.patch import Patch
from softswitch.call.record import Recorded
from softswitch.call.tape import STRIP_FRAMES, Strip, Tape
from softswitch.errors import ResourceError

#: Recordings of one call; somebody who begins and stops them more often makes files, not recordings.
MAX_RECORDINGS: Final = 50

State = Literal["off", "on", "paused", "refused"]


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """A call is recorded from now on, into `path`."""

    path: str


@dataclass(frozen=True, slots=True)
class RecordingPaused:
    """Nothing of what is said goes into `path` until it is resumed."""

    path: str


@dataclass(frozen=True, slots=True)
class RecordingResumed:
    """What is said goes into `path` again."""

    path: str


@dataclass(frozen=True, slots=True)
class RecordingStopped:
    """A recording is over, and its file is complete."""

    recorded: Recorded


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """A recording is over before its time, or was never begun: `recorded.why` says what refused it."""

    recorded: Recorded


RecordingNews = RecordingStarted | RecordingPaused | RecordingResumed | RecordingStopped | RecordingFailed


def in_words(news: RecordingNews) -> tuple[str, str]:
    """Return what happened, and the particulars, for the story of the call."""
    match news:
        case RecordingStarted(path=path):
            return "recording", path
        case RecordingPaused():
            return "recording paused", ""
        case RecordingResumed():
            return "recording resumed", ""
        case RecordingStopped(recorded=recorded):
            return f"recording {recorded.state}", f"{recorded.seconds:.1f} s"
        case RecordingFailed(recorded=recorded):
            return f"recording {recorded.state}", recorded.why


class Reel(Protocol):
    """One file that is being written. path: as records name it."""

    path: str

    def put(self, strip: Strip) -> None:
        """Take a strip; never blocks, never raises."""

    def close(self, *, discard: bool = False) -> None:
        """Write what waits and finish the file, or take it away; what came of it is told then."""


#: What came of a file; told once, on the loop.
Told = Callable[[Recorded], None]


class Deck(Protocol):
    """Writes recordings."""

    def open(self, call: str, told: Told) -> Reel:
        """Begin a file; raise ResourceError with a sentence where none can be begun."""

    def keep(self, call: str, frames: Sequence[Frame], told: Told) -> None:
        """Write sound of one party, which is there already."""


class NoDeck:
    """Records nothing."""

    def open(self, call: str, told: Told) -> Reel:
        """Refuse."""
        raise ResourceError("this switch records no calls")

    def keep(self, call: str, frames: Sequence[Frame], told: Told) -> None:
        """Say that it is not kept."""
        told(Recorded("", 0.0, "failed", "this switch records no calls"))


class Taping:
    """The recordings of one call. done: those that are over. state: of the one that is not."""

    def __init__(self, call: str, patch: Patch, deck: Deck, on_news: Callable[[RecordingNews], None]) -> None:
        self.state: State = "off"
        self.done: list[Recorded] = []
        self._call = call
        self._patch = patch
        self._deck = deck
        self._on_news = on_news
        self._reel: Reel | None = None
        self._tape: Tape | None = None
        self._open = 0  # files that nothing is known of yet
        self._begun = 0
        self._then: Callable[[], None] | None = None

    @property
    def path(self) -> str:
        """The file that is being written, empty where there is none."""
        return self._reel.path if self._reel is not None else ""

    @property
    def seconds(self) -> float:
        """How long the recording is that is going on."""
        return self._tape.frames / FRAMES_PER_SECOND if self._tape is not None else 0.0

    def do(self, what: Recording, *, now: float) -> str:
        """Do it; return a sentence where that is not possible, else nothing. What is so already is done."""
        match what, self._tape:
            case "start", None:
                return self._start(now)
            case "start" | "resume", Tape() as tape:
                self._resume(tape, now)
            case "pause", Tape() as tape:
                self._pause(tape, now)
            case "stop", _:
                self._stop(now)
            case "refuse", _:
                self._stop(now, refused=True)
            case _:
                return f"the call is not recorded, so there is nothing to {what}"
        return ""

    def finish(self, frames: Sequence[Frame], then: Callable[[], None], *, now: float) -> None:
        """Stop, keep what a step has recorded of one party, and call `then` once all came to something."""
        self._then = then
        self._stop(now)
        if frames:
            self._open += 1
            self._deck.keep(self._call, frames, self._kept)
        self._settle()

    def _start(self, now: float) -> str:
        if self.state == "refused":
            return "whoever is on the call does not want it recorded"
        if self._then is not None:
            return "the call is over"
        if self._begun >= MAX_RECORDINGS:
            return f"the call has been recorded {self._begun} times already"
        self._begun += 1
        try:
            reel = self._deck.open(self._call, lambda recorded: self._ended(reel, tape, recorded))
        except ResourceError as error:
            failed = Recorded("", 0.0, "failed", str(error))
            self.done.append(failed)
            self._on_news(RecordingFailed(failed))
            return str(error)
        self._open += 1
        self._reel, self._tape = reel, (tape := Tape(reel.put, now=now, first=self._first()))
        self.state = "on"
        self._patch.tap(tape)
        self._on_news(RecordingStarted(reel.path))
        return ""

    def _first(self) -> int:
        """Return the frames of the first strip: any number, but the same in a replay."""
        return 1 + zlib.crc32(self._call.encode()) % STRIP_FRAMES

    def _pause(self, tape: Tape, now: float) -> None:
        if not tape.paused:
            tape.pause(now=now)
            self.state = "paused"
            self._on_news(RecordingPaused(self.path))

    def _resume(self, tape: Tape, now: float) -> None:
        if tape.paused:
            tape.resume(now=now)
            self.state = "on"
            self._on_news(RecordingResumed(self.path))

    def _stop(self, now: float, *, refused: bool = False) -> None:
        tape, reel, self._tape, self._reel = self._tape, self._reel, None, None
        self.state = "refused" if refused or self.state == "refused" else "off"
        if tape is not None and reel is not None:
            self._patch.untap(tape)
            tape.end(now=now)
            reel.close(discard=refused)

    def _ended(self, reel: Reel, tape: Tape, recorded: Recorded) -> None:
        """Learn what came of a file: after it was stopped, or of itself where it failed."""
        if reel is self._reel:
            self._patch.untap(tape)
            self._tape = self._reel = None
            self.state = "off"
        self._open -= 1
        recorded = replace(recorded, paused_seconds=tape.paused_frames / FRAMES_PER_SECOND)
        self.done.append(recorded)
        news = RecordingStopped if recorded.state in ("complete", "refused") else RecordingFailed
        self._on_news(news(recorded))
        self._settle()

    def _kept(self, recorded: Recorded) -> None:
        self._open -= 1
        self.done.append(recorded)
        self._settle()

    def _settle(self) -> None:
        if not self._open and self._then is not None:
            then, self._then = self._then, _nothing
            then()


def _nothing() -> None:
    """Stand where everything has been told."""
