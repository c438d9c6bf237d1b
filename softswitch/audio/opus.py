"""Opus (RFC 6716, RFC 7587) as telephones use it: mono, heard and said at 16 kHz."""

from typing import Final

from softswitch.audio.libav import Decoder, Encoder
from softswitch.audio.resample import Resampler

RATE_HZ: Final = 16000
#: Wideband speech needs no more (RFC 7587 section 3.1.1 has 16 to 20 kb/s, and the rest is for what repairs losses).
BIT_RATE: Final = 24000
#: The decoder of libav gives every sound at this rate.
_DECODED_HZ: Final = 48000
#: In each packet the one before stands again, smaller (in-band FEC), as for a wire that loses one in ten.
_OPTIONS: Final = {"application": "voip", "frame_duration": "20", "fec": "1", "packet_loss": "10"}


def encoder() -> Encoder:
    """Return a coder of 20 ms packets."""
    return Encoder("libopus", RATE_HZ, bit_rate=BIT_RATE, options=_OPTIONS)


class OpusDecoder:
    """Decodes packets of any length, stereo mixed down. Has memory."""

    __slots__ = ("_decode", "_resample")

    def __init__(self) -> None:
        self._decode = Decoder("libopus", _DECODED_HZ)
        self._resample = Resampler(_DECODED_HZ, RATE_HZ).feed

    def __call__(self, octets: bytes) -> bytes:
        """Return the sound of a packet; raise RemoteError for one that is broken."""
        return self._resample(self._decode(octets))
