"""The unit of sound: 20 ms of it.

Everything that speaks or listens on a call exchanges `Frame`s, one each way every 20 ms. A frame is made once, where
sound enters (decoder, synthesiser, file, tone), and then only passed on: nobody changes a frame he was given.
"""

from typing import Final, Protocol, runtime_checkable

#: Length of every frame. RTP packets may be longer or shorter; the stream reframes them.
FRAME_MS: Final = 20
FRAME_SECONDS: Final = 0.020
#: Frames in a second, and the sampling rate of telephone sound.
FRAMES_PER_SECOND: Final = 50
TELEPHONE_HZ: Final = 8000
#: Bytes of one telephone frame: 160 samples, signed 16 bit, little endian, mono.
FRAME_BYTES: Final = TELEPHONE_HZ * 2 // FRAMES_PER_SECOND


class Frame:
    """20 ms of mono sound: `pcm` is signed 16 bit little endian, `rate_hz * 2 // 50` bytes.

    `voiced` is the verdict of the voice activity detector where the sound entered, None where none ran. `coded` is the
    same sound as it came over the network in `codec`, empty where it came otherwise: a leg that sends in the same codec
    passes it on instead of coding it again. `key` says that a DTMF key sounds in it, which a leg that sends keys in
    another way must not send as sound too.
    Not a frozen dataclass: 50 of these are made each second for each leg, and a plain slot class costs a third.
    """

    __slots__ = ("coded", "codec", "key", "pcm", "rate_hz", "voiced")

    def __init__(
        self,
        pcm: bytes,
        rate_hz: int = TELEPHONE_HZ,
        voiced: bool | None = None,
        coded: bytes = b"",
        codec: str = "",
        key: bool = False,
    ) -> None:
        self.pcm = pcm
        self.rate_hz = rate_hz
        self.voiced = voiced
        self.coded = coded
        self.codec = codec
        self.key = key

    def __repr__(self) -> str:
        return f"Frame({len(self.pcm)} bytes, {self.rate_hz} Hz, voiced={self.voiced})"


#: 20 ms of telephone silence, given wherever `take()` returned None and the listener needs sound all the same.
SILENCE: Final = Frame(bytes(FRAME_BYTES), voiced=False)


class Voice(Protocol):
    """All that a bridge needs of a party: a leg, a prompt, a tone, a recorder."""

    def take(self) -> Frame | None:
        """Return the next 20 ms it says; None is silence."""

    def give(self, frame: Frame) -> None:
        """Take the next 20 ms it hears; never blocks, never raises."""


@runtime_checkable
class Joins(Protocol):
    """A voice that joins what it hears: it wants to know where one sound is cut off and another begins."""

    def cut(self) -> None:
        """Learn that the next frame given does not follow the last one."""


def cut(listener: Voice) -> None:
    """Tell a listener that it hears somebody else from now on, if it cares."""
    if isinstance(listener, Joins):
        listener.cut()
