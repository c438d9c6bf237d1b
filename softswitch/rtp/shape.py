"""What a stream must know of a codec to carry its sound unheard: its clock, and how octets and time belong together."""

from collections.abc import Callable
from typing import Final, NamedTuple

from softswitch.rtp.law import LAWS

#: Opus: units of its clock (RFC 7587 section 4.1) in the frames of each configuration (RFC 6716 table 2).
_OPUS_FRAMES: Final = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
#: The most that one Opus packet may hold (RFC 6716 section 3.2.5), 120 ms.
MAX_OPUS_UNITS: Final = 5760


class Shape(NamedTuple):
    """How one codec lies in packets.

    clock_hz: of RTP timestamps. units: of that clock in 20 ms. octets: of 20 ms, 0 where packets cannot be divided.
    fill: the octet of silence. quiet: every octet that is nearly silence, where one can tell. length: units of one
    packet that cannot be divided, 0 for one that is broken.
    """

    clock_hz: int
    units: int
    octets: int
    fill: int = 0
    quiet: bytes = b""
    length: Callable[[bytes], int] | None = None


def opus_units(payload: bytes) -> int:
    """Return the length of an Opus packet in units of 48 kHz (RFC 6716 section 3.1); 0 where it is none."""
    if not payload:
        return 0
    code = payload[0] & 3
    count = (1, 2, 2)[code] if code < 3 else (payload[1] & 63 if len(payload) > 1 else 0)
    units = count * _OPUS_FRAMES[payload[0] >> 3]
    return units if units <= MAX_OPUS_UNITS else 0


_LAWS = {name: Shape(8000, 160, 160, law.fill, law.quiet) for name, law in LAWS.items()}

#: By the name a codec has in agreements.
SHAPES: Final = _LAWS | {
    "G722": Shape(8000, 160, 160, 0xFA),  # its clock is half its rate (RFC 3551 section 4.5.2)
    "L16": Shape(16000, 320, 640),
    "L16/8000": Shape(8000, 160, 320),
    "opus": Shape(48000, 960, 0, length=opus_units),
    "G729": Shape(8000, 160, 20),
}
