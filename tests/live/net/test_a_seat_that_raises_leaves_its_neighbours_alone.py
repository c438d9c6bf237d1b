"""A seat that raises is taken out and reported; those in the same phase go on, and so does the clock."""

import asyncio
import logging

import pytest

from softswitch.net import loop
from softswitch.net.ticker import Seat, Ticker


def test_a_seat_that_raises_leaves_its_neighbours_alone(caplog: pytest.LogCaptureFixture) -> None:
    before: list[float] = []
    after: list[float] = []
    faults: list[tuple[Seat, Exception]] = []

    def broken(now: float) -> None:
        raise KeyError("bug")

    async def main() -> None:
        ticker = Ticker(on_fault=lambda seat, error: faults.append((seat, error)))
        ticker.join(before.append, phase=4)
        bad = ticker.join(broken, phase=4)
        ticker.join(after.append, phase=4)
        ticker.start()
        await asyncio.sleep(0.25)
        ticker.close()
        assert [seat for seat, _ in faults] == [bad]
        assert (ticker.seats, ticker.faults) == (2, 1)

    with caplog.at_level(logging.ERROR, logger="softswitch.net"):
        loop.run(main())
    assert len(before) == len(after) >= 8
    assert [type(error) for _, error in faults] == [KeyError]
    assert len(caplog.records) == 1


def test_a_callback_that_raises_does_not_stop_the_clock() -> None:
    calls: list[float] = []

    def broken(*anything: object) -> None:
        raise ValueError

    async def main() -> None:
        ticker = Ticker(on_fault=broken)
        ticker.join(broken, phase=0)
        ticker.join(calls.append, phase=0)
        ticker.start()
        await asyncio.sleep(0.2)
        ticker.close()

    loop.run(main())
    assert len(calls) >= 6
