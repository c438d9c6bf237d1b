"""`softswitch trunks`: how the carriers of the running switch are, as a table."""

from collections.abc import Sequence
from typing import Any

from softswitch.ladder import as_written

#: How a state looks; whatever is not here is on its way from one to another.
_STYLES = {"registered": "green", "up": "green", "refused": "red", "failed": "red", "down": "red"}


def print_trunks(trunks: Sequence[dict[str, Any]]) -> None:
    """Print a table, one row for each carrier."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not trunks:
        console.print("No carrier is in carriers.yaml.")
        return
    # Few lines and narrow columns: what went wrong is a sentence, and 80 columns are all there may be.
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("trunk", style="bold", overflow="fold", max_width=16)
    table.add_column("state", no_wrap=True)
    table.add_column("expires", justify="right", no_wrap=True)
    table.add_column("round\ntrip", justify="right", no_wrap=True)
    table.add_column("calls", justify="right", no_wrap=True)
    table.add_column("last error", overflow="fold")
    for one in trunks:
        state = str(one.get("state", ""))
        style = _STYLES.get(state, "yellow")
        name = escape(one["name"])
        if one.get("tls_verify") is False:  # it is as good as plain text towards whoever stands in between
            name += "\n[yellow]TLS unverified[/]"
        table.add_row(
            name,
            f"[{style}]{escape(state)}[/]",
            duration(one.get("expires_in")),
            milliseconds(one.get("round_trip_ms")),
            _calls(one),
            as_written(_error(one)),
        )
    console.print(table)


def _error(one: dict[str, Any]) -> str:
    """Return what went wrong last, and when it is tried again."""
    error, retry_in = str(one.get("last_error") or ""), one.get("retry_in")
    return f"{error}; next try in {duration(retry_in)}" if error and retry_in is not None else error


def duration(seconds: float | None) -> str:
    """Return seconds as few characters tell them, nothing for None."""
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def milliseconds(value: float | None) -> str:
    """Return milliseconds as few characters tell them, nothing for None."""
    if value is None:
        return ""
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def _calls(one: dict[str, Any]) -> str:
    limit = one.get("max_calls")
    calls = one.get("calls", 0)
    return str(calls) if limit is None else f"{calls}/{limit}"
