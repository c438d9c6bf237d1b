"""Lines that cannot be written wait and come whole; one record that a database refuses keeps no other from it."""

import asyncio
import datetime
import json
from pathlib import Path

import sqlalchemy as sa

from softswitch.call.record import CallRecord
from softswitch.store.records import CallRecords, calls

WALL = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def record(id: str) -> CallRecord:
    return CallRecord(id=id, direction="inbound", from_="1", to="600", started_at=WALL)


async def opened(folder: Path) -> CallRecords:
    store = CallRecords(folder / "data" / "calls.jsonl", f"sqlite+aiosqlite:///{folder / 'calls.db'}")
    await store.open()
    return store


def in_sql(folder: Path) -> list[str]:
    engine = sa.create_engine(f"sqlite:///{folder / 'calls.db'}")
    with engine.connect() as connection:
        found = [row.id for row in connection.execute(sa.select(calls.c.id).order_by(calls.c.id))]
    engine.dispose()
    return found


def test_lines_wait_until_they_can_be_written(tmp_path: Path) -> None:
    lines = tmp_path / "data" / "calls.jsonl"

    async def story() -> None:
        store = await opened(tmp_path)
        lines.unlink()
        lines.mkdir()  # nothing can be appended to a folder, whoever runs the test
        store.put(record("a"))
        assert not await store._flush() and store.waiting == 1
        lines.rmdir()
        store.put(record("b"))
        assert await store._flush() and store.waiting == 0
        await store.close()

    asyncio.run(story())
    assert [json.loads(line)["id"] for line in lines.read_text().splitlines()] == ["a", "b"]
    assert in_sql(tmp_path) == ["a", "b"]


def test_a_record_that_is_refused_keeps_no_other_waiting(tmp_path: Path) -> None:
    async def story() -> None:
        store = await opened(tmp_path)
        for id in ("a", "b", "a", "c"):
            store.put(record(id))
        assert await store._flush()
        await store.close()

    asyncio.run(story())
    assert in_sql(tmp_path) == ["a", "b", "c"]
    lines = (tmp_path / "data" / "calls.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a", "b", "a", "c"], "the lines keep every one"
