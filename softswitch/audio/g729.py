"""G.729 annex A by bcg729, where the system has it: `apt install libbcg729-0`. 8 kbit/s, 10 octets for 10 ms."""

import ctypes
import functools
from typing import Any, Final

from softswitch.errors import ResourceError

LIBRARY: Final = "libbcg729.so.0"
#: Octets and samples of 10 ms.
_OCTETS: Final = 10
_SAMPLES: Final = 80


@functools.cache
def library() -> Any:
    """Return the library; raise ResourceError where there is none."""
    try:
        found = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise ResourceError(f"G.729 needs {LIBRARY}, which is not here: {error}") from error
    for name, count in (("initBcg729EncoderChannel", 1), ("initBcg729DecoderChannel", 0)):
        function = getattr(found, name)
        function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_uint8] * count
    for name in ("closeBcg729EncoderChannel", "closeBcg729DecoderChannel"):
        getattr(found, name).argtypes, getattr(found, name).restype = [ctypes.c_void_p], None
    found.bcg729Encoder.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
    found.bcg729Encoder.restype = None
    found.bcg729Decoder.argtypes = [ctypes.c_void_p, ctypes.c_char_p, *[ctypes.c_uint8] * 4, ctypes.c_char_p]
    found.bcg729Decoder.restype = None
    return found


class G729Encoder:
    """Codes 16-bit samples at 8 kHz. Has memory."""

    __slots__ = ("_channel", "_library")

    def __init__(self) -> None:
        self._library = library()
        self._channel = self._library.initBcg729EncoderChannel(0)  # annex B (pauses) is off

    def __call__(self, pcm: bytes) -> bytes:
        """Return whole pieces of 10 ms as coded sound."""
        coded = b""
        octets, length = ctypes.create_string_buffer(_OCTETS + 5), ctypes.c_uint8()
        for place in range(0, len(pcm) - 2 * _SAMPLES + 1, 2 * _SAMPLES):
            piece = pcm[place : place + 2 * _SAMPLES]
            self._library.bcg729Encoder(self._channel, piece, octets, ctypes.byref(length))
            coded += octets.raw[:_OCTETS]
        return coded

    def __del__(self) -> None:
        self._library.closeBcg729EncoderChannel(self._channel)


class G729Decoder:
    """Decodes to 16-bit samples at 8 kHz. Has memory."""

    __slots__ = ("_channel", "_library")

    def __init__(self) -> None:
        self._library = library()
        self._channel = self._library.initBcg729DecoderChannel()

    def __call__(self, octets: bytes) -> bytes:
        """Return the sound of whole pieces of 10 ms."""
        pcm = b""
        samples = ctypes.create_string_buffer(2 * _SAMPLES)
        for place in range(0, len(octets) - _OCTETS + 1, _OCTETS):
            piece = octets[place : place + _OCTETS]
            self._library.bcg729Decoder(self._channel, piece, _OCTETS, 0, 0, 0, samples)
            pcm += samples.raw
        return pcm

    def __del__(self) -> None:
        self._library.closeBcg729DecoderChannel(self._channel)
