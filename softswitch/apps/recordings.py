"""Recordings on disk: one thread writes all of them, and keeps them no longer than it should.

Nothing of this is on the event loop: a call hands over a strip of a second, which waits for the thread. What waits is
bounded for each recording and for all of them: a disk that is too slow, or full, ends recordings with a reason, and no
call waits for it. The thread works in pieces of some ten microseconds, for the loop cannot run while it does.

Files lie in a folder for each day, readable by their owner alone. What a process left unfinished because it was killed
gets its name when the next one looks through the folders, which it does slowly, a few files at a time.
"""

import asyncio
import itertools
import logging
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from softswitch import clock
from softswitch.apps.ogg import Ogg
from softswitch.apps.recording_file import PART, SEALED, PlainSink, SealedSink, SoundFile, Wav
from softswitch.apps.retention import sweep
from softswitch.audio.frame import FRAMES_PER_SECOND, TELEPHONE_HZ, Frame
from softswitch.call.record import Recorded
from softswitch.call.tape import STRIP_FRAMES, Strip
from softswitch.call.taping import Reel, Told
from softswitch.errors import ResourceError

log = logging.getLogger("softswitch.recordings")

Format = Literal["wav", "opus"]

#: Sound of one recording that may wait for the disk.
MAX_WAITING_FRAMES: Final = 20 * FRAMES_PER_SECOND
#: Sound of all recordings that may: 100 MB of both sides.
MAX_WAITING_ALL_FRAMES: Final = 160_000
#: How long the record of a call waits for its file.
CLOSE_SECONDS: Final = 10.0
#: How often the free space is asked for, and how often the folders are looked through.
SPACE_SECONDS: Final = 2.0
SWEEP_SECONDS: Final = 3600.0
#: Entries of folders that are looked at in one go, and the pause after that: 250 in a second.
SWEEP_STEP: Final = 25
SWEEP_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where recordings go, and how. base: the folder that their paths in records are relative to.

    key: 32 octets, empty for plain files. min_free_bytes: space that recordings leave on the disk. retention_days: 0
    keeps them for ever.
    """

    folder: Path
    base: Path
    format: Format = "wav"
    rate_hz: int = TELEPHONE_HZ
    key: bytes = b""
    retention_days: float = 0.0
    min_free_bytes: int = 0


class _Reel:
    """One recording on its way to the disk. Made and fed on the loop; the thread touches `file`, `done` and `fault`."""

    def __init__(
        self, deck: "Recordings", settings: RecordingSettings, target: Path, told: Told, *, stereo: bool
    ) -> None:
        inside = target.is_relative_to(settings.base)
        self.path = str(target.relative_to(settings.base) if inside else target)
        self.settings = settings
        self.target = target
        self.stereo = stereo
        self.file: SoundFile | None = None
        self.fault = ""
        self.done_frames = 0
        self.put_frames = 0
        self.closing = False
        self.lagging = False
        self.told = False
        self._deck = deck
        self._tell = told

    def put(self, strip: Strip) -> None:
        """Hand a strip over; one that nobody takes in time ends the recording."""
        if self.closing or self.told or self.lagging:
            return
        waiting = self.put_frames - self.done_frames
        if strip.left and (waiting > MAX_WAITING_FRAMES or self._deck.waiting_frames > MAX_WAITING_ALL_FRAMES):
            self.lagging = True
            self._deck.give(
                self, _TooSlow(f"the disk did not keep up: {waiting / FRAMES_PER_SECOND:.0f} s were waiting")
            )
            return
        self.put_frames += strip.frames
        self._deck.give(self, strip)

    def close(self, *, discard: bool = False) -> None:
        """Have it finished."""
        if not self.closing:
            self.closing = True
            self._deck.give(self, _Close(discard))
            self._deck.expect(self)

    @property
    def ogg(self) -> bool:
        """Whether it is Opus in Ogg."""
        return self.settings.format == "opus"

    @property
    def sealed(self) -> bool:
        """Whether it is encrypted."""
        return bool(self.settings.key)

    def tell(self, recorded: Recorded) -> None:
        """Say, once, what came of it."""
        if not self.told:
            self.told = True
            self._deck.forget(self)
            tell, self._tell = self._tell, _untold  # who is told holds this reel
            tell(recorded)


def _untold(recorded: Recorded) -> None:
    """Do nothing: it has been told."""


@dataclass(frozen=True, slots=True)
class _Close:
    discard: bool


@dataclass(frozen=True, slots=True)
class _TooSlow:
    why: str


@dataclass(frozen=True, slots=True)
class _Whole:
    frames: Sequence[Frame]

    def strips(self) -> Iterator[Strip]:
        """Cut it into pieces, in the thread: ten minutes are too many frames for the loop."""
        for first in range(0, len(self.frames), STRIP_FRAMES):
            piece = self.frames[first : first + STRIP_FRAMES]
            yield Strip(len(piece), [frame.pcm for frame in piece], [], piece[0].rate_hz)


_Item = Strip | _Whole | _Close | _TooSlow


class Recordings:
    """Writes the recordings of a switch (`call.taping.Deck`)."""

    def __init__(self, settings: RecordingSettings) -> None:
        self.settings = settings
        self.failed = 0
        self._given: queue.SimpleQueue[tuple[_Reel, _Item] | None] = queue.SimpleQueue()
        self._reels: set[_Reel] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._put_frames = self._done_frames = 0
        self._full = ""

    # On the loop -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Let the thread begin: it looks through the folders first. Without this it begins with the first recording."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._work, name="recordings", daemon=True)
            self._thread.start()

    def open(self, call: str, told: Told) -> Reel:
        """Begin a recording of both sides; raise ResourceError where the disk is full."""
        return self._open(call, told, stereo=True)

    def keep(self, call: str, frames: Sequence[Frame], told: Told) -> None:
        """Write sound of one party, which is in memory already."""
        try:
            reel = self._open(call, told, stereo=False)
        except ResourceError as error:
            told(Recorded("", 0.0, "failed", str(error)))
            return
        self.give(reel, _Whole(frames))
        reel.close()

    @property
    def active(self) -> int:
        """How many recordings are being written."""
        return len(self._reels)

    @property
    def waiting_frames(self) -> int:
        """How much sound waits for the disk."""
        return self._put_frames - self._done_frames

    async def close(self) -> None:
        """Finish every file, as long as the disk takes no more than `CLOSE_SECONDS`."""
        for reel in list(self._reels):
            reel.close()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._given.put(None)
            await asyncio.to_thread(thread.join, CLOSE_SECONDS)
            await asyncio.sleep(0)  # what it has told last
        for reel in list(self._reels):
            self._overdue(reel)

    def give(self, reel: _Reel, item: _Item) -> None:
        """Hand something to the thread."""
        if isinstance(item, Strip):
            self._put_frames += item.frames
        self._given.put((reel, item))

    def expect(self, reel: _Reel) -> None:
        """See to it that a disk which does not answer keeps nobody waiting."""
        if self._loop is not None:
            self._loop.call_later(CLOSE_SECONDS, self._overdue, reel)

    def forget(self, reel: _Reel) -> None:
        """Let go of a recording that something came of."""
        self._reels.discard(reel)

    def _overdue(self, reel: _Reel) -> None:
        if not reel.told:
            self.failed += 1
            why = f"the disk had not taken all of it {CLOSE_SECONDS:.0f} s after the end"
            reel.tell(Recorded(reel.path, reel.done_frames / FRAMES_PER_SECOND, "partial", why, encrypted=reel.sealed))

    def _open(self, call: str, told: Told, *, stereo: bool) -> _Reel:
        self.start()
        if self._full:
            self.failed += 1
            raise ResourceError(self._full)
        wall = clock.wall()
        settings = self.settings
        kind = "ogg" if settings.format == "opus" else "wav"
        name = f"{wall:%H%M%S}-{call}-{clock.token()[:4]}.{kind}{SEALED if settings.key else ''}"
        target = settings.folder / f"{wall:%Y-%m-%d}" / name
        reel = _Reel(self, settings, target, told, stereo=stereo)
        self._reels.add(reel)
        return reel

    # In the thread -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        sweeping: Iterator[None] = iter(())
        sweep_at = space_at = clock.now()
        while True:
            now = clock.now()
            if now >= space_at:
                space_at = now + SPACE_SECONDS
                self._full = self._space_fault()
            if now >= sweep_at:
                more = sum(1 for _ in itertools.islice(sweeping, SWEEP_STEP)) == SWEEP_STEP
                sweep_at = now + (SWEEP_PAUSE if more else SWEEP_SECONDS)
                if not more:
                    settings = self.settings
                    sweeping = sweep(settings.folder, settings.retention_days, wall=clock.wall_seconds())
            try:
                given = self._given.get(timeout=max(0.01, min(space_at, sweep_at) - now))
            except queue.Empty:
                continue
            if given is None:
                return
            self._do(*given)

    def _do(self, reel: _Reel, item: _Item) -> None:
        try:
            match item:
                case Strip():
                    self._done_frames += item.frames
                    self._write(reel, item)
                    reel.done_frames += item.frames
                case _Whole():
                    for strip in item.strips():
                        self._write(reel, strip)
                case _Close(discard=discard):
                    self._finish(reel, discard=discard)
                case _TooSlow(why=why):
                    self._fail(reel, why)
        except OSError as error:
            self._fail(reel, error.strerror or str(error))
        except Exception as error:  # whatever it is, it ends this recording alone
            log.exception("a recording failed")
            self._fail(reel, f"{type(error).__name__}: {error}")

    def _write(self, reel: _Reel, strip: Strip) -> None:
        if reel.fault:
            return
        if self._full:
            self._fail(reel, self._full)
            return
        if reel.file is None:
            reel.file = self._create(reel)
        reel.file.write(strip)

    def _create(self, reel: _Reel) -> SoundFile:
        settings = reel.settings
        reel.target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = reel.target.with_name(reel.target.name + PART)
        sink = SealedSink(part, settings.key, clock.random_bytes(32)) if settings.key else PlainSink(part)
        channels = 2 if reel.stereo else 1
        format = Ogg(settings.rate_hz, channels) if reel.ogg else Wav(settings.rate_hz, channels)
        return SoundFile(sink, format, settings.rate_hz, stereo=reel.stereo)

    def _finish(self, reel: _Reel, *, discard: bool) -> None:
        if reel.fault:
            return
        if discard:
            if reel.file is not None:
                reel.file.abandon()
                reel.target.with_name(reel.target.name + PART).unlink(missing_ok=True)
            self._told(reel, Recorded("", 0.0, "refused", "whoever was on the call did not want it recorded"))
            return
        if reel.file is None:
            reel.file = self._create(reel)
        reel.file.finish()
        self._name(reel)
        self._told(reel, Recorded(reel.path, reel.file.seconds, "complete", encrypted=reel.sealed))

    def _fail(self, reel: _Reel, why: str) -> None:
        """End a recording before its time; what is on the disk keeps its place and gets its name."""
        if reel.fault:
            return
        reel.fault = why
        self.failed += 1
        file, reel.file = reel.file, None
        seconds = file.seconds if file is not None else 0.0
        if file is not None:
            file.abandon()
        recorded = Recorded("", 0.0, "failed", why)
        try:
            if seconds:
                self._name(reel)
                recorded = Recorded(reel.path, seconds, "partial", why, encrypted=reel.sealed)
            else:
                reel.target.with_name(reel.target.name + PART).unlink(missing_ok=True)
        except OSError as error:
            log.error("a recording that failed keeps its name %s%s: %s", reel.path, PART, error.strerror)
        self._told(reel, recorded)

    def _name(self, reel: _Reel) -> None:
        os.rename(reel.target.with_name(reel.target.name + PART), reel.target)

    def _told(self, reel: _Reel, recorded: Recorded) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(reel.tell, recorded)

    def _space_fault(self) -> str:
        least = self.settings.min_free_bytes
        folder = next((path for path in (self.settings.folder, *self.settings.folder.parents) if path.exists()), None)
        if folder is None or not least:
            return ""
        space = os.statvfs(folder)
        free = space.f_bavail * space.f_frsize
        if free >= least:
            return ""
        return f"the disk is full: {free >> 20} MiB are free, and recording.min_free_mib is {least >> 20}"
