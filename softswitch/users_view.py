"""`softswitch registrations` and `softswitch users`: telephones as a table, and the users of SQL, one by one."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pydantic

from softswitch.call.user import User, UserBook, model_of
from softswitch.config import Settings, store_url
from softswitch.errors import ResourceError
from softswitch.ladder import harmless
from softswitch.sip.digest import HASHES, account_key
from softswitch.store.users import UserTable
from softswitch.trunks_view import duration, milliseconds

Answer = TypeVar("Answer")

#: Columns of the telephones that are registered.
TITLES = ("user", "number", "comes from", "state", "expires", "trip", "telephone")
#: A password read from a pipe is one line, no longer than this.
MAX_PASSWORD = 256


def print_registrations(phones: Sequence[dict[str, Any]]) -> None:
    """Print a table, one row for each telephone."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not phones:
        console.print("No telephone is registered.")
        return
    rows = [_row(one) for one in phones]
    longest = [max(len(title), *(len(row[at]) for row in rows)) for at, title in enumerate(TITLES)]
    # 80 columns are all there may be: a long address is folded, and what a telephone calls itself gets what is left.
    wide = {"user": min(longest[0], 14), "number": min(longest[1], 8)}
    left = console.width - sum(wide.values()) - sum(longest[2:-1]) - len(TITLES) + 1
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in TITLES[:3]:
        style, width = ("bold" if title == "user" else ""), wide.get(title)
        table.add_column(title, style=style, overflow="fold", min_width=width, max_width=width)
    table.add_column("state", no_wrap=True)
    table.add_column("expires", justify="right", no_wrap=True)
    table.add_column("trip", justify="right", no_wrap=True)
    table.add_column("telephone", no_wrap=True, overflow="ellipsis", max_width=max(left, len("telephone")))
    for row in rows:
        style = "green" if row[3] == "registered" else "yellow"
        table.add_row(*(Text(cell, style if at == 3 else "") for at, cell in enumerate(row)))
    console.print(table)


def print_refused(refused: Sequence[dict[str, Any]]) -> None:
    """Print who was turned away lately, a line each."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if refused:
        console.print("\nwrong credentials lately", style="bold")
    for one in refused:
        times = int(one.get("times") or 1)
        often = f"{times} times, last " if times > 1 else ""
        ago = duration(float(one.get("seconds_ago") or 0.0))
        whom = "" if one.get("known") else "; there is no such user"
        console.print(f"{harmless(str(one.get('user')))} from {one.get('source')}, {often}{ago} ago{whom}")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    how = str(one.get("transport", "")).lower() + (", NAT" if one.get("behind_nat") else "")
    return (
        str(one.get("user", "")),
        str(one.get("number", "")),
        f"{one.get('source', '')} {how}",
        str(one.get("state", "")),
        duration(one.get("expires_in")),
        milliseconds(one.get("round_trip_ms")),
        harmless(_short(str(one.get("agent") or ""))),
    )


def _short(agent: str) -> str:
    """Return what a telephone calls itself without what it says of its make: JSON has all of it."""
    return agent.partition(" (")[0].removesuffix("/")


def add(settings: Settings, values: dict[str, str]) -> User:
    """Put a user into SQL, its password asked for or read from the standard input. ResourceError with a sentence."""
    data: dict[str, Any] = dict(values)
    if not values.get("ha1"):
        data |= _proofs(settings, values["name"])
    try:
        user = model_of(data)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        why = (first.get("ctx") or {}).get("error") or first["msg"]
        raise ResourceError(f"{first['loc'][0] if first['loc'] else 'the user'}: {why}") from error
    of_file = UserBook(settings.users)
    if of_file.named(user.name) is not None or (user.number and of_file.find(user.number) is not None):
        raise ResourceError("softswitch.yaml has a user of that name or number already, and that one would serve")
    asyncio.run(_with(settings, lambda table: table.add(user)))
    return user


def remove(settings: Settings, name: str) -> bool:
    """Take a user out of SQL; False where there is none of that name."""
    return bool(asyncio.run(_with(settings, lambda table: table.remove(name))))


def listed(settings: Settings) -> list[dict[str, str]]:
    """Return the users of the file and of SQL, without anything secret."""
    users = [("softswitch.yaml", user) for user in settings.users]
    if settings.registrar.sql:
        book = asyncio.run(_with(settings, lambda table: table.read()))
        users += [("sql", user) for user in (book.users if book is not None else ())]
    return [
        {
            "name": user.name,
            "number": user.number,
            "display": user.display,
            "caller_id": user.caller_id,
            "from": where,
        }
        for where, user in users
    ]


def print_users(users: Sequence[dict[str, str]]) -> None:
    """Print a table, one row for each user."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not users:
        console.print("There are no users; docs/users.md says how to make one.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in users[0]:
        table.add_column(title.replace("_", " "), overflow="fold")
    for user in users:
        table.add_row(*(escape(value) for value in user.values()))
    console.print(table)


def print_done(settings: Settings, action: str, name: str, *, done: bool) -> None:
    """Say what came of adding or removing a user."""
    from rich.console import Console

    verb, seconds = ("added" if action == "add" else "removed"), settings.registrar.sql_seconds
    said = f"User {name} is {verb}; the running switch notices within {seconds:g} s."
    if not done and any(user.name == name for user in settings.users):
        said = f"User {name} is not in SQL: it stands in softswitch.yaml. Take it out there, then `softswitch reload`."
    elif not done:
        said = f"There is no user {name} in SQL."
    Console(highlight=False, soft_wrap=True).print(said, markup=False)


async def _with(settings: Settings, work: Callable[[UserTable], Awaitable[Answer]]) -> Answer:
    registrar = settings.registrar
    if not registrar.sql:
        raise ResourceError(
            "users are kept in softswitch.yaml alone: write `registrar: {sql: true}` to keep some in SQL"
        )
    settings.data.mkdir(parents=True, exist_ok=True)
    table = UserTable(store_url(settings), registrar.realm, registrar.algorithms)
    await table.open()
    try:
        return await work(table)
    finally:
        await table.close()


def _proofs(settings: Settings, name: str) -> dict[str, str]:
    """Return what is kept of a password: hashes for our realm, itself only where an algorithm needs it."""
    password, registrar = _password(name), settings.registrar
    if not password or "SHA-512-256" in registrar.algorithms:
        return {"password": password}
    return {
        "ha1": account_key(HASHES["md5"], name, registrar.realm, password),
        "ha1_sha256": account_key(HASHES["sha-256"], name, registrar.realm, password),
    }


def _password(name: str) -> str:
    """Ask for a password on a terminal, twice; else read one line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(MAX_PASSWORD).rstrip("\r\n")
    first = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("Once more: ") != first:
        raise ResourceError("the two passwords differ; nothing was changed")
    return first
