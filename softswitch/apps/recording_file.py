"""One recording on its disk: what a writer thread writes to, plain or sealed, as WAV or Opus.

While it is written it is called `NAME.part`, and is a readable sound at any moment, whatever becomes of the process;
the finished file has its name at once and whole. A disk that refuses leaves what was written before, to the second.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, Protocol

from softswitch.apps.sealed import HEAD_BYTES, Sealer
from softswitch.audio.frame import FRAMES_PER_SECOND
from softswitch.audio.stereo import Side, interleaved
from softswitch.audio.wav import header
from softswitch.call.tape import Strip

PART: Final = ".part"
SEALED: Final = ".enc"
#: What a header of a sound says whose length is not known yet.
UNKNOWN_BYTES: Final = 0xFFFF_FFFF - 36
#: Samples of WAV are counted in 32 bits: 37 hours of two sides at 8 kHz. Longer than any call may be.
MAX_WAV_BYTES: Final = 0xFFFF_FFFF - 1024 * 1024
#: Frames of silence written in one go.
_SILENCE_FRAMES: Final = 500


class Sink(Protocol):
    """Takes the octets of a sound in order. patches: whether those at the beginning may be written again."""

    patches: bool

    def write(self, data: bytes) -> None: ...
    def patch(self, data: bytes) -> None: ...
    def finish(self) -> None: ...


class _File:
    """A file of our own that holds whole writes only: what was written in part is taken back."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._size = 0

    def append(self, data: bytes) -> None:
        """Write all of it, or nothing; OSError."""
        rest = memoryview(data)
        at = self._size
        try:
            while rest:
                done = os.pwrite(self._fd, rest, at)
                rest, at = rest[done:], at + done
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size = at

    def patch(self, data: bytes, at: int = 0) -> None:
        """Write over what is there."""
        os.pwrite(self._fd, data, at)

    def close(self) -> None:
        """Give the file back."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class PlainSink:
    """Octets as they are."""

    patches = True

    def __init__(self, path: Path) -> None:
        self._file = _File(path)

    def write(self, data: bytes) -> None:
        """Append."""
        self._file.append(data)

    def patch(self, data: bytes) -> None:
        """Write the beginning again."""
        self._file.patch(data)

    def finish(self) -> None:
        """Close."""
        self._file.close()


class SealedSink:
    """Octets sealed, one chunk for each write."""

    patches = False

    def __init__(self, path: Path, key: bytes, salt: bytes) -> None:
        self._sealer = Sealer(key, salt)
        self._file = _File(path)
        self._file.append(self._sealer.head + bytes(HEAD_BYTES - len(self._sealer.head)))

    def write(self, data: bytes) -> None:
        """Append a chunk."""
        before = self._sealer.count
        try:
            self._file.append(self._sealer.chunk(data))
        except OSError:
            self._sealer.count = before  # nothing follows: a number is never used for other sound
            raise

    def patch(self, data: bytes) -> None:
        """Do nothing: what was sealed stays."""

    def finish(self) -> None:
        """Say how many chunks there are, and close."""
        try:
            self._file.patch(self._sealer.seal(), len(self._sealer.head))
        finally:
            self._file.close()


class Format(Protocol):
    """Turns interleaved samples into the octets of a sound file."""

    def open(self) -> bytes:
        """Return what stands at its beginning."""

    def sound(self, pcm: bytes) -> bytes:
        """Return what so much more sound makes."""

    def beginning(self) -> bytes:
        """Return the beginning as it should stand now; empty where it never changes."""

    def close(self) -> bytes:
        """Return the rest."""


class Wav:
    """16-bit samples behind a header that says how many there are."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._rate_hz, self._channels = rate_hz, channels
        self._size = 0

    def open(self) -> bytes:
        """Return a header of unknown length: where it cannot be written again readers go by the end of the file."""
        return header(UNKNOWN_BYTES, rate_hz=self._rate_hz, channels=self._channels)

    def sound(self, pcm: bytes) -> bytes:
        """Return the samples; OSError where so many cannot be counted."""
        if self._size + len(pcm) > MAX_WAV_BYTES:
            raise OSError(0, "a WAV file holds no more than 4 GiB")
        self._size += len(pcm)
        return pcm

    def beginning(self) -> bytes:
        """Return the header."""
        return header(self._size, rate_hz=self._rate_hz, channels=self._channels)

    def close(self) -> bytes:
        """Return nothing more."""
        return b""


class SoundFile:
    """A recording that is being written."""

    def __init__(self, sink: Sink, format: Format, rate_hz: int, *, stereo: bool) -> None:
        self._octets = 0  # of one side, on the disk
        self._sink, self._format = sink, format
        self._left, self._right = Side(rate_hz), Side(rate_hz)
        self._rate_hz, self._stereo = rate_hz, stereo
        if head := format.open():
            sink.write(head)

    @property
    def seconds(self) -> float:
        """How much of it is on the disk."""
        return self._octets / (self._rate_hz * 2)

    def write(self, strip: Strip) -> None:
        """Write a strip; OSError where the disk refuses."""
        if strip.left:
            self._left.feed(b"".join(strip.left), strip.left_hz, strip.frames)
            if self._stereo:
                self._right.feed(b"".join(strip.right), strip.right_hz, strip.frames)
            self._flush()
            return
        for first in range(0, strip.frames, _SILENCE_FRAMES):
            frames = min(_SILENCE_FRAMES, strip.frames - first)
            quiet = bytes(frames * (self._rate_hz * 2 // FRAMES_PER_SECOND))
            self._settle()
            self._left.feed(quiet, self._rate_hz, frames)
            self._right.feed(quiet, self._rate_hz, frames)
            self._flush()

    def finish(self) -> None:
        """Write the rest, and close; OSError where the disk refuses, and then it is closed all the same."""
        try:
            self._settle()
            self._flush()
            if rest := self._format.close():
                self._sink.write(rest)
        finally:
            self._sink.finish()

    def abandon(self) -> None:
        """Close it as it stands."""
        with contextlib.suppress(OSError):
            self._sink.finish()

    def _settle(self) -> None:
        self._left.settle()
        self._right.settle()

    def _flush(self) -> None:
        left, right = self._left.ready, self._right.ready
        size = min(len(left), len(right)) if self._stereo else len(left)
        if not size:
            return
        pcm = interleaved(bytes(left[:size]), bytes(right[:size])) if self._stereo else bytes(left[:size])
        del left[:size], right[:size]
        if data := self._format.sound(pcm):
            self._sink.write(data)
        self._octets += size
        if self._sink.patches and (beginning := self._format.beginning()):
            self._sink.patch(beginning)
