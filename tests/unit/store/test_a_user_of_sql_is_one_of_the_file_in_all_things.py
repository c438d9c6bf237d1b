"""The table `users` has a column for each key of a user, its limits on calls among them, and gets those it lacks."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from softswitch.call.toll_rules import TollLimits
from softswitch.call.user import User, UserBook
from softswitch.store.users import UserTable, users

LIMITS = TollLimits(countries=("DE",), max_calls=2, max_minutes_day=None)


def read(file: Path, *added: User) -> UserBook:
    async def story() -> UserBook:
        table = UserTable(f"sqlite+aiosqlite:///{file}", "softswitch", ["MD5"])
        await table.open()
        try:
            for user in added:
                await table.add(user)
            return await table.read() or UserBook()
        finally:
            await table.close()

    return asyncio.run(story())


def test_every_key_has_a_column() -> None:
    assert {column.name for column in users.columns} == set(User.model_fields)


def test_what_may_be_called_is_kept(tmp_path: Path) -> None:
    erin = User.model_validate({"name": "erin", "password": "open sesame", "toll": LIMITS})
    found = read(tmp_path / "users.db", erin).named("erin")
    assert found is not None and found.toll == LIMITS
    assert found.toll.model_fields_set == {"countries", "max_calls", "max_minutes_day"}, "null lifts a limit of all"


def test_who_has_limits_that_cannot_be_read_does_not_call_without_any(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "users.db"
    plain = [User.model_validate({"name": name, "password": "open sesame"}) for name in ("ann", "bea", "cleo")]
    read(file, *plain)
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE users SET toll = '{max_calls: 2' WHERE name = 'ann'")
        database.execute("""UPDATE users SET toll = '{"max_cals": 2}' WHERE name = 'bea'""")
    assert [user.name for user in read(file).users] == ["cleo"]
    assert "user ann of the table `users` is left out: toll is no JSON" in caplog.text
    assert "user bea of the table `users` is left out: toll" in caplog.text


def test_a_table_of_an_older_switch_gets_the_column(tmp_path: Path) -> None:
    file = tmp_path / "users.db"
    old = ", ".join(f'"{column.name}" TEXT' for column in users.columns if column.name != "toll")
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute(f"CREATE TABLE users ({old})")
        database.execute("INSERT INTO users (name, password) VALUES ('dora', 'open sesame')")
    for _ in range(2):  # the second start finds everything there
        [dora] = read(file).users
        assert (dora.name, dora.toll) == ("dora", None)
