"""Coders of libav (FFmpeg) through PyAV, as plain functions of 20 ms. Imported only where a call needs one."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import av
import av.error

from softswitch.errors import RemoteError


def _context(name: str, mode: Literal["r", "w"]) -> Any:
    """Return a context of sound: what PyAV makes is declared without what kind it is."""
    return av.CodecContext.create(name, mode)


_NONE: Final[Mapping[str, str]] = {}


class Encoder:
    """Codes 16-bit mono samples of one rate. Has memory."""

    __slots__ = ("_coder", "_rate_hz")

    def __init__(self, name: str, rate_hz: int, *, bit_rate: int = 0, options: Mapping[str, str] = _NONE) -> None:
        coder = _context(name, "w")
        coder.sample_rate, coder.format, coder.layout = rate_hz, "s16", "mono"
        if bit_rate:
            coder.bit_rate = bit_rate
        coder.options = dict(options)
        coder.open()
        self._coder, self._rate_hz = coder, rate_hz

    def __call__(self, pcm: bytes) -> bytes:
        """Return 20 ms as coded sound."""
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = self._rate_hz
        frame.planes[0].update(pcm)
        return b"".join([bytes(packet) for packet in self._coder.encode(frame)])


class Decoder:
    """Decodes to 16-bit mono samples of one rate. Has memory."""

    __slots__ = ("_coder",)

    def __init__(self, name: str, rate_hz: int) -> None:
        coder = _context(name, "r")
        coder.sample_rate, coder.layout = rate_hz, "mono"
        self._coder = coder

    def __call__(self, octets: bytes) -> bytes:
        """Return the sound of a packet; raise RemoteError for one that is broken."""
        try:
            frames = self._coder.decode(av.Packet(octets))
        except av.error.FFmpegError as error:
            raise RemoteError(f"a packet of {len(octets)} octets is no sound: {error}", kind="codec") from error
        return b"".join([bytes(frame.planes[0])[: frame.samples * 2] for frame in frames])
