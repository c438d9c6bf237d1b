"""How often sound is lost in rows is known, whatever the wire reorders, for rows are heard more than single packets."""

from typing import Any

import pytest


@pytest.mark.parametrize(("rows", "lost", "gaps"), [((100,), 1, 1), ((100, 101, 102), 3, 1), ((50, 60, 61, 90), 4, 3)])
def test_gaps_are_counted(kit: Any, rows: tuple[int, ...], lost: int, gaps: int) -> None:
    stream, talker = kit.stream(), kit.Talker()
    for number in range(200):
        packet = talker.packet()
        if number not in rows:
            stream.receive(packet, kit.PEER, number / 50, now=number / 50)
    assert (stream.stats.lost, stream.stats.gaps) == (lost, gaps)


@pytest.mark.parametrize(
    ("order", "gaps"),
    [((1, 0, 2, 3), 0), ((3, 0, 2, 1), 0), ((3, 2, 1, 0), 0), ((3, 1), 2), ((3, 2), 1), ((3, 0), 1), ((3,), 1)],
)
def test_what_comes_after_all_was_no_gap(kit: Any, order: tuple[int, ...], gaps: int) -> None:
    """Four packets in the middle come in this order; those that are not named do not come."""
    stream, talker = kit.stream(), kit.Talker()

    def even(first: int) -> None:
        for number in range(first, first + 20):
            stream.receive(talker.packet(), kit.PEER, number / 50, now=number / 50)

    even(0)
    late = [talker.packet() for _ in range(4)]
    for place in order:
        stream.receive(late[place], kit.PEER, 0.4, now=0.4)
    even(20)
    assert (stream.stats.lost, stream.stats.gaps) == (4 - len(order), gaps)
