"""Codecs as rows: a name, how to write 20 ms of samples as octets and back, and which octet is silence.

G.711 comes from `audioop`, 0.1 to 0.4 µs a frame: a numpy table takes longer on 160 samples.
"""

import audioop
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to carry telephone sound.

    name: as SDP writes it (RFC 3551 table 4). clock_hz: of its RTP timestamps, which is also its sampling rate.
    encode: 16-bit samples to octets; decode: back, for any number of octets. silence: one octet that decodes to
    (nearly) zero, to fill gaps with.
    """

    name: str
    clock_hz: int
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    silence: bytes


def _encode_ulaw(pcm: bytes) -> bytes:
    return audioop.lin2ulaw(pcm, 2)


def _decode_ulaw(octets: bytes) -> bytes:
    return audioop.ulaw2lin(octets, 2)


def _encode_alaw(pcm: bytes) -> bytes:
    return audioop.lin2alaw(pcm, 2)


def _decode_alaw(octets: bytes) -> bytes:
    return audioop.alaw2lin(octets, 2)


PCMU: Final = Codec("PCMU", 8000, _encode_ulaw, _decode_ulaw, b"\xff")
PCMA: Final = Codec("PCMA", 8000, _encode_alaw, _decode_alaw, b"\xd5")

#: Every codec by name, in the order in which we like to offer them.
CODECS: Final = {codec.name: codec for codec in (PCMU, PCMA)}
