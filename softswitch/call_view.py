"""`softswitch calls show`: one call as people read it: its ladder, its sound, its turns, and what was wrong."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from softswitch.ladder import Ladder, harmless, name_of

#: The stages of a turn in the order of the ledger, and how each looks.
STAGES: Final = {
    "end_of_turn": ("░", "blue", "end of turn"),
    "recognition": ("▒", "cyan", "recognition"),
    "policy": ("▓", "magenta", "policy"),
    "synthesis": ("█", "yellow", "synthesis"),
    "first_packet": ("▪", "green", "first packet"),
}
#: Columns of the longest bar.
BAR: Final = 40

Json = Mapping[str, Any]


def print_call(call: Json, console: Console | None = None) -> None:
    """Print everything about one call, to the terminal where no other console is given."""
    console = console or Console(highlight=False)
    _print_title(console, call)
    for line in Ladder(call, console.width).draw():
        console.print(line, soft_wrap=True)
    _print_sound(console, call["legs"])
    record = call["record"]
    if record is not None and record["turns"]:
        _print_turns(console, record["turns"])
    if record is not None:
        verdict = record["verdict"]
        console.print()
        console.print(
            Text("verdict  ", style="bold").append(
                harmless(verdict) or "nothing was wrong", "red" if verdict else "green"
            )
        )


def print_messages(call: Json) -> None:
    """Print every message whole, as it is masked."""
    console = Console(highlight=False)
    for message in call["messages"]:
        arrow = "→" if message["direction"] == "out" else "←"
        again = " (again)" if message["copy_of"] is not None else ""
        where = f"{message['local']} {arrow} {message['remote']} {message['transport']}"
        console.print(Text(f"── {message['at']:.3f} s  {message['time']}  {where}{again}", style="bold cyan"))
        for line in message["text"].replace("\r\n", "\n").rstrip("\n").split("\n"):
            console.print(Text(harmless(line)), soft_wrap=True)
        console.print()


def _print_title(console: Console, call: Json) -> None:
    if not call.get("id"):
        call_id = next((message["call_id"] for message in call["messages"]), "")
        console.print(Text(harmless(f"messages of {call_id}, which never became a call"), style="bold"))
        console.print()
        return
    since = str(call["since"]).replace("T", " ").removesuffix("+00:00")
    title = Text(f"call {call['id']}", style="bold")
    title.append(harmless(f"  {call['direction']}  {call['from'] or 'anonymous'} → {call['to']}"), "not bold")
    title.append(f"  {since} UTC", "dim not bold")
    console.print(title)
    record = call["record"]
    if record is None:
        console.print(Text(f"{call['state']}, for {call['seconds']:.0f} s so far", style="yellow"))
    else:
        style = "green" if record["outcome"] == "answered" else "red"
        text = f"{record['outcome'].replace('_', ' ')} ({record['sip_code']}), {_lasted(record)}"
        console.print(Text(f"{text}, ended by the {record['ended_by']}: {harmless(record['cause'])}", style=style))
    console.print()


def _lasted(record: Json) -> str:
    """Return how long a call was talked on, or how long nobody answered it."""
    if record["answered_at"]:
        return f"{record['duration_ms'] / 1000:.1f} s"
    began, ended = (datetime.fromisoformat(record[name]) for name in ("started_at", "ended_at"))
    return f"after {(ended - began).total_seconds():.1f} s"


def _print_sound(console: Console, legs: Sequence[Json]) -> None:
    rows = [leg for leg in legs if leg["media"]]
    if not rows:
        return
    # Narrow, for an address of 21 characters shall stand in one line of 80 columns.
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("sound", style="bold", overflow="fold", max_width=16)
    table.add_column("way", no_wrap=True)
    for heading in ("packets", "lost", "late", "jitter", "MOS"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("address, codec", overflow="fold")
    for leg in rows:
        media = leg["media"]
        came, went = media["received"], media["sent"]
        moved = media["remote"] != media["offered"]
        table.add_row(
            escape(harmless(name_of(leg))),
            "from it",
            str(came["packets"]),
            f"{came['loss_percent']:.1f} %",
            str(came["late"]),
            f"{came['jitter_ms']:.1f} ms",
            "" if came["mos"] is None else f"{came['mos']:.1f}",
            escape(harmless(f"said {media['offered']}" if moved else media["offered"])),
        )
        coded = f"{media['codec']}, {media.get('srtp') or 'plain RTP'}"
        came_from = f"from {media['remote']}, {coded}" if moved else coded
        told = ("", "", "", "")
        if went["mos"] is not None:  # as the peer says itself
            told = (f"{went['loss_percent']:.1f} %", "", f"{went['jitter_ms']:.1f} ms", f"{went['mos']:.1f}")
        table.add_row("", "to it", str(went["packets"]), *told, escape(harmless(came_from)))
    console.print()
    console.print(table)


def _print_turns(console: Console, turns: Sequence[Json]) -> None:
    longest = max(_total(turn) for turn in turns) or 1.0
    console.print()
    legend = Text("turns    ", style="bold")
    for character, style, words in STAGES.values():
        legend.append(f"{character} ", style).append(f"{words}  ", "dim not bold")
    console.print(legend)
    for number, turn in enumerate(turns, 1):
        line = Text(f"{number:5}  ")
        for piece, style in _bar(turn["latency"], longest):
            line.append(piece, style)
        line.append(f" {_total(turn):.0f} ms", "bold")
        if turn["interrupted"]:
            line.append("  interrupted", "magenta")
        console.print(line)
        words = ", ".join(
            f"{name.replace('_', ' ')} {ms:.0f}" for name, ms in turn["latency"].items() if name != "total"
        )
        if words:
            console.print(Text(f"       {words}", style="dim"))
        said = "  ".join(f"{name} {turn[name]}" for name in ("heard", "said") if turn[name])
        if said:
            console.print(Text(f"       {said}", style="dim"))


def _total(turn: Json) -> float:
    latency = turn["latency"]
    return float(latency.get("total") or sum(ms for name, ms in latency.items() if name != "total"))


def _bar(latency: Mapping[str, float], longest: float) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a bar; rounded by their ends, so that the whole is as long as it should be."""
    done, drawn = 0.0, 0
    for name, (character, style, _) in STAGES.items():
        done += float(latency.get(name, 0.0))
        end = round(BAR * done / longest)
        if end > drawn:
            yield character * (end - drawn), style
            drawn = end
