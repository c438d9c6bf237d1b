"""Sound files: read any plain WAV as telephone frames, play them, write them.

Reads PCM of 8, 16, 24 and 32 bits, 32-bit float and G.711, up to eight channels (mixed to one), any rate from 4 to
192 kHz, WAVE_FORMAT_EXTENSIBLE, and unknown chunks wherever they stand. Every refusal is a sentence that
names the file.
"""

import audioop
import enum
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from softswitch.audio import resample
from softswitch.audio.frame import FRAME_MS, FRAMES_PER_SECOND, TELEPHONE_HZ, Frame
from softswitch.audio.splice import spliced
from softswitch.errors import ResourceError

#: Half an hour of telephone sound, three minutes of a studio's. A longer prompt is a mistake: it is held in memory.
MAX_FILE_BYTES: Final = 32 * 1024 * 1024
#: More channels than any prompt has; a header that says more is broken.
MAX_CHANNELS: Final = 8

Samples = npt.NDArray[np.float32]


class _Code(enum.IntEnum):
    """Format codes of the `fmt ` chunk (RFC 2361)."""

    PCM = 0x0001
    FLOAT = 0x0003
    ALAW = 0x0006
    ULAW = 0x0007
    EXTENSIBLE = 0xFFFE


#: The last 14 octets of an extensible format's identifier; the first two are the format.
_SUBFORMAT_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
_WIDTHS: Final = {
    (_Code.PCM, 8),
    (_Code.PCM, 16),
    (_Code.PCM, 24),
    (_Code.PCM, 32),
    (_Code.FLOAT, 32),
    (_Code.ALAW, 8),
    (_Code.ULAW, 8),
}


def read(path: Path, *, rate_hz: int = TELEPHONE_HZ) -> list[Frame]:
    """Return a sound file as 20 ms frames, the last one filled up with silence; raise ResourceError if it is none."""
    pcm = read_pcm(path, rate_hz=rate_hz)
    size = rate_hz * 2 // FRAMES_PER_SECOND
    pcm += bytes(-len(pcm) % size)
    return [Frame(pcm[at : at + size], rate_hz) for at in range(0, len(pcm), size)]


