"""Every test of this folder uses real sockets and real time on loopback."""

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from softswitch.net import loop

#: A test that waits for what never comes fails after this; a signal does not reach into uvloop.
LIMIT_SECONDS = 15.0


@pytest.fixture(params=[loop.new_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[None, None, None]], None]:
    """Run a test on each kind of event loop; what it left behind (a task, an unclosed transport) fails it."""

    def on_loop(main: Coroutine[None, None, None]) -> None:
        complaints: list[dict[str, object]] = []
        # collected, not raised: a warning raised while uvloop closes keeps it from ever ending
        with warnings.catch_warnings(record=True) as unclosed:
            warnings.simplefilter("always", ResourceWarning)
            with asyncio.Runner(loop_factory=request.param) as runner:
                runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
                runner.run(asyncio.wait_for(main, LIMIT_SECONDS))
                assert asyncio.all_tasks(runner.get_loop()) == set()
            gc.collect()
        assert complaints == []
        assert [str(warning.message) for warning in unclosed] == []

    return on_loop


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until a condition holds, five seconds at most."""

    async def condition_holds(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what is watched knows no events
                await asyncio.sleep(0.01)

    return condition_holds
