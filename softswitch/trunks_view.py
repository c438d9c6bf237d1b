"""`softswitch trunks`: asks the running switch over HTTP how its carriers are, and shows it."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from softswitch.net.address import Address, show, unspecified

#: How long the switch may take to answer; it answers from memory.
SECONDS = 5.0
#: Bytes of the answer that are read: some thousand carriers.
MAX_BYTES = 4 * 1024 * 1024
#: How a state looks; whatever is not here is on its way from one to another.
_STYLES = {"registered": "green", "up": "green", "refused": "red", "failed": "red", "down": "red"}


class NoSwitch(Exception):
    """Nobody answers, or not as a switch does; the message is a sentence."""


def ask(address: Address) -> list[dict[str, Any]]:
    """Return the carriers of the switch whose HTTP is at `address`; raise NoSwitch with a sentence."""
    host, port = address
    if unspecified(host):  # it listens everywhere, so here as well
        host = "::1" if ":" in host else "127.0.0.1"
    where = show((host, port))
    # A proxy of the environment is for the web, not for the switch.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{where}/v1/trunks", timeout=SECONDS) as response:
            data = json.loads(response.read(MAX_BYTES))
        found = data["trunks"]
        if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in found):
            raise ValueError("not a list of carriers")
    except urllib.error.HTTPError as error:
        raise NoSwitch(f"what answers at {where} is no switch of this version (HTTP {error.code})") from error
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        words = getattr(reason, "strerror", None) or str(reason)
        raise NoSwitch(
            f"no switch answers at {where} ({words}); start one with `softswitch run`, or name its --http"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise NoSwitch(f"what answers at {where} is no switch of this version") from error
    return list(found)


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
        table.add_row(
            escape(one["name"]),
            f"[{style}]{escape(state)}[/]",
            _duration(one.get("expires_in")),
            _milliseconds(one.get("round_trip_ms")),
            _calls(one),
            escape(str(one.get("last_error") or "")),
        )
    console.print(table)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def _calls(one: dict[str, Any]) -> str:
    limit = one.get("max_calls")
    calls = one.get("calls", 0)
    return str(calls) if limit is None else f"{calls}/{limit}"