def read_pcm(path: Path, *, rate_hz: int = TELEPHONE_HZ) -> bytes:
    """Return a sound file as 16-bit mono samples at `rate_hz`; raise ResourceError if it is none."""
    try:
        if not path.exists():
            raise ResourceError(f"sound file {path} does not exist: check the path")
        if not path.is_file():
            raise ResourceError(f"sound file {path} is not a file: give the path of a WAV file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ResourceError(f"sound file {path} is larger than {MAX_FILE_BYTES >> 20} MiB: cut it into parts")
        data = path.read_bytes()
    except OSError as error:
        raise ResourceError(f"sound file {path} cannot be read: {error.strerror}") from error
    return parse(data, str(path), rate_hz=rate_hz)


def parse(data: bytes, name: str, *, rate_hz: int = TELEPHONE_HZ) -> bytes:
    """Return the sound of a WAV file's octets as 16-bit mono samples at `rate_hz`.

    name: of the file, for the sentence of the ResourceError that says what is wrong.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ResourceError(f"sound file {name} is not a WAV file: convert it, for example `ffmpeg -i IN OUT.wav`")
    # A writer that streamed could not know how long the sound is, and says 0 or 4 GiB: what is there counts.
    streamed = data[4:8] in (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff")
    layout: _Layout | None = None
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if kind == b"fmt ":
            layout = _layout(body, name)
        elif kind == b"data":
            if layout is None:
                raise ResourceError(f"sound file {name} has its sound before its format: it is damaged")
            if pcm := _samples(data[at + 8 :] if streamed and not size else body, layout, rate_hz):
                return pcm
            break
        at += 8 + size + (size & 1)
    raise ResourceError(f"sound file {name} has no sound in it: it is empty, cut off or damaged")


def write(path: Path, pcm: bytes, *, rate_hz: int = TELEPHONE_HZ) -> None:
    """Write 16-bit mono samples as a WAV file; raise ResourceError when the disk refuses."""
    try:
        path.write_bytes(header(len(pcm), rate_hz=rate_hz) + pcm)
    except OSError as error:
        raise ResourceError(f"sound file {path} cannot be written: {error.strerror}") from error


def header(size: int, *, rate_hz: int = TELEPHONE_HZ, channels: int = 1) -> bytes:
    """Return the 44 octets that stand before `size` octets of 16-bit samples."""
    block = channels * 2
    layout = struct.pack("<HHIIHH", _Code.PCM, channels, rate_hz, rate_hz * block, block, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + layout
        + b"data"
        + struct.pack("<I", size)
    )


class Player:
    """A `Voice` that plays frames once, or round and round. Deaf."""

    __slots__ = ("_frames", "_next", "_on_end", "_repeat")

    def __init__(
        self, frames: Sequence[Frame], *, repeat: bool = False, on_end: Callable[[], None] | None = None
    ) -> None:
        """Call `on_end` once, from within the `take` that finds nothing more: the last frame has had its 20 ms."""
        self._frames = frames
        self._next = 0
        self._repeat = repeat
        self._on_end = on_end

    @property
    def played_ms(self) -> int:
        """How much of the sound was taken, in this round."""
        return self._next * FRAME_MS

    @property
    def done(self) -> bool:
        """Whether there is nothing left to take."""
        return self._next >= len(self._frames)

    def take(self) -> Frame | None:
        """Return the next 20 ms, None after the end."""
        if self._next < len(self._frames):
            frame = self._frames[self._next]
            self._next += 1
            return frame
        if self._repeat and self._frames:
            self._next = 1
            return spliced(self._frames[-1], self._frames[0])
        if (on_end := self._on_end) is not None:
            self._on_end = None
            on_end()
        return None

    def give(self, frame: Frame) -> None:
        """Hear nothing."""


def joined(frames: Iterable[Frame]) -> bytes:
    """Return the samples of frames in a row, for `write`."""
    return b"".join(frame.pcm for frame in frames)


class _Layout(NamedTuple):
    """How the samples stand in the file."""

    code: int
    channels: int
    rate_hz: int
    bits: int


def _layout(body: bytes, name: str) -> _Layout:
    if len(body) < 16:
        raise ResourceError(f"sound file {name} has a format of only {len(body)} octets: it is damaged")
    code, channels, rate_hz, _per_second, _block, bits = struct.unpack("<HHIIHH", body[:16])
    if code == _Code.EXTENSIBLE and len(body) >= 40 and body[26:40] == _SUBFORMAT_TAIL:
        code = int.from_bytes(body[24:26], "little")
    if (code, bits) not in _WIDTHS:
        raise ResourceError(
            f"sound file {name} is in format {code:#06x} with {bits} bits: only PCM of 8, 16, 24 or 32 bits, "
            "32-bit float and G.711 are read; convert it, for example `ffmpeg -i IN -c:a pcm_s16le OUT.wav`"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise ResourceError(f"sound file {name} has {channels} channels: 1 to {MAX_CHANNELS} are read")
    if not resample.MIN_HZ <= rate_hz <= resample.MAX_HZ:
        raise ResourceError(
            f"sound file {name} has {rate_hz} samples a second: {resample.MIN_HZ} to {resample.MAX_HZ} are read"
        )
    return _Layout(code, channels, rate_hz, bits)


def _samples(body: bytes, layout: _Layout, rate_hz: int) -> bytes:
    """Return the samples as 16-bit mono at `rate_hz`; what is left of a cut sample at the end is dropped."""
    block = layout.bits // 8 * layout.channels
    sound = _decoded(body[: len(body) // block * block], layout)
    if layout.channels > 1:
        sound = sound.reshape(-1, layout.channels).mean(axis=1)
    pcm = np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
    return resample.resample(pcm, layout.rate_hz, rate_hz)


def _decoded(body: bytes, layout: _Layout) -> Samples:
    """Return the samples of all channels on the 16-bit scale."""
    match layout.code, layout.bits:
        case _Code.FLOAT, _:
            full = np.frombuffer(body, dtype="<f4").astype(np.float32)
            return np.nan_to_num(np.clip(full, -1.0, 1.0)) * np.float32(32768.0)
        case _Code.ALAW, _:
            return np.frombuffer(audioop.alaw2lin(body, 2), dtype="<i2").astype(np.float32)
        case _Code.ULAW, _:
            return np.frombuffer(audioop.ulaw2lin(body, 2), dtype="<i2").astype(np.float32)
        case _, 8:
            # The only width that WAV stores without a sign.
            return (np.frombuffer(body, dtype=np.uint8).astype(np.float32) - 128.0) * 256.0
        case _, 24:
            octets = np.frombuffer(body, dtype=np.uint8).reshape(-1, 3).astype(np.int32)
            whole = octets[:, 0] | octets[:, 1] << 8 | octets[:, 2] << 16
            return ((whole ^ 0x800000) - 0x800000).astype(np.float32) / 256.0
        case _, 32:
            return np.frombuffer(body, dtype="<i4").astype(np.float32) / 65536.0
        case _:
            return np.frombuffer(body, dtype="<i2").astype(np.float32)
