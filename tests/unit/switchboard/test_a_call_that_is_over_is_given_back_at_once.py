"""When a call is over nothing of it waits for the collector, whatever it did: nobody holds it, nor it itself.

What holds itself stays until some hundred thousand objects were made, and then takes the time of a tick to look at.
"""

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import pytest

from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, EarlyMedia, Ended, ReferRequested, Ringing

AtWork = Callable[..., None]
RULES = """
rules:
  - {number: 1, steps: [answer, echo]}
  - {number: 2, steps: [answer, {record: {seconds: 5}}, hangup]}
  - {number: 3, steps: [{dial: {to: [a, b]}}]}
  - {number: 4, steps: [{reject: 486}]}
  - {number: 5, steps: [answer, {agent: any}]}
  - {number: 6, steps: [answer, {play: missing.wav}]}
"""
GONE = Ended(Cause.NORMAL, by_peer=True)


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    """Keep it away: what it would do must not be needed. And the tests' own log: it keeps errors, and their frames."""
    gc.disable()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    gc.enable()


async def echoed(board: Any) -> None:
    board.tick(3)
    board.legs["caller"].says(GONE)


async def recorded(board: Any) -> None:
    board.tick(3)
    board.legs["caller"].says(GONE)


async def caller_leaves_first(board: Any) -> None:
    board.legs["a"].says(EarlyMedia())
    board.legs["a"].says(Answered())
    board.tick(2)
    board.legs["caller"].says(GONE)


async def called_leaves_first(board: Any) -> None:
    board.legs["b"].says(Answered())
    board.legs["b"].says(GONE)


async def nobody_answers(board: Any) -> None:
    for name in ("a", "b"):
        board.legs[name].says(Ended(Cause.BUSY, by_peer=True))


async def refused(board: Any) -> None:
    pass


async def transferred(board: Any) -> None:
    board.legs["a"].says(Answered())
    board.legs["a"].says(ReferRequested("sip:3@our.example"))
    board.legs["b"].says(Ringing())
    board.legs["b"].says(Answered())
    board.legs["a"].says(GONE)
    board.legs["caller"].says(GONE)


async def transfer_failed(board: Any) -> None:
    [call] = board.board._calls
    done = board.board.transfer(call, "nowhere")
    assert not (await done).reached
    board.legs["caller"].says(GONE)


async def agent_leaves(board: Any) -> None:
    board.legs["agent"].says(Answered())
    board.tick(2)
    board.legs["agent"].says(GONE)


async def nothing_to_play(board: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("number", "story"),
    [
        ("1", echoed),
        ("2", recorded),
        ("3", caller_leaves_first),
        ("3", called_leaves_first),
        ("3", nobody_answers),
        ("3", transferred),
        ("4", refused),
        ("5", agent_leaves),
        ("1", transfer_failed),
        ("6", nothing_to_play),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_it_is_given_back(at_work: AtWork, number: str, story: Callable[[Any], Any]) -> None:
    async def played(board: Any) -> None:
        start, held = board.board._start, []

        def started(*given: Any) -> Any:
            live = start(*given)
            held.extend(ref(one) for one in (live.call, live.stage, live.stage.patch))
            return live

        board.board._start = started
        board.call(number)
        await story(board)
        await board.turn()
        board.legs.clear()
        assert len(board.records) == 1
        assert [one() for one in held] == [None] * 3

    at_work(RULES, played)
