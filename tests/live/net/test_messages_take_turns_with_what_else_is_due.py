"""A burst of messages that each take a millisecond leaves the loop to others every few of them, and keeps its order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from softswitch.net import turns
from softswitch.net.turns import TURN_SECONDS, Turns
from softswitch.sip.flow import Flow

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
FLOW = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.2", 5060))


def busy(milliseconds: float) -> None:
    until = time.monotonic() + milliseconds / 1000
    while time.monotonic() < until:
        pass


def test_the_loop_is_free_in_between(run: Run, until: Until) -> None:
    async def main() -> None:
        handled: list[bytes] = []
        since = [time.monotonic()]
        longest = 0.0

        def others() -> None:
            nonlocal longest
            now = time.monotonic()
            longest, since[0] = max(longest, now - since[0]), now
            if len(handled) < 200:
                asyncio.get_running_loop().call_soon(others)

        def handle(data: bytes, _flow: Flow) -> None:
            busy(1.0)
            handled.append(data)

        made = Turns(handle)
        others()
        for number in range(200):
            made.message(b"%d" % number, FLOW)
        await until(lambda: len(handled) == 200)
        assert handled == [b"%d" % number for number in range(200)]
        assert longest < 10 * TURN_SECONDS, f"held for {longest * 1000:.1f} ms"
        await asyncio.sleep(0.01)
        made.message(b"at once", FLOW)
        assert handled[-1] == b"at once"

    run(main())


def test_what_waits_is_bounded(run: Run, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MAX_WAITING", 10)
    monkeypatch.setattr(turns, "MAX_WAITING_BYTES", 500)

    async def main() -> None:
        handled: list[bytes] = []

        def handle(data: bytes, _flow: Flow) -> None:
            busy(2 * TURN_SECONDS * 1000)
            handled.append(data)

        made = Turns(handle)
        for _ in range(20):
            made.message(b"x", FLOW)
        assert (len(made), made.lost) == (10, 9)
        await until(lambda: len(handled) == 11)
        await asyncio.sleep(0.01)
        for _ in range(10):
            made.message(b"x" * 200, FLOW)
        assert (len(made), made.lost) == (2, 16)
        made.close()
        assert len(made) == 0

    run(main())
