"""What is on the disk is what was said, and where the disk refuses the record says so: no call waits for a file."""

import asyncio
import errno
import os
import resource
import stat
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softswitch.apps.recording_file import PlainSink, SoundFile, Wav
from softswitch.apps.recordings import MAX_WAITING_FRAMES, Recordings
from softswitch.apps.shelf import take_out
from softswitch.audio.frame import Frame
from softswitch.call.tape import Strip
from softswitch.errors import ResourceError
from tests.unit.recording.conftest import Desk, sides, strips


def samples(path: Path) -> np.ndarray:
    """Return the sound of a WAV file, one row for each side, by a reader that is not ours."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        size = path.stat().st_size - 44
        assert file.getnframes() * file.getnchannels() * 2 == size, "the header does not say what is in the file"
        data = file.readframes(file.getnframes())
        return np.frombuffer(data, dtype="<i2").reshape(-1, file.getnchannels()).T


def test_a_wav_file_holds_both_sides_to_the_sample(at_desk: Callable[..., None]) -> None:
    left, right = sides(3)

    async def story(desk: Desk) -> None:
        recorded = await desk.write(*strips(left, right), Strip(75, [], []))
        assert (recorded.state, recorded.seconds, recorded.why) == ("complete", 4.5, "")
        (path,) = desk.files()
        assert path == desk.folder.parent / recorded.path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        sound = samples(path)
        assert np.array_equal(sound[:, :24000], np.vstack([left, right]))
        assert sound.shape == (2, 36000) and not sound[:, 24000:].any()

    at_desk(story)


def test_a_file_that_is_being_written_can_be_read_at_any_moment(tmp_path: Path) -> None:
    left, right = sides(3)
    file = SoundFile(PlainSink(tmp_path / "x.wav.part"), Wav(8000, 2), 8000, stereo=True)
    for second, strip in enumerate(strips(left, right), 1):
        file.write(strip)
        assert np.array_equal(samples(tmp_path / "x.wav.part"), np.vstack([left, right])[:, : second * 8000])
    file.abandon()


@pytest.fixture
def small_files() -> Any:
    """Let the kernel refuse files of more than 200 KB, as a full disk refuses them."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("key", [b"", b"k" * 32])
def test_a_disk_that_refuses_leaves_what_was_written(
    at_desk: Callable[..., None], small_files: None, key: bytes
) -> None:
    left, right = sides(10)

    async def story(desk: Desk) -> None:
        reel, told = desk.open()
        for strip in strips(left, right):
            reel.put(strip)
        recorded = await asyncio.wait_for(told, 10)  # nobody has closed it
        assert (recorded.state, recorded.seconds, recorded.why) == ("partial", 6.0, os.strerror(errno.EFBIG))
        (path,) = desk.files()
        assert path == desk.folder.parent / recorded.path
        if key:
            assert take_out(path, desk.folder / "out.wav", key) == "", "what is there is whole, and sealed"
        else:
            assert np.array_equal(samples(path), np.vstack([left, right])[:, :48000])
        reel.put(strips(left, right)[0])  # the tape may still turn
        reel.close()
        assert desk.deck.failed == 1
        again = await desk.write(*strips(left, right)[:2])
        assert again.state == "complete", "a recording that failed took the next one with it"

    at_desk(story, key=key)


