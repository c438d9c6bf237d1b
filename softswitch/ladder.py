"""The ladder of one call: who said what to whom, when, and what happened between, drawn within any width.

The party that the dialplan serves stands left, the switch beside it, everybody else to the right. Where there are more
than fit, the last column serves all that are left, and a line says whose messages come now.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.cells import cell_len
from rich.markup import escape
from rich.text import Text

#: Columns of the time, and what stays free to the right of the last lifeline for half of its name.
TIME: Final = 10
MARGIN: Final = 9
#: An arrow shorter than this cannot name what it carries, a longer one only makes the eye travel.
MIN_GAP: Final = 24
MAX_GAP: Final = 44

_REQUEST: Final = "bold cyan"
_STATUS: Final = {1: "yellow", 2: "green", 3: "magenta", 4: "red", 5: "red", 6: "red"}
#: Moments that the messages beside them say as well, unless they are of a party without messages.
_SAID_BY_MESSAGES: Final = frozenset(("ringing", "early media"))

Json = Mapping[str, Any]


@dataclass(slots=True)
class Row:
    """One line, as cells that can be written over."""

    width: int
    cells: list[tuple[str, str]] = field(default_factory=list)

    def put(self, at: int, text: str, style: str = "") -> None:
        """Write `text` at a column; what does not fit is cut."""
        self.cells.extend([(" ", "")] * (min(at + len(text), self.width) - len(self.cells)))
        for place, character in enumerate(harmless(text), max(at, 0)):
            if place < self.width:
                self.cells[place] = (character if cell_len(character) == 1 else "?", style)

    def text(self) -> Text:
        """Return the line."""
        line = Text()
        for character, style in self.cells:
            line.append(character, style or None)
        line.rstrip()
        return line


class Ladder:
    """Draws one call. width: columns of the terminal."""

    def __init__(self, call: Json, width: int) -> None:
        self._call = call
        self._width = width
        legs = call["legs"] or [_stranger(call)]
        said = {message["leg"] for message in call["messages"]}
        left = [leg for leg in legs if leg["subject"]] or legs[:1]
        right = [leg for leg in legs if leg not in left and leg["id"] in said]
        room = max(1, (width - TIME - 2 - MARGIN) // MIN_GAP)
        shown = right if 1 + len(right) <= room else right[: max(1, room - 1)]
        self._shared = len(right) > len(shown)
        self._gap = min(MAX_GAP, (width - TIME - 2 - MARGIN) // max(1, 1 + len(shown)))
        if not right:  # what happens without messages, as the words of an AI do, stands to the right of the switch
            self._gap = min(self._gap, (width - TIME - 2) // 2)
        self._columns = {leg["id"]: TIME + 2 for leg in left}
        self._switch = TIME + 2 + self._gap
        for place, leg in enumerate(right):
            self._columns[leg["id"]] = self._switch + self._gap * (1 + min(place, len(shown) - 1))
        self._lines = sorted({*self._columns.values(), self._switch})
        self._legs = {leg["id"]: leg for leg in legs}
        self._headed = [*left, *shown]
        self._places = {message["leg"]: message["remote"] for message in reversed(call["messages"])}
        #: Whose messages each column shows now, and from where they come.
        self._current = {self._columns[leg["id"]]: (leg["id"], self._places.get(leg["id"], "")) for leg in self._headed}
        if self._shared:
            self._current[self._lines[-1]] = ("", "")

    def draw(self) -> Iterator[Text]:
        """Yield the lines of the ladder."""
        yield from self._heads()
        for group in _grouped(self._call):
            yield from self._switched(group)
            if "what" in group:
                yield from self._moment(group)
            elif group.get("copies"):
                times = f" ×{group['copies']} until {group['until']:.1f}" if group["copies"] > 1 else ""
                yield self._arrow(group, f"↻ {group['title']}{times}")
            else:
                yield self._arrow(group, group["title"])
                if group["sdp"] is not None:
                    yield from self._description(group)
        dropped = self._call.get("messages_dropped")
        if dropped:
            yield Text(f"{' ' * TIME}{dropped} messages from the middle of the call are not kept", style="dim")

    # Lines ---------------------------------------------------------------------------------------------------------

    def _heads(self) -> Iterator[Text]:
        local = next((message["local"] for message in self._call["messages"]), "")
        transports = {message["leg"]: message["transport"] for message in self._call["messages"]}
        names, places = Row(self._width), Row(self._width)
        for leg in self._headed:
            shared = self._shared and leg is self._headed[-1]
            transport = transports.get(leg["id"], "")
            self._centre(names, self._columns.get(leg["id"], TIME + 2), "others" if shared else name_of(leg), "bold")
            where = "" if shared else f"{transport} {self._places.get(leg['id'], '')}".strip()
            self._centre(places, self._columns.get(leg["id"], TIME + 2), where, "dim")
        self._centre(names, self._switch, "softswitch", "bold")
        self._centre(places, self._switch, local, "dim")
        yield names.text()
        yield places.text()

    def _centre(self, row: Row, column: int, text: str, style: str) -> None:
        short = _cut(text, self._gap - 2)
        at = min(max(column - len(short) // 2, 1), self._width - len(short))
        row.put(at, short, style)

    def _row(self, at: float | None = None) -> Row:
        row = Row(self._width)
        if at is not None:
            row.put(0, f"{at:9.3f}", "dim")
        for column in self._lines:
            row.put(column, "│", "dim")
        return row

    def _switched(self, group: Json) -> Iterator[Text]:
        """Say whose messages come now where several parties share a column, and where a party has moved to."""
        leg, column = group["leg"], self._columns.get(group["leg"])
        if column is None:
            return
        known_leg, known_place = self._current[column]
        place = group.get("remote") or (known_place if leg == known_leg else self._places.get(leg, ""))
        if (leg, place) == (known_leg, known_place):
            return
        self._current[column] = (leg, place)
        name = name_of(self._legs[leg]) if leg != known_leg else ""
        text = name if place in name else f"{name} {place}"
        row = self._row()
        # Beside the switch, not over it.
        begin, end = (self._switch + 2, self._width) if column > self._switch else (TIME + 1, self._switch - 1)
        text = _cut(f" {text.strip()} ", end - begin)
        row.put(min(max(begin, column - len(text) // 2), end - len(text)), text, "bold" if name else "dim")
        yield row.text()

    def _arrow(self, message: Json, title: str) -> Text:
        here = self._columns.get(message["leg"], self._lines[0])
        low, high = sorted((here, self._switch))
        to_right = (message["direction"] == "in") == (here < self._switch)
        row = self._row(message["at"])
        copy = bool(message.get("copies")) or message["copy_of"] is not None
        style = _REQUEST if not message["status"] else _STATUS.get(message["status"] // 100, "")
        style = f"dim {style}" if copy else style
        room = high - low - 1
        line = "┄" if copy else "─"
        body = line * (room - 1)
        body = f"{body}▶" if to_right else f"◀{body}"
        row.put(low + 1, body, style)
        attempt = message.get("attempt", 1)
        label = f"{title} (try {attempt})" if attempt > 1 and title == "INVITE" else title
        label = f" {_cut(label, room - 6)} "
        row.put(low + 1 + (room - len(label)) // 2, label, style)
        return row.text()

    def _description(self, message: Json) -> Iterator[Text]:
        here = self._columns.get(message["leg"], self._lines[0])
        low, high = sorted((here, self._switch))
        summary = message["sdp"]["text"].replace("no SRTP", "no\N{NO-BREAK SPACE}SRTP")
        summary = summary.replace("SDES ", "SDES\N{NO-BREAK SPACE}")
        for line in textwrap.wrap(summary, max(8, high - low - 3), break_on_hyphens=False):
            row = self._row()
            row.put(low + 2, line, "dim italic")
            yield row.text()

    def _moment(self, moment: Json) -> Iterator[Text]:
        leg = self._legs.get(moment["leg"])
        column = self._columns.get(moment["leg"])
        words = words_of(moment)
        if column is None and leg is not None:  # a party without messages: beside the switch, by its name
            # Why an AI ends stands beside whoever ended it.
            words = f"{name_of(leg)} {'ended' if moment['what'] == 'ended' and leg['kind'] == 'AI' else words}"
        style = (
            "bold red" if moment["what"] in ("engine failed", "transfer refused", "transfer failed") else "bold magenta"
        )
        left = (self._switch if column is None else min(column, self._switch)) + 2
        at: float | None = moment["at"]
        for line in textwrap.wrap(f"◆ {words}", max(12, self._width - left), subsequent_indent="  "):
            row = self._row(at)
            row.put(left, line, style)
            yield row.text()
            at = None


def name_of(leg: Json) -> str:
    """Return what a party is called: the carrier, the user, the flow, or its number."""
    kind, name, number = leg["kind"], leg["name"], leg["number"]
    if kind == "AI":
        return f"AI {name}".strip()
    number = number.removeprefix("sip:")
    if kind == "carrier":
        return f"{name} {number}".strip()
    return str(name or number or "?")


def words_of(moment: Json) -> str:
    """Return a moment in words."""
    what, detail, times = moment["what"], moment["detail"], moment["times"]
    if what == "keys":
        return f"{times} key{'s' if times != 1 else ''} by {detail}"
    return f"{what}: {detail}" if detail else str(what)


def _grouped(call: Json) -> Iterator[Json]:
    """Yield messages and moments in their order, copies that follow each other as one."""
    messages = [{**message, "number": number} for number, message in enumerate(call["messages"])]
    talking = {message["leg"] for message in messages}
    moments = [
        moment for moment in call["moments"] if moment["what"] not in _SAID_BY_MESSAGES or moment["leg"] not in talking
    ]
    copies: dict[int, dict[str, Any]] = {}
    for one in _merged(messages, moments):
        if "what" not in one and one["copy_of"] is not None:
            group = copies.setdefault(one["copy_of"], {**one, "copies": 0})
            group["copies"] += 1
            group["until"] = one["at"]
            continue
        yield from copies.values()
        copies = {}
        yield one
    yield from copies.values()


def _merged(messages: Sequence[Json], moments: Sequence[Json]) -> Iterable[Json]:
    # A moment that a message has brought comes after it.
    return sorted([*messages, *moments], key=lambda one: (one["at"], "what" in one))


def _stranger(call: Json) -> Json:
    """Return who sent what never became a call."""
    remote = next((message["remote"] for message in call["messages"]), "")
    return {"id": "", "kind": "phone", "name": "", "number": "peer", "subject": True, "peer": remote}


def harmless(text: str) -> str:
    """Return what a peer wrote without what a terminal would obey."""
    return "".join(character if character.isprintable() else " " if character.isspace() else "?" for character in text)


def as_written(text: str) -> str:
    """Return what somebody wrote for a table of `rich`: neither obeyed by the terminal nor read as markup."""
    return escape(harmless(text))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
