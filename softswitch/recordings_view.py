"""`softswitch recordings`: what is on the disk, as a table."""

import datetime
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from softswitch.apps.shelf import Shelved


def print_recordings(found: Sequence[Shelved]) -> None:
    """Print the recordings, the last ones at the end."""
    console = Console(highlight=False)
    if not found:
        console.print("There are no recordings.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("call", style="bold", no_wrap=True)
    table.add_column("written (UTC)", no_wrap=True)
    table.add_column("KiB", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("file", overflow="fold")
    for one in found:
        written = datetime.datetime.fromtimestamp(one.written_at, datetime.UTC)
        marks = ", ".join(["encrypted"] * one.encrypted + ["unfinished"] * (not one.finished))
        table.add_row(
            escape(one.call), f"{written:%Y-%m-%d %H:%M:%S}", str(one.size_bytes >> 10), marks, escape(one.name)
        )
    console.print(table)
