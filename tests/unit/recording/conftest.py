"""Recordings into a folder of the test's own, by the real thread."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softswitch.apps.recordings import Recordings, RecordingSettings
from softswitch.call.record import Recorded
from softswitch.call.tape import Strip


def sides(seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two sounds that have nothing in common, 8 kHz."""
    noise = np.random.default_rng(7)
    return tuple(noise.integers(-8000, 8000, seconds * 8000).astype("<i2") for _ in range(2))  # type: ignore[return-value]


def strips(left: np.ndarray, right: np.ndarray) -> list[Strip]:
    """Cut both sides into strips of a second."""

    def pieces(side: np.ndarray, second: int) -> list[bytes]:
        return [side[at : at + 160].tobytes() for at in range(second * 8000, second * 8000 + 8000, 160)]

    return [Strip(50, pieces(left, second), pieces(right, second)) for second in range(len(left) // 8000)]


class Desk:
    """A writer, and what it has told."""

    def __init__(self, make: Callable[[RecordingSettings], Recordings], settings: RecordingSettings) -> None:
        self.folder = settings.folder
        self.deck = make(settings)

    def open(self) -> tuple[Any, "asyncio.Future[Recorded]"]:
        told: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        return self.deck.open("call-1", told.set_result), told

    async def write(self, *strips: Strip, discard: bool = False) -> Recorded:
        """Record these strips, and return what came of it."""
        reel, told = self.open()
        for strip in strips:
            reel.put(strip)
        reel.close(discard=discard)
        return await asyncio.wait_for(told, 10)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def at_desk(tmp_path: Path) -> Callable[..., None]:
    """Run a story with a writer whose settings differ in what is given."""

    def run(
        story: Callable[[Desk], Coroutine[Any, Any, None]],
        make: Callable[[RecordingSettings], Recordings] = Recordings,
        **changes: Any,
    ) -> None:
        async def main() -> None:
            settings = replace(RecordingSettings(tmp_path / "recordings", tmp_path), **changes)
            desk = Desk(make, settings)
            try:
                await story(desk)
            finally:
                await desk.deck.close()
            assert desk.deck.active == 0 and desk.deck.waiting_frames == 0

        asyncio.run(main())

    return run
