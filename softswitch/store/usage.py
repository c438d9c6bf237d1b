"""What has been used of a day's calls and minutes, kept in one small file over a restart."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger("softswitch.store")

#: How often it is written while anything changes: so many seconds of calls are lost with a crash.
WRITE_SECONDS = 10.0
#: A file larger than this is not ours: a user takes some 100 octets, and one for each call of the last hour.
MAX_BYTES = 64 * 1024 * 1024


class UsageFile:
    """Writes what `usage` gives. path: of the file. It is opened by `load` and written from `start` to `close`."""

    def __init__(self, path: Path, usage: Callable[[], dict[str, Any]]) -> None:
        self._path = path
        self._usage = usage
        self._written = ""
        self._task: asyncio.Task[None] | None = None

    def load(self, restore: Callable[[dict[str, Any]], None]) -> None:
        """Give what was kept to `restore`. A file that cannot be used is set aside: its limits begin anew."""
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise ValueError("it is too large")
            restore(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("%s cannot be used, so calls and minutes of today are counted anew: %s", self._path, error)
            with contextlib.suppress(OSError):
                self._path.replace(self._path.with_suffix(".unusable"))

    def start(self) -> None:
        """Write every now and then."""
        self._task = asyncio.create_task(self._keep(), name="toll-usage")

    async def close(self) -> None:
        """Write what is known at the end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self._write()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self._write()

    async def _write(self) -> None:
        text = json.dumps(self._usage(), separators=(",", ":"))
        if text == self._written:
            return
        try:
            await asyncio.to_thread(self._replace, text)
            self._written = text
        except OSError as error:
            log.error("%s cannot be written, so a restart would count calls and minutes anew: %s", self._path, error)

    def _replace(self, text: str) -> None:
        """Write whole or not at all."""
        beside = self._path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._path)
