"""Cuts a stream of text into parts that can be spoken one by one. Pure.

A synthesiser is given a part at a time: it begins while the rest is still being written, it never makes a minute of
sound for nothing when it is interrupted, and no caller waits behind another one's long speech.
"""

import re
from typing import Final

#: From here on a part may end at the end of a sentence; shorter ones lose their melody, and `Dr. Smith` is not two.
MIN_CHARS: Final = 40
#: About fifteen seconds of speech. A longer sentence is cut at a comma, or between two words.
MAX_CHARS: Final = 240

_ENDS: Final = re.compile(r"[.!?…。！？]+[\"')\]]*(?=\s)|[。！？]|\n\s*\n")
_CLOSED: Final = re.compile(r"(?<!\d)[.!?…。！？:]+[\"')\]]*\s*$")
_BREATHS: Final = re.compile(r"[,;:，、；](?=\s|\S)|\s")


class Sentences:
    """Takes text as it comes, and returns what can be spoken."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str) -> list[str]:
        """Take a piece of any size; return the parts which are whole now."""
        self._text += text
        parts = list(self._cut())
        if _CLOSED.search(self._text):
            parts += self.finish()
        return parts

    def finish(self) -> list[str]:
        """Return what is left."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []

    def _cut(self) -> list[str]:
        parts: list[str] = []
        while True:
            found = _ENDS.search(self._text, MIN_CHARS, MAX_CHARS)
            if found is not None:
                at = found.end()
            elif len(self._text) > MAX_CHARS:
                at = self._breath()
            else:
                return parts
            part, self._text = self._text[:at].strip(), self._text[at:].lstrip()
            if part:
                parts.append(part)

    def _breath(self) -> int:
        """Return the last good place before the limit."""
        commas = blanks = 0
        for found in _BREATHS.finditer(self._text, MIN_CHARS, MAX_CHARS):
            if found.group().isspace():
                blanks = found.end()
            else:
                commas = found.end()
        return commas or blanks or MAX_CHARS
