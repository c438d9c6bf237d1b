"""`softswitch bans`: who is not listened to, as a table."""

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from softswitch.trunks_view import duration

#: What a kind of offence is in words.
WHY = {
    "scanner": "names itself as a scanner",
    "extension_100": "asks for extension 100",
    "closed_number": "dials closed numbers",
    "stalled_connection": "stalls connections",
    "bad_message": "sends what cannot be read",
    "bad_password": "guesses passwords",
    "flood": "floods",
}


def print_bans(found: dict[str, Any]) -> None:
    """Print the bans, those heard of last at the end, and in one line what was dropped."""
    console = Console(highlight=False)
    bans = found.get("bans") or []
    if not bans:
        console.print("Nobody is banned.")
    else:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        table.add_column("source", style="bold", overflow="fold")
        table.add_column("why", overflow="fold")
        for name in ("for another", "times", "dropped"):
            table.add_column(name, justify="right", no_wrap=True)
        for ban in bans:
            table.add_row(
                escape(str(ban.get("host")) + (" (connections)" if ban.get("connections") else "")),
                escape(WHY.get(kind := str(ban.get("kind")), kind)),
                duration(float(ban.get("seconds_left") or 0.0)),
                str(ban.get("times")),
                str(ban.get("dropped")),
            )
        console.print(table)
    dropped = found.get("dropped") or {}
    if dropped:
        words = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in dropped.items())
        console.print(f"dropped since the start: {words}")
