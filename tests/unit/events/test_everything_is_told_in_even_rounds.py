"""What is told of everything there is comes in even portions, once a round, and only while somebody watches."""

import asyncio
from collections import Counter

from softswitch.events import PORTIONS, Rounds


def test_a_round_tells_of_each_thing_once_and_never_of_many_at_once() -> None:
    async def story() -> None:
        things, told = list(range(2000)), Counter[int]()
        rounds = Rounds(lambda: things, lambda one: told.update([one]), lambda: True)
        rounds.start()
        for _ in range(PORTIONS):
            before = told.total()
            rounds._beat()
            assert told.total() - before <= len(things) / PORTIONS
        assert told == Counter(things)
        for _ in range(PORTIONS):
            rounds._beat()
        assert set(told.values()) == {2}

    asyncio.run(story())


def test_nothing_is_asked_where_nobody_watches_and_it_begins_again_with_the_next_one() -> None:
    async def story() -> None:
        asked, watched = [0], [True]

        def things() -> list[str]:
            asked[0] += 1
            return ["one"]

        told: list[str] = []
        rounds = Rounds(things, told.append, lambda: watched[0])
        rounds.start()
        watched[0] = False
        rounds._beat()
        assert rounds._timer is None and asked == [0]
        watched[0] = True
        rounds.start()
        rounds._beat()
        assert told == ["one"]

    asyncio.run(story())
