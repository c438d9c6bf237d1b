"""Old recordings are deleted, and those that a killed process left behind get their names.

Only what is named as we name it is touched: folders `YYYY-MM-DD`, and sound files in them.
"""

import contextlib
import datetime
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from softswitch.apps.recording_file import PART, SEALED

log = logging.getLogger("softswitch.recordings")

DAY_SECONDS: Final = 86_400.0
#: A file that is written to is touched each second; one that was not for so long is nobody's any more.
LEFT_BEHIND_SECONDS: Final = 600.0
_KINDS: Final = (".wav", ".ogg")


def sweep(folder: Path, days: float, *, wall: float) -> Iterator[None]:
    """Look through the folders; yields after each entry, so that whoever does it can pause. days: 0 deletes nothing.

    wall: seconds since the epoch.
    """
    deleted = 0
    for day in _days(folder):
        yield
        try:
            entries = os.scandir(folder / day)
        except OSError:
            continue
        left = 0
        with entries:
            for entry in entries:
                yield
                if is_recording(entry.name) and _treat(Path(entry.path), days, wall=wall):
                    deleted += 1
                else:
                    left += 1
        if not left and days and (_age_days(day, wall) or 0.0) > days + 1:
            with contextlib.suppress(OSError):
                os.rmdir(folder / day)
    if deleted:
        log.info("%d recordings were older than %g days, and are deleted", deleted, days)


def _days(folder: Path) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if _age_days(name, 0.0) is not None)


def _age_days(name: str, wall: float) -> float | None:
    """Return how many days ago the day of a folder began; None where it is no day."""
    try:
        began = datetime.datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return (wall - began.timestamp()) / DAY_SECONDS


def is_recording(name: str) -> bool:
    """Tell whether a file is named as a recording is, finished or not."""
    return name.removesuffix(PART).removesuffix(SEALED).endswith(_KINDS)


def _treat(path: Path, days: float, *, wall: float) -> bool:
    """Delete a recording that is too old, name one that was left behind; return whether it was deleted."""
    with contextlib.suppress(OSError):
        age = wall - path.stat().st_mtime
        if days and age > days * DAY_SECONDS:
            path.unlink()
            return True
        if path.name.endswith(PART) and age > LEFT_BEHIND_SECONDS:
            target = path.with_name(path.name.removesuffix(PART))
            os.link(path, target)  # never over another file
            path.unlink()
            log.warning("the recording %s was left unfinished by a switch that stopped: it has its name now", target)
    return False
