"""An unreadable prompt is named, with what to do; no traceback, whatever the file holds."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.audio import wav
from softswitch.errors import ResourceError


def layout(code: int = 1, channels: int = 1, rate_hz: int = 8000, bits: int = 16) -> bytes:
    fields = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * 2, 2, bits)
    return b"fmt " + struct.pack("<I", len(fields)) + fields


DATA = b"data" + struct.pack("<I", 8) + b"\1\0" * 4
FAULTS = {
    "is not a WAV file": b"ID3\x04 this is an MP3",
    "has no sound in it": b"RIFF\x10\0\0\0WAVE" + layout(),
    "has no sound in it: it is empty": b"RIFF\x10\0\0\0WAVE" + layout() + b"data\0\0\0\0LIST\x02\0\0\0ab",
    "has its sound before its format": b"RIFF\x10\0\0\0WAVE" + DATA,
    "has a format of only 4 octets": b"RIFF\x10\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0" + DATA,
    "is in format 0x0055 with 0 bits": b"RIFF\x10\0\0\0WAVE" + layout(code=0x55, bits=0) + DATA,
    "is in format 0x0001 with 12 bits": b"RIFF\x10\0\0\0WAVE" + layout(bits=12) + DATA,
    "has 0 channels": b"RIFF\x10\0\0\0WAVE" + layout(channels=0) + DATA,
    "has 3999 samples a second": b"RIFF\x10\0\0\0WAVE" + layout(rate_hz=3999) + DATA,
}


@pytest.mark.parametrize("sentence", FAULTS)
def test_a_broken_file_is_named_with_its_fault(tmp_path: Path, sentence: str) -> None:
    path = tmp_path / "greeting.wav"
    path.write_bytes(FAULTS[sentence])
    with pytest.raises(ResourceError) as error:
        wav.read(path)
    assert str(error.value).startswith(f"sound file {path} {sentence}")


def test_a_file_that_is_not_there_or_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"missing\.wav does not exist"):
        wav.read(tmp_path / "missing.wav")
    with pytest.raises(ResourceError, match="is not a file"):
        wav.read(tmp_path)
    with pytest.raises(ResourceError, match=r"out\.wav cannot be written: No such file or directory"):
        wav.write(tmp_path / "nowhere" / "out.wav", b"")


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.truncate(wav.MAX_FILE_BYTES + 1)
    with pytest.raises(ResourceError, match="larger than 32 MiB"):
        wav.read(path)


HEADER = st.builds(
    layout,
    code=st.sampled_from([1, 3, 6, 7, 0xFFFE, 2]),
    channels=st.integers(0, 9),
    rate_hz=st.sampled_from([0, 4000, 8000, 8001, 44_100, 191_999, 2**32 // 4]),
    bits=st.sampled_from([0, 8, 16, 24, 32, 64]),
)
CHUNK = st.one_of(
    HEADER, st.just(DATA), st.builds(lambda tail: b"data\x40\0\0\0" + tail, st.binary(max_size=64)), st.binary()
)


@settings(max_examples=150, deadline=None)
@given(st.lists(CHUNK, max_size=4), st.booleans())
def test_any_octets_give_sound_or_a_sentence(chunks: list[bytes], riff: bool) -> None:
    try:
        pcm = wav.parse((b"RIFF\0\0\0\0WAVE" if riff else b"") + b"".join(chunks), "fuzz.wav")
    except ResourceError as error:
        assert "fuzz.wav" in str(error)
    else:
        assert pcm and len(pcm) % 2 == 0
