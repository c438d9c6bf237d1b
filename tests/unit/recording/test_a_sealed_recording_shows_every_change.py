"""An encrypted recording opens with its key alone, and whatever is done to the file is found."""

import asyncio
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from softswitch.apps.sealed import HEAD_BYTES, Sealer, Unsealed, read_key
from softswitch.apps.shelf import shelved, take_out
from softswitch.audio import wav
from softswitch.errors import ResourceError
from tests.unit.recording.conftest import Desk, sides, strips

KEY = bytes(range(32))


def sealed(*chunks: bytes, salt: int = 1) -> bytearray:
    sealer = Sealer(KEY, bytes([salt]) * 32)
    body = b"".join([sealer.chunk(chunk) for chunk in chunks])
    return bytearray(sealer.head + sealer.seal() + body)


def opened(data: bytes) -> tuple[list[bytes], str]:
    file = Unsealed(io.BytesIO(bytes(data)), "x", KEY)
    return list(file), file.fault


def test_what_was_sealed_opens() -> None:
    assert opened(sealed(b"one", b"two", b"")) == ([b"one", b"two", b""], "")
    assert opened(sealed()) == ([], "")


def test_every_changed_octet_is_found() -> None:
    whole = sealed(b"one", b"two")
    for at in range(len(whole)):
        changed = whole.copy()
        changed[at] ^= 0x20
        try:
            assert opened(changed)[1], f"octet {at} was changed, and nobody noticed"
        except ResourceError:
            assert at < HEAD_BYTES


def test_every_cut_is_found_and_what_is_before_it_can_be_read() -> None:
    whole = sealed(b"one", b"two", b"three")
    for size in range(HEAD_BYTES, len(whole)):
        chunks, fault = opened(whole[:size])
        assert fault and chunks == [b"one", b"two", b"three"][: len(chunks)]
    assert opened(whole[: HEAD_BYTES + 23])[0] == [b"one"]


def test_chunks_cannot_be_moved_taken_out_or_brought_from_elsewhere() -> None:
    head, chunk = HEAD_BYTES, 4 + 16 + 3
    whole, other = sealed(b"one", b"two"), sealed(b"six", b"ten", salt=2)
    first, second = whole[head : head + chunk], whole[head + chunk :]
    assert opened(whole[:head] + second + first)[0] == []
    assert opened(whole[:head] + second)[0] == []
    assert opened(whole[:head] + first + first)[0] == [b"one"]
    assert opened(whole[:head] + other[head:])[0] == []
    assert "more" in opened(whole + struct.pack(">I", 20))[1] or opened(whole + struct.pack(">I", 20))[1]


def test_a_file_that_was_never_finished_is_told_from_a_whole_one() -> None:
    whole = sealed(b"one")
    whole[48:HEAD_BYTES] = bytes(24)
    chunks, fault = opened(whole)
    assert chunks == [b"one"] and "never finished" in fault


def test_another_key_is_said_by_name() -> None:
    with pytest.raises(ResourceError, match="another key"):
        Unsealed(io.BytesIO(bytes(sealed(b"one"))), "x", bytes(32))
    with pytest.raises(ResourceError, match="no encrypted|not an encrypted"):
        Unsealed(io.BytesIO(b"RIFF"), "x", KEY)


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "ab" * 31, "AAAA", "é" * 44])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="32 random octets"):
        read_key(text)


def test_a_key_is_read_in_both_ways() -> None:
    assert read_key(KEY.hex() + "\n") == KEY == read_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")


def test_an_encrypted_recording_holds_no_sound_and_gives_it_back(at_desk: Callable[..., None], tmp_path: Path) -> None:
    left, right = sides(3)

    async def story(desk: Desk) -> None:
        recorded = await desk.write(*strips(left, right))
        assert recorded.encrypted and recorded.path.endswith(".wav.enc")
        path = desk.folder.parent / recorded.path
        assert left[:20].tobytes() not in path.read_bytes() and b"RIFF" not in path.read_bytes()
        (one,) = shelved(desk.folder)
        assert (one.call, one.encrypted, one.finished) == ("call-1", True, True)
        with pytest.raises(ResourceError, match="give its key"):
            take_out(path, tmp_path / "no.wav", b"")
        assert take_out(path, tmp_path / "out.wav", KEY) == ""
        data = (tmp_path / "out.wav").read_bytes()
        assert data[:44] == wav.header(96000, channels=2)
        assert np.array_equal(np.frombuffer(data[44:], "<i2").reshape(-1, 2).T, np.vstack([left, right]))
        with pytest.raises(ResourceError, match="exists"):
            take_out(path, tmp_path / "out.wav", KEY)

    at_desk(story, key=KEY)


def test_a_damaged_recording_is_written_only_where_that_is_asked_for(
    at_desk: Callable[..., None], tmp_path: Path
) -> None:
    async def story(desk: Desk) -> None:
        recorded = await desk.write(*strips(*sides(3)))
        path = desk.folder.parent / recorded.path
        path.write_bytes(path.read_bytes()[:-100])
        assert "cut off" in take_out(path, tmp_path / "out.wav", KEY)
        assert not (tmp_path / "out.wav").exists()
        assert "cut off" in take_out(path, tmp_path / "out.wav", KEY, partial=True)
        assert len(wav.parse((tmp_path / "out.wav").read_bytes(), "out")) == 2 * 8000 * 2

    at_desk(story, key=KEY)


def test_two_files_never_share_a_key(at_desk: Callable[..., None]) -> None:
    async def story(desk: Desk) -> None:
        for _ in range(2):
            await desk.write(*strips(np.zeros(8000, "<i2"), np.zeros(8000, "<i2")))
        one, other = (path.read_bytes() for path in desk.files())
        assert one[16:48] != other[16:48] and one[HEAD_BYTES:] != other[HEAD_BYTES:]
        await asyncio.to_thread(desk.files)

    at_desk(story, key=KEY)
