"""The loop is blocked for 300 ms: each seat is called once for it, and the clock is in step again."""

import asyncio
import time

import pytest

from softswitch.net import loop, wake
from softswitch.net.ticker import Ticker


@pytest.mark.parametrize("exact", [True, False], ids=["timer descriptor", "loop timer"])
@pytest.mark.parametrize("new_loop", [loop.new_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_the_clock_recovers_from_a_blocked_loop(new_loop, exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    if not exact:
        monkeypatch.setattr("softswitch.net.ticker.wake", wake.LoopTimer)
    calls: list[list[float]] = [[] for _ in range(40)]

    async def main() -> None:
        ticker = Ticker()
        for own in calls:
            ticker.join(own.append)
        ticker.start()
        await asyncio.sleep(0.2)
        time.sleep(0.3)  # noqa: ASYNC251 - the very thing under test
        await asyncio.sleep(0.2)
        ticker.close()
        assert ticker.skipped >= 40 * 12
        assert ticker.late_ms.max_ms >= 270

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    for own in calls:
        assert 15 <= len(own) <= 24
        gaps = sorted(later - earlier for earlier, later in zip(own, own[1:], strict=False))
        assert gaps[-1] >= 0.27
        assert sum(gap < 0.0005 for gap in gaps) <= 2  # never a burst
