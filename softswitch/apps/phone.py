"""A telephone with a script in its hand: speaks, listens for the other side's voice, presses keys, notes when.

It is a `Voice`, so whatever can be bridged can be called with it; the script is ordinary async code that awaits what
the phone hears. All times are those of frames, so what it measures is what a person at this end would have heard.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from softswitch import clock
from softswitch.audio.frame import SILENCE, Frame

#: Ten minutes of speech: more than any script says at once.
MAX_WAITING_FRAMES = 10 * 60 * 50
#: Silence inside a word or between two of them is shorter than this.
WORD_GAP_SECONDS = 0.3


class NotHeard(Exception):
    """What the script waited for did not come in time; the message says what that was."""


@dataclass(slots=True)
class _Waiter:
    """One thing the script waits for."""

    come: Callable[[], bool]
    future: asyncio.Future[float]


class Phone:
    """One scripted telephone.

    voice_began: when the other side's present (or last) stretch of speech began, None before it spoke at all.
    voice_seen: when its last voiced frame came. spoke_until: when our own last frame was sent.
    """

    def __init__(self, now: Callable[[], float] = clock.now, *, tape: list[tuple[Frame, Frame]] | None = None) -> None:
        """tape: where (said, heard) of each tick is kept, for whoever wants to listen to it later."""
        self.voice_began: float | None = None
        self.voice_seen: float | None = None
        self.spoke_until: float | None = None
        self.stretches = 0
        self._now = now
        self._waiting: deque[Frame] = deque()
        self._waiters: list[_Waiter] = []
        self._voiced_run = 0
        self._tape = tape
        self._heard = SILENCE

    def take(self) -> Frame | None:
        """Say the next 20 ms."""
        frame = self._waiting.popleft() if self._waiting else None
        if frame is not None:
            self.spoke_until = self._now()
        if self._tape is not None and len(self._tape) < MAX_WAITING_FRAMES:
            self._tape.append((frame or SILENCE, self._heard))
        return frame

    def give(self, frame: Frame) -> None:
        """Hear 20 ms."""
        now = self._now()
        self._heard = frame
        if frame.voiced:
            self._voiced_run += 1
            if self.voice_seen is None or now - self.voice_seen > WORD_GAP_SECONDS:
                self.voice_began = now
                self.stretches += 1
            self.voice_seen = now
        else:
            self._voiced_run = 0
        for waiter in self._waiters:
            if not waiter.future.done() and waiter.come():
                waiter.future.set_result(now)

    def say(self, frames: Iterable[Frame]) -> None:
        """Begin to speak, after what is still being said."""
        room = MAX_WAITING_FRAMES - len(self._waiting)
        self._waiting.extend(list(frames)[:room])

    async def said(self, within: float = 60.0) -> float:
        """Wait until everything was said; return when the last frame went out."""
        return await self._until(lambda: not self._waiting, within, "to finish speaking")

    async def voice(self, *, after: float, within: float = 10.0) -> float:
        """Wait until the other side begins to speak after `after`; return when it did."""

        def come() -> bool:
            return self.voice_began is not None and self.voice_began > after and self._voiced_run >= 2

        await self._until(come, within, "the other side to speak")
        return self.voice_began or 0.0

    async def silence(self, seconds: float, within: float = 30.0) -> float:
        """Wait until the other side, having spoken, has been silent for `seconds`."""

        def come() -> bool:
            return self.voice_seen is not None and self._now() - self.voice_seen >= seconds

        return await self._until(come, within, "the other side to finish")

    async def quiet_from(self, moment: float, within: float = 10.0) -> float:
        """Wait until the other side, interrupted at `moment`, is silent; return when its last voiced frame came."""

        def come() -> bool:
            return self.voice_seen is None or self._now() - self.voice_seen >= WORD_GAP_SECONDS

        await self._until(come, within, "the other side to stop")
        return max(moment, self.voice_seen or moment)

    async def _until(self, come: Callable[[], bool], within: float, what: str) -> float:
        waiter = _Waiter(come, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(within):
                return await waiter.future
        except TimeoutError:
            raise NotHeard(f"waited {within:g} s for {what}") from None
        finally:
            self._waiters.remove(waiter)
