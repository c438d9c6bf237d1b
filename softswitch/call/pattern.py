"""Patterns of numbers, in the notation of the field: for rules of the dialplan and of caller IDs.

A pattern begins with `_`: `X` any digit, `N` 2-9, `Z` 1-9, `[13-5]` one of these, `.` one or more of anything, at the
end. Without `_` it is one exact number.
"""

import re

_CLASSES = {"X": "[0-9]", "N": "[2-9]", "Z": "[1-9]", ".": ".+"}


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression of a number or a `_` pattern; ValueError with a sentence when it is neither."""
    if not text.startswith("_"):
        return re.compile(re.escape(text))
    expression, position, body = "", 0, text[1:]
    while position < len(body):
        char = body[position]
        if char == "[":
            end = body.find("]", position)
            if end < 0 or not re.fullmatch(r"[0-9*#+-]+", body[position + 1 : end]):
                raise ValueError(f"pattern {text!r} has a broken [...] group: write digits and ranges, as in [13-5]")
            expression += body[position : end + 1]
            position = end + 1
            continue
        if char == "." and position != len(body) - 1:
            raise ValueError(f"pattern {text!r} has a '.' that is not at its end")
        expression += _CLASSES.get(char, re.escape(char))
        position += 1
    if not expression:
        raise ValueError("an empty pattern matches nothing")
    try:
        return re.compile(expression)
    except re.error as error:
        raise ValueError(f"pattern {text!r} is broken: {error}; write digits and ranges, as in [13-5]") from None
