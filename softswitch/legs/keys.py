"""Each key press once, whichever ways it came: RFC 4733 events, tones in the sound, INFO requests.

Peers send one press in two ways: gateways let the first milliseconds of the tone through before they mute it and send
the event, some send INFO beside it. Two reports of the same key by different methods that are this close are one press.
"""

from typing import Final

#: Longer than any path's difference between two reports of one press, shorter than two presses of one key by a person.
SAME_PRESS_SECONDS: Final = 0.4


class KeyFilter:
    """Tells a new press from another report of the last one. Pure."""

    __slots__ = ("_at", "_digit", "_method")

    def __init__(self) -> None:
        self._digit = ""
        self._method = ""
        self._at = 0.0

    def pressed(self, digit: str, method: str, *, now: float) -> bool:
        """Return whether this report is a press of its own."""
        if digit == self._digit and method != self._method and now - self._at < SAME_PRESS_SECONDS:
            return False
        self._digit, self._method, self._at = digit, method, now
        return True
