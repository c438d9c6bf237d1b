"""Users in SQL: the table `users` of `store.url`. Made where it is missing, read as a whole, never in a call.

Whoever keeps users elsewhere may write into it: a row is what an entry of `users:` is, its columns are that one's keys.
A row that is no user is left out and named in the log; the others serve.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from softswitch.call.toll_rules import TollLimits
from softswitch.call.user import MAX_USERS, User, UserBook, model_of
from softswitch.errors import ResourceError
from softswitch.store.tables import bring_up_to_date

log = logging.getLogger("softswitch.store")

metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("password", sa.String(256)),
    sa.Column("ha1", sa.String(32)),
    sa.Column("ha1_sha256", sa.String(64)),
    sa.Column("number", sa.String(32), unique=True),
    sa.Column("display", sa.String(64)),
    sa.Column("caller_id", sa.String(64)),
    sa.Column("codecs", sa.String(128)),
    sa.Column("dtmf", sa.String(16)),
    sa.Column("srtp", sa.String(16)),
    sa.Column("srtp_keys", sa.String(16)),
    sa.Column("max_contacts", sa.Integer),
    # JSON, and read here: what somebody has written by hand must not keep the other rows from being read.
    sa.Column("toll", sa.Text),
)


class UserTable:
    """The users of one database. realm, algorithms: of the keys that are made of their passwords."""

    def __init__(self, url: str, realm: str, algorithms: Sequence[str]) -> None:
        """url: SQLAlchemy URL of an async driver."""
        self._url = url
        self._realm = realm
        self._algorithms = tuple(algorithms)
        self._engine: AsyncEngine | None = None
        self._rows: Sequence[Mapping[str, Any]] | None = None

    async def open(self) -> None:
        """Open the database, and make the table where it is missing; ResourceError with a sentence otherwise."""
        try:
            self._engine = create_async_engine(self._url)
            async with self._engine.begin() as connection:
                await connection.run_sync(bring_up_to_date, users)
        except (sa.exc.SQLAlchemyError, OSError, ModuleNotFoundError, ValueError) as error:
            # The URL is not shown: what cannot be parsed may hold a password anywhere.
            raise ResourceError(f"the users cannot be read from store.url: {_words(error)}") from error

    async def close(self) -> None:
        """Close the database."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def read(self) -> UserBook | None:
        """Return the users, None where they are those of the last time. Raises ResourceError with a sentence."""
        try:
            async with self._opened().connect() as connection:
                found = await connection.execute(sa.select(users).order_by(users.c.name).limit(MAX_USERS))
                rows = [dict(row) for row in found.mappings()]
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise ResourceError(f"the users cannot be read from store.url: {_words(error)}") from error
        if rows == self._rows:
            return None
        self._rows = rows
        return await asyncio.to_thread(self._book, rows)

    async def add(self, user: User) -> None:
        """Put a user in, in place of the one of that name."""
        row = {column.name: _plain(getattr(user, column.name)) for column in users.columns}
        try:
            async with self._opened().begin() as connection:
                await connection.execute(users.delete().where(users.c.name == user.name))
                await connection.execute(users.insert(), [row])
        except sa.exc.IntegrityError as error:
            raise ResourceError(f"number {user.number} is that of another user already; choose another") from error
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise ResourceError(f"user {user.name} cannot be written to store.url: {_words(error)}") from error

    async def remove(self, name: str) -> bool:
        """Take a user out; False where there is none of that name."""
        try:
            async with self._opened().begin() as connection:
                done = await connection.execute(users.delete().where(users.c.name == name))
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise ResourceError(f"user {name} cannot be removed from store.url: {_words(error)}") from error
        return bool(done.rowcount)

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise ResourceError("the users of store.url are not open")
        return self._engine

    def _book(self, rows: Sequence[Mapping[str, Any]]) -> UserBook:
        """Make the users of rows, in a thread."""
        found: list[User] = []
        for row in rows:
            try:
                user = model_of(_read(row))
            except pydantic.ValidationError as error:
                why = "; ".join(f"{item['loc'][0] if item['loc'] else 'row'}: {item['msg']}" for item in error.errors())
                log.error("user %s of the table `users` is left out: %s", str(row["name"])[:64], why)
                continue
            except ValueError as error:
                # Without its limits it would call more than somebody wanted it to.
                log.error("user %s of the table `users` is left out: toll is no JSON: %s", str(row["name"])[:64], error)
                continue
            if not any(user.key(name.lower(), "") for name in self._algorithms):
                log.error("user %s of the table `users` has no key for any of registrar.algorithms", user.name)
            found.append(user)
        return UserBook(found, self._realm, self._algorithms)


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as an entry of `users:` is; ValueError where its JSON is none."""
    codecs = tuple((row["codecs"] or "").replace(",", " ").split()) or None
    toll = json.loads(row["toll"]) if row["toll"] else None
    return {**row, "codecs": codecs, "toll": toll}


def _plain(value: Any) -> Any:
    """Return a value as a column has it."""
    if isinstance(value, TollLimits):
        return value.model_dump_json(exclude_unset=True)
    if isinstance(value, pydantic.SecretStr):
        value = value.get_secret_value()
    return ", ".join(value) if isinstance(value, tuple) else value if value != "" else None


def _words(error: Exception) -> str:
    """Return what a database says, without the statement and its values: they hold passwords."""
    return str(getattr(error, "orig", None) or type(error).__name__)
