"""A table that lacks columns gets them, keeps what it has, and takes new records."""

import asyncio
import contextlib
import datetime
import sqlite3
from pathlib import Path

from softswitch.call.record import CallRecord, LegRecord
from softswitch.store.records import CallRecords, calls

WALL = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def test_missing_columns_are_added(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    old = [column.name for column in calls.columns if column.name != "legs"]
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        columns = ", ".join(f'"{name}" TEXT' for name in old)
        database.execute(f"CREATE TABLE calls ({columns})")
        database.execute("INSERT INTO calls (id, verdict) VALUES ('old', 'kept')")

    async def story() -> None:
        for number in range(2):  # the second start finds everything there
            records = CallRecords(tmp_path / "calls.jsonl", f"sqlite+aiosqlite:///{file}")
            await records.open()
            leg = LegRecord("l", "phone", "", "1001", True, "16 normal clearing", 200, True)
            records.put(CallRecord(f"new{number}", "inbound", "1", "2", WALL, legs=[leg]))
            await records.close()

    asyncio.run(story())
    with contextlib.closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT id, verdict, legs FROM calls").fetchall()
    assert rows[0] == ("old", "kept", None)
    assert [row[0] for row in rows[1:]] == ["new0", "new1"] and '"number": "1001"' in rows[1][2]
