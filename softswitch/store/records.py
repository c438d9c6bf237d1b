"""Call records on disk: one JSON line each in `calls.jsonl`, and one row each in SQL.

Written in batches by one task, off the path of the calls: a record is handed over in a microsecond, a batch costs one
append and one transaction. When the disk or the database refuses, the records wait, bounded, and are tried again.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from softswitch.call.record import CallRecord
from softswitch.errors import ResourceError
from softswitch.store.tables import bring_up_to_date

log = logging.getLogger("softswitch.store")

#: Seconds between two batches: at 300 calls a second 75 records share one transaction.
BATCH_SECONDS = 0.25
#: Records that wait for a disk or database that refuses: about 100 MB, or ten minutes at 150 calls a second.
MAX_WAITING = 100_000
RETRY_SECONDS = 5.0

_line = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

metadata = sa.MetaData()
calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("from", sa.String(256), nullable=False),
    sa.Column("to", sa.String(256), nullable=False, index=True),
    sa.Column("carrier", sa.String(64), nullable=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("started_at", sa.String(40), nullable=False, index=True),
    sa.Column("answered_at", sa.String(40)),
    sa.Column("ended_at", sa.String(40)),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False, index=True),
    sa.Column("cause", sa.String(128), nullable=False),
    sa.Column("sip_code", sa.Integer, nullable=False),
    sa.Column("ended_by", sa.String(16), nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("codec", sa.String(16), nullable=False),
    sa.Column("quality", sa.JSON, nullable=False),
    sa.Column("dtmf", sa.String(256), nullable=False),
    sa.Column("turns", sa.JSON, nullable=False),
    sa.Column("recording", sa.String(256), nullable=False),
    sa.Column("variables", sa.JSON, nullable=False),
    sa.Column("legs", sa.JSON),
    sa.Column("recordings", sa.JSON),
)


class CallRecords:
    """Keeps the records of finished calls."""

    def __init__(self, lines: Path, url: str) -> None:
        """lines: the JSON lines file. url: SQLAlchemy URL of an async driver, such as `sqlite+aiosqlite:///calls.db`."""
        self._lines = lines
        self._url = url
        self._engine: AsyncEngine | None = None
        self._waiting: list[CallRecord] = []
        self._lines_waiting: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        self.written = 0

    async def open(self) -> None:
        """Open both stores; ResourceError with a sentence where either refuses."""
        try:
            self._lines.parent.mkdir(parents=True, exist_ok=True)
            with self._lines.open("a"):
                pass
        except OSError as error:
            reason = f"call records cannot be written to {self._lines}: {error.strerror}"
            raise ResourceError(f"{reason}; choose another folder with --data") from error
        try:
            self._engine = create_async_engine(self._url)
            async with self._engine.begin() as connection:
                if self._url.startswith("sqlite"):
                    await connection.execute(sa.text("PRAGMA journal_mode=WAL"))
                    await connection.execute(sa.text("PRAGMA synchronous=NORMAL"))
                await connection.run_sync(bring_up_to_date, calls)
        except sa.exc.ArgumentError as error:
            # Not shown: what cannot be parsed may hold a password anywhere.
            example = "sqlite+aiosqlite:////var/lib/softswitch/calls.db"
            raise ResourceError(f"store.url is not a database URL; write one as in {example}") from error
        except (sa.exc.SQLAlchemyError, OSError, ModuleNotFoundError) as error:
            shown = sa.engine.make_url(self._url).render_as_string(hide_password=True)
            raise ResourceError(f"the database {shown} cannot be opened: {error}") from error
        self._task = asyncio.create_task(self._write(), name="call-records")

    def put(self, record: CallRecord) -> None:
        """Keep a record. Never blocks: beyond `MAX_WAITING` the oldest are dropped, counted and logged."""
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[0]
            self.dropped += 1
            log.error("%s the call record is lost: the store has not taken any for too long", record.id)
        self._waiting.append(record)
        self._arrived.set()

    @property
    def waiting(self) -> int:
        """How many records are not written yet."""
        return len(self._waiting) + len(self._lines_waiting)

    async def close(self) -> None:
        """Write what waits, then close."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self.waiting:
            await self._flush()
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(BATCH_SECONDS)
            self._arrived.clear()
            if not await self._flush():
                await asyncio.sleep(RETRY_SECONDS)
                self._arrived.set()

    async def _flush(self) -> bool:
        batch, self._waiting = self._waiting, []
        # Shielded: a cancelled writer must not leave a batch half written and half forgotten.
        task = asyncio.ensure_future(self._store(batch))
        return await asyncio.shield(task)

    async def _store(self, batch: Sequence[CallRecord]) -> bool:
        """Write a batch to both stores; False where one of them has to be tried again."""
        rows = [record.as_json() for record in batch]
        try:
            await self._insert(rows)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            log.error("call records wait: the database refused %d of them: %s", len(rows), error)
            self._waiting[:0] = batch
            return False
        self._lines_waiting = [*self._lines_waiting, *rows][-MAX_WAITING:]
        try:
            await asyncio.to_thread(self._append, self._lines_waiting)
        except OSError as error:
            log.error("call records wait: %s cannot be written: %s", self._lines, error.strerror)
            return False
        self.written += len(self._lines_waiting)
        self._lines_waiting = []
        return True

    async def _insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if self._engine is None or not rows:
            return
        try:
            async with self._engine.begin() as connection:
                await connection.execute(calls.insert(), list(rows))
        except (sa.exc.DataError, sa.exc.IntegrityError, sa.exc.InterfaceError) as error:
            if len(rows) == 1:  # it will be refused for ever: it is in the lines, and keeps nobody else waiting
                log.error("%s the database does not take this call record: %s", rows[0]["id"], error.orig)
                return
            for row in rows:
                await self._insert([row])

    def _append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append whole lines or nothing: half a line would spoil the next one too."""
        text = "".join([_line(row) + "\n" for row in rows])
        with self._lines.open("ab") as file:
            before = file.tell()
            try:
                file.write(text.encode("utf-8", "backslashreplace"))
                file.flush()
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(self._lines, before)
                raise
