"""The file of the tolls: written whole, read again, and set aside where it is nothing of ours."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from softswitch.store.usage import UsageFile


def test_what_was_written_at_the_end_is_read_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "toll.json"

    async def main() -> None:
        file = UsageFile(path, lambda: {"day": 7, "accounts": [["user", "ada", 1, 2.5, []]]})
        file.start()
        await file.close()

    asyncio.run(main())
    given: list[dict[str, Any]] = []
    UsageFile(path, dict).load(given.append)
    assert given == [{"day": 7, "accounts": [["user", "ada", 1, 2.5, []]]}]
    assert [one.name for one in tmp_path.iterdir()] == ["toll.json"]


def test_the_first_start_finds_nothing(tmp_path: Path) -> None:
    UsageFile(tmp_path / "toll.json", dict).load(lambda _: pytest.fail("there is nothing"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"day": 1}', '{"day": 1, "accounts": [["user"]]}', "\x00"])
def test_a_file_that_is_nothing_of_ours_is_set_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "toll.json"
    path.write_text(text)

    def restore(usage: dict[str, Any]) -> None:
        for _scope, _name, _calls, _seconds, _hour in usage["accounts"]:
            pass

    UsageFile(path, dict).load(restore)
    assert not path.exists() and path.with_suffix(".unusable").read_text() == text


def test_a_folder_that_cannot_be_written_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        file = UsageFile(tmp_path / "missing" / "toll.json", lambda: {"day": 1})
        file.start()
        await file.close()

    asyncio.run(main())
    assert "cannot be written" in caplog.text
