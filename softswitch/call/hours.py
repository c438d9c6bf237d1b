"""Times of the week as a dialplan writes them: `Mo-Fr 08:00-18:00; Sa 10:00-14:00`.

The notation is the plain part of OpenStreetMap's opening hours, which people know from shop doors: rules separated by
`;`, each with days (`Mo-Fr`, `Mo,We`, none: every day) and spans (`08:00-12:00,13:00-17:00`, none: all day). Rules add
up. A span whose end is not after its beginning goes over midnight and belongs to the day it begins on.
"""

import datetime
import re
from dataclasses import dataclass

_DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_DAY_MINUTES = 24 * 60
_EXAMPLE = "write it as in `Mo-Fr 08:00-18:00; Sa 10:00-14:00`"


@dataclass(frozen=True, slots=True)
class Hours:
    """A set of times of the week. spans: (weekday, first minute of that day, minute of that day it ends before)."""

    text: str
    spans: frozenset[tuple[int, int, int]]

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """Read the notation above; ValueError with a sentence where it is not that."""
        spans: set[tuple[int, int, int]] = set()
        for rule in text.split(";"):
            if rule.strip():
                spans.update(_rule(rule.strip()))
        if not spans:
            raise ValueError(f"an empty time never comes; {_EXAMPLE}")
        return cls(text, frozenset(spans))

    def covers(self, moment: datetime.datetime) -> bool:
        """Return whether `moment`, by the clock on the wall of its own zone, is one of these times."""
        day, minute = moment.weekday(), moment.hour * 60 + moment.minute
        return any(
            (on == day and begin <= minute < end)
            # Over midnight: the end lies in the next day.
            or ((on + 1) % 7 == day and minute < end - _DAY_MINUTES)
            for on, begin, end in self.spans
        )


def _rule(text: str) -> set[tuple[int, int, int]]:
    days, _, times = text.partition(" ") if not text[0].isdigit() else ("", "", text)
    minutes = [_span(span) for span in re.split(r"\s*,\s*", times.strip())] if times.strip() else [(0, _DAY_MINUTES)]
    return {(day, begin, end) for day in _days(days) for begin, end in minutes}


def _days(text: str) -> set[int]:
    if not text:
        return set(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _day(first)
        end = _day(last) if dash else begin
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return found


def _day(text: str) -> int:
    low = text.lower()
    for number, (short, name) in enumerate(zip(_DAYS, _NAMES, strict=True)):
        if low.startswith(short) and name.startswith(low):
            return number
    raise ValueError(f"{text!r} is not a day of the week; {_EXAMPLE}")


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(re.sub(r"\s", "", text))
    if match is None:
        raise ValueError(f"{text!r} is not a time from-to; {_EXAMPLE}")
    hour, minute, last_hour, last_minute = (int(group) for group in match.groups())
    begin, end = hour * 60 + minute, last_hour * 60 + last_minute
    if minute > 59 or last_minute > 59 or begin >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise ValueError(f"{text!r} is not on a clock of 24 hours; {_EXAMPLE}")
    if begin == end:
        raise ValueError(f"{text!r} begins when it ends; for a whole day leave the time out")
    return begin, end if end > begin else end + _DAY_MINUTES
