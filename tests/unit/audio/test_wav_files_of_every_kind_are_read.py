"""PCM of 8 to 32 bits, float, G.711, extensible, stereo, any rate, and chunks nobody knows."""

import audioop
import struct
from pathlib import Path

import numpy as np
import pytest

from softswitch.audio import wav
from softswitch.audio.frame import FRAME_BYTES

SOUND = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
PCM = np.rint(SOUND * 32767).astype("<i2").tobytes()
EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def file(body: bytes, code: int, bits: int, *, rate_hz: int = 8000, channels: int = 1, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * block, block, bits) + extra
    chunks = b"fmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def three_octets(samples: np.ndarray) -> bytes:
    whole = np.rint(samples * 8_388_607).astype("<i4")
    return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


WIDTHS = {
    "8 bit": (file(np.rint(SOUND * 127 + 128).astype(np.uint8).tobytes(), 1, 8), 256),
    "16 bit": (file(PCM, 1, 16), 0),
    "24 bit": (file(three_octets(SOUND), 1, 24), 1),
    "32 bit": (file(np.rint(SOUND * 2_147_483_000).astype("<i4").tobytes(), 1, 32), 1),
    "float": (file(SOUND.astype("<f4").tobytes(), 3, 32), 1),
    "A-law": (file(audioop.lin2alaw(PCM, 2), 6, 8), 520),
    "µ-law": (file(audioop.lin2ulaw(PCM, 2), 7, 8), 520),
    "extensible": (file(PCM, 0xFFFE, 16, extra=struct.pack("<HHIH", 22, 16, 4, 1) + EXTENSIBLE_TAIL), 0),
    "fmt with an empty extension": (file(PCM, 1, 16, extra=b"\0\0"), 0),
}


@pytest.mark.parametrize("kind", WIDTHS)
def test_every_width_gives_the_same_sound(kind: str) -> None:
    data, error = WIDTHS[kind]
    heard = np.frombuffer(wav.parse(data, "x.wav"), dtype="<i2")
    assert len(heard) == 8000
    assert np.abs(heard - SOUND * 32767).max() <= error + 1


def test_channels_are_mixed_to_one() -> None:
    both = np.stack((np.rint(SOUND * 32767), np.zeros(8000)), axis=1).astype("<i2").tobytes()
    heard = np.frombuffer(wav.parse(file(both, 1, 16, channels=2), "x.wav"), dtype="<i2")
    assert np.abs(heard - SOUND * 32767 / 2).max() <= 1


@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_every_rate_gives_the_same_sound(rate_hz: int) -> None:
    other = np.rint(0.5 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz) * 32767).astype("<i2")
    heard = np.frombuffer(wav.parse(file(other.tobytes(), 1, 16, rate_hz=rate_hz), "x.wav"), dtype="<i2")
    assert len(heard) == 8000
    assert np.abs(heard - SOUND * 32767)[100:-100].max() <= 20


def test_unknown_chunks_are_passed_over() -> None:
    data = WIDTHS["16 bit"][0]
    odd = b"LIST" + struct.pack("<I", 5) + b"INFOx" + b"\0" + b"fact" + struct.pack("<I", 4) + b"\0\0\0\0"
    assert wav.parse(data[:12] + odd + data[12:] + odd, "x.wav") == PCM


def test_a_writer_that_did_not_know_the_length_is_understood() -> None:
    data = WIDTHS["16 bit"][0]
    for unknown in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
        assert wav.parse(b"RIFF" + unknown + data[8:40] + unknown + data[44:], "x.wav") == PCM


def test_a_cut_off_file_gives_the_sound_it_has() -> None:
    assert wav.parse(WIDTHS["16 bit"][0][:-4001], "x.wav") == PCM[:-4002]


def test_what_was_written_is_read_as_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    wav.write(path, PCM[:1000])
    frames = wav.read(path)
    assert [len(frame.pcm) for frame in frames] == [FRAME_BYTES] * 4
    assert wav.joined(frames) == PCM[:1000] + bytes(280)
    wide = wav.read(path, rate_hz=16_000)
    assert {(len(frame.pcm), frame.rate_hz) for frame in wide} == {(640, 16_000)}