def test_a_folder_that_cannot_be_made_is_said(at_desk: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def story(desk: Desk) -> None:
        recorded = await desk.write(*strips(*sides(1)))
        assert (recorded.state, recorded.path, recorded.seconds) == ("failed", "", 0.0)
        assert recorded.why == os.strerror(errno.ENOTDIR)

    at_desk(story, folder=tmp_path / "file" / "recordings")


def test_space_is_left_for_others(at_desk: Callable[..., None]) -> None:
    async def story(desk: Desk) -> None:
        try:
            recorded = await desk.write(*strips(*sides(1)))
        except ResourceError as error:  # the thread was faster, and knew it already
            assert str(error).startswith("the disk is full: ")
        else:
            assert recorded.state == "failed" and recorded.why.startswith("the disk is full: ")
        with pytest.raises(ResourceError, match="min_free_mib"):
            desk.open()
        told = []
        desk.deck.keep("call-2", [Frame(bytes(320))], told.append)
        assert told[0].state == "failed"

    at_desk(story, min_free_bytes=1 << 62)


class Stuck(Recordings):
    """A disk that does not answer until it is let go."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.let_go = threading.Event()

    def _write(self, reel: Any, strip: Strip) -> None:
        self.let_go.wait(20)
        super()._write(reel, strip)


def test_a_disk_that_is_too_slow_ends_the_recording_and_memory_stays_bounded(at_desk: Callable[..., None]) -> None:
    async def story(desk: Desk) -> None:
        assert isinstance(desk.deck, Stuck)
        reel, told = desk.open()
        for _ in range(100):
            reel.put(strips(*sides(1))[0])
        assert desk.deck.waiting_frames <= MAX_WAITING_FRAMES + 50
        desk.deck.let_go.set()
        recorded = await asyncio.wait_for(told, 10)
        assert recorded.state == "partial" and "did not keep up" in recorded.why
        assert 20.0 <= recorded.seconds <= 21.0

    at_desk(story, Stuck)


def test_what_nobody_wanted_recorded_is_taken_away(at_desk: Callable[..., None]) -> None:
    async def story(desk: Desk) -> None:
        recorded = await desk.write(*strips(*sides(2)), discard=True)
        assert (recorded.state, recorded.path) == ("refused", "")
        assert desk.files() == []

    at_desk(story)


def test_sound_of_one_party_is_kept_as_it_is(at_desk: Callable[..., None]) -> None:
    left, _ = sides(2)

    async def story(desk: Desk) -> None:
        told = asyncio.get_running_loop().create_future()
        desk.deck.keep("c", [Frame(left[at : at + 160].tobytes()) for at in range(0, 16000, 160)], told.set_result)
        recorded = await asyncio.wait_for(told, 10)
        assert np.array_equal(samples(desk.folder.parent / recorded.path), left[None])

    at_desk(story)


def test_a_switch_that_stops_finishes_its_files(at_desk: Callable[..., None]) -> None:
    left, right = sides(2)

    async def story(desk: Desk) -> None:
        reel, told = desk.open()
        for strip in strips(left, right):
            reel.put(strip)
        await desk.deck.close()
        assert told.result().state == "complete"
        assert samples(desk.files()[0]).shape == (2, 16000)

    at_desk(story)


def test_opus_is_a_tenth_of_the_size_and_keeps_both_sides_in_their_place(at_desk: Callable[..., None]) -> None:
    """Each side is a chirp of its own at a moment of its own; both are found there, to a fraction of a millisecond."""
    import av

    time = np.arange(8000) / 8000
    rising, falling = (
        (8000 * np.sin(2 * np.pi * (a * time + b * time**2))).astype("<i2") for a, b in ((300, 900), (2400, -900))
    )
    left, right = np.zeros(48000, "<i2"), np.zeros(48000, "<i2")
    left[9000:17000], right[30001:38001] = rising, falling

    async def story(desk: Desk) -> None:
        recorded = await desk.write(*strips(left, right))
        path = desk.folder.parent / recorded.path
        assert path.suffix == ".ogg" and path.stat().st_size < 192_000 / 5
        with av.open(str(path)) as file:
            heard = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)
        for side, sound, at in ((heard[0], rising, 9000), (heard[1], falling, 30001)):
            there = np.repeat(sound.astype(float), 6)  # decoders of Opus give 48 kHz
            found = int(np.argmax(np.correlate(side[::6], there[::6], "valid")))
            assert abs(found - at) <= 2, f"the sound is at sample {found}, and was said at {at}"

    at_desk(story, format="opus")
