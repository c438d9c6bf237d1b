"""A wrong store.url stops the start with a sentence, and shows no password."""

import asyncio
from pathlib import Path

import pytest

from softswitch.errors import ResourceError
from softswitch.store.records import CallRecords


@pytest.mark.parametrize(
    "url", ["nonsense", "user:secret@host/db", "nosuch://u:secret@127.0.0.1/x", "sqlite:///sync.db"]
)
def test_a_database_that_cannot_be_opened_is_a_sentence(tmp_path: Path, url: str) -> None:
    records = CallRecords(tmp_path / "calls.jsonl", url)
    with pytest.raises(ResourceError) as caught:
        asyncio.run(records.open())
    assert "secret" not in str(caught.value)
