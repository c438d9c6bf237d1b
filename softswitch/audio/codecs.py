"""Codecs as rows: a name, the rate of its samples, how to open a coder and a decoder, and whether they are here.

G.711 comes from `audioop`, 0.1 to 0.4 µs a frame: a numpy table takes longer on 160 samples. G.722 and Opus come from
libav, whose import takes memory and half a second: it is imported by whoever reads settings that name one of them
(`prepare`), and by nobody else.
"""

import audioop
import functools
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from softswitch.audio.frame import FRAMES_PER_SECOND
from softswitch.errors import ResourceError

Coder = Callable[[bytes], bytes]


def _here() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to carry telephone sound.

    name: as agreements write it. rate_hz: of its samples. encoder, decoder: open one for one direction of one leg; it
    turns 20 ms of 16-bit samples into octets, or the octets of a packet back. octets: of 20 ms, 0 where their number is
    free. memory: whether the sound of a packet depends on those before. missing: says why it cannot be used on this
    machine, empty where it can.
    """

    name: str
    rate_hz: int
    encoder: Callable[[], Coder]
    decoder: Callable[[], Coder]
    octets: int
    memory: bool = True
    missing: Callable[[], str] = _here

    @property
    def samples(self) -> int:
        """Samples in 20 ms."""
        return self.rate_hz // FRAMES_PER_SECOND

    @property
    def encode(self) -> Coder:
        """Return a coder; the same one each time where it has no memory."""
        return self.encoder()

    @property
    def decode(self) -> Coder:
        """Return a decoder; the same one each time where it has no memory."""
        return self.decoder()


def _encode_ulaw(pcm: bytes) -> bytes:
    return audioop.lin2ulaw(pcm, 2)


def _decode_ulaw(octets: bytes) -> bytes:
    return audioop.ulaw2lin(octets, 2)


def _encode_alaw(pcm: bytes) -> bytes:
    return audioop.lin2alaw(pcm, 2)


def _decode_alaw(octets: bytes) -> bytes:
    return audioop.alaw2lin(octets, 2)


def _swapped(pcm: bytes) -> bytes:
    return audioop.byteswap(pcm[: len(pcm) & ~1], 2)


def _always(coder: Coder) -> Callable[[], Coder]:
    return lambda: coder


@functools.cache
def _libav() -> str:
    return "" if importlib.util.find_spec("av") else "it needs PyAV: pip install 'softswitch[opus]'"


@functools.cache
def _bcg729() -> str:
    from softswitch.audio import g729

    try:
        g729.library()
    except ResourceError:
        return f"it needs bcg729 ({g729.LIBRARY}): apt install libbcg729-0"
    return ""


def _g722_encoder() -> Coder:
    from softswitch.audio.libav import Encoder

    return Encoder("g722", 16000)


def _g722_decoder() -> Coder:
    from softswitch.audio.libav import Decoder

    return Decoder("g722", 16000)


def _opus_encoder() -> Coder:
    from softswitch.audio import opus

    return opus.encoder()


def _opus_decoder() -> Coder:
    from softswitch.audio import opus

    return opus.OpusDecoder()


def _g729_encoder() -> Coder:
    from softswitch.audio import g729

    return g729.G729Encoder()


def _g729_decoder() -> Coder:
    from softswitch.audio import g729

    return g729.G729Decoder()


PCMU: Final = Codec("PCMU", 8000, _always(_encode_ulaw), _always(_decode_ulaw), 160, memory=False)
PCMA: Final = Codec("PCMA", 8000, _always(_encode_alaw), _always(_decode_alaw), 160, memory=False)
G722: Final = Codec("G722", 16000, _g722_encoder, _g722_decoder, 160, missing=_libav)
OPUS: Final = Codec("opus", 16000, _opus_encoder, _opus_decoder, 0, missing=_libav)
G729: Final = Codec("G729", 8000, _g729_encoder, _g729_decoder, 20, missing=_bcg729)
#: Samples as they are, most significant octet first (RFC 3551 section 4.5.11).
L16: Final = Codec("L16", 16000, _always(_swapped), _always(_swapped), 640, memory=False)
L16_8000: Final = Codec("L16/8000", 8000, _always(_swapped), _always(_swapped), 320, memory=False)

#: Every codec by name.
CODECS: Final = {codec.name: codec for codec in (PCMU, PCMA, G722, OPUS, G729, L16, L16_8000)}


def usable(name: str) -> bool:
    """Return whether a codec is known, and can be used on this machine."""
    return name in CODECS and not CODECS[name].missing()


@functools.cache
def _opened(name: str) -> None:
    """Open a codec once; what it needs is loaded then."""
    CODECS[name].encoder()
    CODECS[name].decoder()


def prepare(names: Iterable[str]) -> None:
    """Load what these codecs need, where they are here: a call that did it would hold up all others for so long."""
    for name in names:
        if usable(name):
            _opened(name)
