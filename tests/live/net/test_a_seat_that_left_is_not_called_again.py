"""Leaving and joining are possible inside a tick, and leaving holds at once."""

import asyncio

from softswitch.net import loop
from softswitch.net.ticker import Seat, Ticker


def test_a_seat_that_left_is_not_called_again() -> None:
    calls: list[str] = []

    async def main() -> None:
        ticker = Ticker()
        seats: list[Seat] = []

        def first(now: float) -> None:
            calls.append("first")
            seats[1].leave()  # in the round that is under way, before its turn
            seats[0].leave()
            ticker.join(lambda now: calls.append("third"), phase=seats[0].phase)

        seats.append(ticker.join(first))
        seats.append(ticker.join(lambda now: calls.append("second"), phase=seats[0].phase))
        assert seats[1].phase == seats[0].phase
        ticker.start()
        await asyncio.sleep(0.2)
        seats[0].leave()
        assert ticker.seats == 1
        ticker.close()
        ticker.close()

    loop.run(main())
    assert calls[0] == "first"
    assert calls.count("first") == 1
    assert "second" not in calls
    assert calls.count("third") >= 6


def test_a_clock_without_seats_does_not_wake() -> None:
    async def main() -> None:
        ticker = Ticker()
        ticker.start()
        ticker.join(lambda now: None).leave()
        await asyncio.sleep(0.1)
        assert ticker.late_ms.count <= 1
        late = ticker.join(lambda now: None)
        await asyncio.sleep(0.1)
        assert ticker.late_ms.count >= 3
        late.leave()
        seen = ticker.late_ms.count
        await asyncio.sleep(0.1)
        assert ticker.late_ms.count == seen
        ticker.close()

    loop.run(main())
