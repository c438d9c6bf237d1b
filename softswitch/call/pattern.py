"""How a dialplan names numbers and addresses: patterns of the field, and `user@host`.

A number is exact, or a pattern when it begins with `_`: `X` any digit, `N` 2-9, `Z` 1-9, `[13-5]` one of these, `.` one
or more of anything, at the end. An address is `user@host`: the user as a number is, or `*`; the host with `*` for
any part of it.
"""

import re

_CLASSES = {"X": "[0-9]", "N": "[2-9]", "Z": "[1-9]", ".": ".+"}
_HOST = re.compile(r"[A-Za-z0-9.*:_\[\]-]+")


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression of a number or a `_` pattern; ValueError with a sentence when it is neither."""
    try:
        return re.compile(_expression(text))
    except re.error as error:
        raise ValueError(f"pattern {text!r} is broken: {error}; write digits and ranges, as in [13-5]") from None


def compile_address(text: str) -> re.Pattern[str]:
    """Return the regular expression of an address, to be matched with `user@host` (IPv6 without brackets).

    The user is compared as it is written, the host in any case (RFC 3261 section 19.1.4). ValueError with a sentence.
    """
    user, at, host = text.removeprefix("sip:").rpartition("@")
    if not at or not user or not _HOST.fullmatch(host):
        raise ValueError(f"{text!r} is not an address: write user@host, with * for anything, as in sales@*.example.com")
    left = ".*" if user == "*" else _expression(user)
    right = ".*".join(re.escape(part) for part in host.strip("[]").split("*"))
    try:
        return re.compile(f"(?:{left})@(?i:{right})")
    except re.error as error:
        raise ValueError(f"address {text!r} is broken: {error}") from None


def _expression(text: str) -> str:
    if not text.startswith("_"):
        return re.escape(text)
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
    return expression
