"""So many calls of one stranger, so many of all; none while the 20 ms clock is late or messages wait."""

from collections.abc import Callable

import pytest

from softswitch.legs.strangers import MAX_BEHIND, Strangers
from softswitch.net.strain import Strain


class Clock:
    """What the ticker counts."""

    def __init__(self) -> None:
        self.count, self.sum_ms = 0, 0.0

    def serve(self, late_ms: float) -> None:
        self.count += 1000
        self.sum_ms += 1000 * late_ms


def take(strangers: Strangers, host: str) -> Callable[[], None]:
    given = strangers.take(host, now=0.0)
    assert not isinstance(given, str), given
    return given


def test_each_and_all_have_a_limit_and_places_come_back_once() -> None:
    strangers = Strangers(2, 3)
    first, _second = take(strangers, "198.51.100.7"), take(strangers, "198.51.100.7")
    assert strangers.take("198.51.100.7", now=0.0) == (
        "stranger 198.51.100.7 has 2 calls already, and guard.calls is 2"
    )
    take(strangers, "198.51.100.8")
    assert strangers.take("198.51.100.9", now=0.0) == "strangers have 3 calls already, and guard.all_calls is 3"
    first()
    first()
    assert strangers.calls == 2
    take(strangers, "198.51.100.9")
    assert isinstance(strangers.take("198.51.100.7", now=0.0), str)


def test_nothing_is_kept_of_who_has_no_call() -> None:
    strangers = Strangers(10, 10**9)
    for number in range(1000):
        take(strangers, f"10.0.{number >> 8}.{number & 255}")()
        strangers.take("::1", now=0.0)
    assert len(strangers._of) <= 1 and len(strangers._taken) <= 10


def test_addresses_of_one_ipv6_subscriber_are_one_stranger() -> None:
    strangers = Strangers(1, 10)
    take(strangers, "2001:db8::1")
    assert isinstance(strangers.take("2001:db8::2", now=0.0), str)


def test_no_stranger_begins_a_call_while_messages_wait() -> None:
    strangers = Strangers(10, 10)
    strangers.behind = lambda: MAX_BEHIND + 1
    assert "wait to be handled" in str(strangers.take("198.51.100.7", now=0.0))
    strangers.behind = lambda: MAX_BEHIND
    take(strangers, "198.51.100.7")


def test_no_stranger_begins_a_call_while_the_clock_is_late() -> None:
    strangers, clock = Strangers(10, 10), Clock()
    strangers.strain = Strain(clock, now=0.0)
    clock.serve(6.0)
    assert "clock is late" in str(strangers.take("198.51.100.7", now=1.0))
    clock.serve(1.0)
    assert not isinstance(strangers.take("198.51.100.7", now=2.0), str)


@pytest.mark.parametrize(
    ("late_ms", "high"),
    [
        ([0.1] * 5, [False] * 5),
        ([4.9, 5.1, 3.0, 2.1, 1.9, 4.9], [False, True, True, True, False, False]),
    ],
)
def test_strain_begins_high_and_ends_low(late_ms: list[float], high: list[bool]) -> None:
    clock = Clock()
    strain = Strain(clock, now=0.0)
    seen = []
    for second, late in enumerate(late_ms, 1):
        clock.serve(late)
        seen.append(strain.high(now=float(second)))
        assert strain.high(now=second + 0.5) == seen[-1], "it looks once a second"
    assert seen == high


def test_a_clock_that_serves_nobody_is_not_late() -> None:
    strain = Strain(Clock(), now=0.0)
    assert not strain.high(now=100.0)
