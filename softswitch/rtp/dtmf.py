"""Telephone keys as RTP events (RFC 4733), both ways.

Receiving: an event is known by its RTP timestamp, which all its packets share. The marker, the E bit and the duration
may be lost, repeated or wrong; a timestamp that was not seen before is a press, one that was seen is not.

Sending: one packet every 20 ms in place of the sound, all with the timestamp at which the key went down, the first with
the marker, the duration growing; the last packet three times (section 2.5.1.4). The clock of the sound runs on.
"""

import struct
from collections import deque
from typing import NamedTuple

from softswitch.errors import LocalError
from softswitch.rtp.packet import TIMESTAMP_MASK

KEYS = "0123456789*#ABCD"
#: Clock ticks of one 20 ms step at 8 kHz.
STEP = 160
#: RFC 4733 section 2.5.1.3: a segment of a longer event ends at this duration.
MAX_DURATION = 0xFFFF
#: RFC 4733 section 2.5.1.4.
END_REPEATS = 3
#: Presses remembered, so that a packet that was overtaken by the next key is not heard again. A second has about ten.
REMEMBERED = 16
#: Digits waiting to be sent: some minutes of them; no honest string is longer.
MAX_WAITING = 1024
#: Shortest tone and pause that receivers must recognise (ITU-T Q.24: 40 ms), and a press that fits one segment.
MIN_ON_MS, MAX_ON_MS, MIN_OFF_MS = 40, 8000, 40

_EVENT = struct.Struct("!BBH")
_HALF = 0x80000000
#: A segment may end one packet before the largest duration: up to 128 ms in senders of long packets.
_SEGMENT_SLACK = 1024
_END = 0x80
#: -10 dBm0, the level most senders use (RFC 4733 section 2.3.3: the power, sign dropped).
_VOLUME = 10


class EventReceiver:
    """Turns event packets of one source into presses, each once."""

    __slots__ = ("_key", "_timestamp", "_duration", "_ended", "_seen")

    def __init__(self) -> None:
        self._key = -1
        self._timestamp = 0
        self._duration = 0
        self._ended = True
        self._seen: deque[int] = deque(maxlen=REMEMBERED)

    def hear(self, timestamp: int, payload: bytes, *, marker: bool = False) -> str | None:
        """Return the key if this packet is the first that is seen of its press, else None. Never raises."""
        if len(payload) < 4:
            return None
        key, flags, duration = _EVENT.unpack_from(payload)
        if key >= len(KEYS):
            return None
        if timestamp in self._seen:
            if timestamp == self._timestamp:
                self._duration = max(self._duration, duration)
                self._ended = self._ended or bool(flags & _END)
            return None
        continued = self._continues(key, timestamp, duration, marker)
        self._seen.append(timestamp)
        if (timestamp - self._timestamp) & TIMESTAMP_MASK < _HALF or self._key < 0:
            self._key, self._timestamp, self._duration = key, timestamp, duration
            self._ended = bool(flags & _END)
        return None if continued else KEYS[key]

    def _continues(self, key: int, timestamp: int, duration: int, marker: bool) -> bool:
        """Tell whether a new timestamp is still the press before."""
        if key != self._key or self._ended or marker:
            return False
        passed = (timestamp - self._timestamp) & TIMESTAMP_MASK
        if MAX_DURATION - _SEGMENT_SLACK <= passed <= MAX_DURATION + _SEGMENT_SLACK:
            # Section 2.5.1.3: the next segment of a long press begins where the one before reached its largest
            # duration; a second press that falls there to the tick after more than 8 s would carry the marker.
            return self._duration > MAX_DURATION // 2
        # Some senders move the timestamp on with every packet: the packet then overlaps the one before it.
        return passed < duration and duration > self._duration


class _Press(NamedTuple):
    key: int
    on_steps: int
    off_steps: int


class EventSender:
    """Presses keys one after the other; asked for a packet every 20 ms."""

    __slots__ = ("_waiting", "_press", "_step", "_timestamp", "_units")

    def __init__(self, units: int = STEP) -> None:
        """units: of the clock of the events in 20 ms."""
        self._units = units
        self._waiting: deque[_Press] = deque()
        self._press: _Press | None = None
        self._step = 0
        self._timestamp = 0

    @property
    def busy(self) -> bool:
        """True from the first digit given until the pause after the last one is over."""
        return self._press is not None or bool(self._waiting)

    def send(self, digits: str, *, on_ms: int = 100, off_ms: int = 80) -> None:
        """Queue `digits`; lengths are rounded to 20 ms. Raises LocalError for what is no key, and over the limit."""
        if not MIN_ON_MS <= on_ms <= MAX_ON_MS or off_ms < MIN_OFF_MS:
            raise LocalError(f"a key of {on_ms} ms with {off_ms} ms after it cannot be told apart")
        keys = [KEYS.find(digit) for digit in digits.upper()]
        if -1 in keys:
            raise LocalError(f"{digits!r} has more than the keys {KEYS}")
        if len(keys) + len(self._waiting) > MAX_WAITING:
            raise LocalError(f"more than {MAX_WAITING} keys waiting")
        # The repeated end packets need two steps after the tone.
        on_steps, off_steps = round(on_ms / 20), max(round(off_ms / 20), END_REPEATS - 1)
        self._waiting.extend(_Press(key, on_steps, off_steps) for key in keys)

    def stop(self) -> None:
        """Forget the keys that have not begun."""
        self._waiting.clear()

    def step(self, timestamp: int) -> tuple[bool, int, bytes] | None:
        """Return (marker, timestamp, payload) of the packet for the 20 ms that begin at `timestamp`.

        None: nothing is sent for these 20 ms, because this is the pause after a key.
        """
        press = self._press
        if press is None:
            press = self._press = self._waiting.popleft()
            self._step, self._timestamp = 0, timestamp
        self._step = step = self._step + 1
        last = press.on_steps + END_REPEATS - 1
        if step >= press.on_steps + press.off_steps:
            self._press = None
        if step > last:
            return None
        duration = min(min(step, press.on_steps) * self._units, MAX_DURATION)
        end = _END if step >= press.on_steps else 0
        return step == 1, self._timestamp, _EVENT.pack(press.key, end | _VOLUME, duration)
