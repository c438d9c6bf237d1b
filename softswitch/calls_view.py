"""`softswitch calls`: the calls that are up on the running switch, as a table."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from softswitch.ladder import harmless

#: Seconds between two looks of --watch.
WATCH_SECONDS = 1.0
#: Characters of an id that tell calls apart: of 16 hexadecimal digits, and any beginning will do for `show`.
SHOWN_ID = 8
#: How a state looks; whatever is not here is on its way from one to another.
_STYLES = {"up": "green", "held": "magenta", "ending": "dim"}

#: Cells of a level meter, and what the first and the last one stand for: a whisper, and speech that is too loud.
METER_CELLS = 12
METER_FROM_DBM0, METER_TO_DBM0 = -54.0, 0.0
#: From which opinion score on a call is good, and below which many complain (ITU-T G.107 annex B).
GOOD_MOS, POOR_MOS = 4.0, 3.6

Calls = Sequence[dict[str, Any]]


def print_calls(calls: Calls, *, sound: bool = False) -> None:
    """Print a table, one row for each call. sound: and another one of how they sound."""
    Console(highlight=False).print(_both(calls) if sound else _table(calls))


def watch(ask: Callable[[], Calls]) -> None:
    """Show the table again each second, until Ctrl-C."""
    console = Console(highlight=False)
    with contextlib.suppress(KeyboardInterrupt), Live(_both(ask()), console=console, auto_refresh=False) as live:
        never = threading.Event()
        while not never.wait(WATCH_SECONDS):
            live.update(_both(ask()), refresh=True)


@contextlib.contextmanager
def waiting(sentence: str) -> Iterator[None]:
    """Say on a terminal what is waited for, and nothing anywhere else."""
    console = Console(stderr=True, highlight=False)
    with console.status(escape(sentence)) if console.is_terminal else contextlib.nullcontext():
        yield


def print_transfer(done: dict[str, Any]) -> None:
    """Print what came of a transfer."""
    to, cause = harmless(str(done.get("to"))), harmless(str(done.get("cause")))
    said = f"Transferred to {to}." if done.get("reached") else f"{to} was not reached: {cause}."
    Console(highlight=False).print(said, markup=False)


def _table(calls: Calls) -> RenderableType:
    if not calls:
        return "No call is up."
    # Few lines and narrow columns: 80 columns are all there may be.
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("call", style="bold", no_wrap=True)
    table.add_column("for", justify="right", no_wrap=True)
    table.add_column("way", no_wrap=True)
    table.add_column("from → to", overflow="fold")
    table.add_column("by", overflow="fold", max_width=12)
    table.add_column("state", no_wrap=True)
    table.add_column("codec", no_wrap=True)
    table.add_column("talks with", overflow="fold")
    for one in calls:
        state = str(one.get("state", ""))
        way = {"inbound": "in", "outbound": "out"}.get(str(one.get("direction")), "")
        table.add_row(
            escape(str(one.get("id", ""))[:SHOWN_ID]),
            _duration(float(one.get("seconds") or 0.0)),
            way,
            escape(harmless(f"{one.get('from') or 'anonymous'} → {one.get('to') or ''}")),
            escape(str(one.get("user") or one.get("carrier") or "")),
            f"[{_STYLES.get(state, 'yellow')}]{escape(state)}[/]",
            escape(str(one.get("codec") or "")),
            escape(harmless(_others(one))),
        )
    return table


def _both(calls: Calls) -> RenderableType:
    rows = [(one, leg) for one in calls for leg in one.get("legs", ()) if leg.get("quality")]
    if not rows:
        return _table(calls)
    return Group(_table(calls), "", _sound(rows))


def _sound(rows: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Table:
    """Return how each leg sounds, a row for each way: what comes from it, and how it hears us as far as it says so."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("call", style="bold", no_wrap=True)
    table.add_column("sound", overflow="ellipsis", no_wrap=True, max_width=18)
    table.add_column("codec", no_wrap=True)
    table.add_column("way", no_wrap=True)
    for heading in ("jitter", "loss", "MOS"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("level", no_wrap=True)
    for one, leg in rows:
        quality, levels = leg["quality"], leg.get("levels") or {}
        first = (str(one.get("id", ""))[:SHOWN_ID], harmless(_name(leg)), str(leg.get("codec") or ""))
        for way, key, names in (("from", "received", first), ("to", "sent", ("", "", ""))):
            heard = quality[key]
            told = key == "received" or heard.get("mos") is not None
            table.add_row(
                *(escape(name) for name in names),
                way,
                f"{heard['jitter_ms']:.1f} ms" if told else "",
                f"{heard['loss_percent']:.1f} %" if told else "",
                _score(heard.get("mos")),
                _meter(levels.get(key)),
            )
    return table


def _score(mos: float | None) -> str:
    if mos is None:
        return ""
    style = "green" if mos >= GOOD_MOS else "yellow" if mos >= POOR_MOS else "red"
    return f"[{style}]{mos:.1f}[/]"


def _meter(dbm0: float | None) -> Text:
    if dbm0 is None:
        return Text("")
    part = (dbm0 - METER_FROM_DBM0) / (METER_TO_DBM0 - METER_FROM_DBM0)
    cells = round(max(0.0, min(part, 1.0)) * METER_CELLS)
    style = "red" if cells == METER_CELLS else "green"
    return Text.assemble(("█" * cells, style), ("░" * (METER_CELLS - cells), "dim"))


def _others(one: dict[str, Any]) -> str:
    """Return with whom the call is connected: the AI and what it does, or the other legs.

    Where a transfer has put somebody else in the caller's place, he stands in front.
    """
    ai, legs = one.get("ai"), one.get("legs", ())
    names = [f"{_name(leg)} ({leg.get('state')})" for leg in legs if not leg.get("subject") and leg.get("kind") != "AI"]
    if ai is not None:
        names.insert(0, f"AI {ai.get('flow') or 'says a text'}: {str(ai.get('doing', '')).replace('_', ' ')}")
    subject = next((leg for leg in legs if leg.get("subject")), None)
    if subject is not None and one.get("transferred"):
        return f"{_name(subject)} with {', '.join(names) or 'nobody'}"
    return ", ".join(names)


def _name(leg: dict[str, Any]) -> str:
    """Return what people call a party: our users have names, the world has numbers."""
    called = (leg.get("name"), leg.get("number")) if leg.get("kind") == "user" else (leg.get("number"), leg.get("name"))
    return str(called[0] or called[1] or "?")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
