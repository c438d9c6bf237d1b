"""The recordings that there are, and how one is taken out: opened with its key, its header mended, as a sound file."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from softswitch.apps.recording_file import PART, SEALED
from softswitch.apps.retention import is_recording
from softswitch.apps.sealed import MAGIC, Unsealed
from softswitch.errors import ResourceError

#: What a reader gets at once.
_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shelved:
    """One recording. name: its path in the folder. call: the id of its call. finished: whether nobody writes to it."""

    name: str
    call: str
    size_bytes: int
    written_at: float
    encrypted: bool
    finished: bool


def shelved(folder: Path) -> list[Shelved]:
    """Return the recordings of a folder, the oldest first; raise ResourceError where there is none to be read."""
    try:
        days = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ResourceError(f"the folder {folder} cannot be read: {error.strerror}") from error
    return [one for day in days for one in sorted(_of_day(folder, Path(day)), key=lambda one: one.name)]


def _of_day(folder: Path, day: Path) -> Iterator[Shelved]:
    with contextlib.suppress(OSError):
        for entry in os.scandir(day):
            if is_recording(entry.name):
                status = entry.stat()
                plain = entry.name.removesuffix(PART)
                parts = plain.split(".", 1)[0].split("-")
                yield Shelved(
                    str((day / entry.name).relative_to(folder)),
                    "-".join(parts[1:-1]),
                    status.st_size,
                    status.st_mtime,
                    plain.endswith(SEALED),
                    entry.name == plain,
                )


def take_out(path: Path, to: Path, key: bytes, *, partial: bool = False) -> str:
    """Write a recording to `to` as a sound file that anybody can play; return why it is not whole, empty where it is.

    What is not whole is written only where `partial` asks for it: the part up to there. Raises ResourceError with a
    sentence. `to` must not exist.
    """
    try:
        with path.open("rb") as source:
            sealed = source.read(len(MAGIC)) == MAGIC
            source.seek(0)
            if sealed and not key:
                raise ResourceError(f"{path} is encrypted: give its key, as recording.key or SOFTSWITCH_RECORDING_KEY")
            return _copy(source, path, to, key if sealed else b"", partial=partial)
    except OSError as error:
        raise ResourceError(f"{error.filename or path}: {error.strerror}") from error


def _copy(source: BinaryIO, path: Path, to: Path, key: bytes, *, partial: bool) -> str:
    unsealed = Unsealed(source, str(path), key) if key else None
    descriptor = os.open(to, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "r+b") as out:
        for piece in unsealed or iter(lambda: source.read(_PIECE_BYTES), b""):
            out.write(piece)
        _mend(out)
    fault = unsealed.fault if unsealed is not None else ""
    if fault and not partial:
        to.unlink()
    return fault


def _mend(out: BinaryIO) -> None:
    """Let the header of a WAV file say how long it is."""
    size = out.seek(0, os.SEEK_END)
    out.seek(0)
    if out.read(4) != b"RIFF" or size < 44:
        return
    out.seek(4)
    out.write((size - 8).to_bytes(4, "little"))
    out.seek(40)
    out.write((size - 44).to_bytes(4, "little"))
