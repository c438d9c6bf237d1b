"""The token bucket of max_cps, in virtual time."""

import pytest

from softswitch.legs.trunk import TokenBucket


@pytest.mark.parametrize("rate", [0.5, 1.0, 5.0, 100.0])
def test_no_more_than_the_rate_in_an_hour(rate: float) -> None:
    bucket = TokenBucket(rate)
    step = 1 / (rate * 10)
    taken = sum(bucket.take(now=1000 + number * step) for number in range(int(3600 / step)))
    assert rate * 3600 <= taken <= rate * 3600 + max(1.0, rate)


def test_a_second_of_calls_may_come_at_once() -> None:
    bucket = TokenBucket(5.0)
    assert [bucket.take(now=0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert bucket.take(now=0.2)
    assert not bucket.take(now=0.2)


def test_a_rate_below_one_still_lets_one_call_through() -> None:
    bucket = TokenBucket(0.1)
    assert bucket.take(now=0.0)
    assert not bucket.take(now=9.9)
    assert bucket.take(now=10.0)


def test_a_long_rest_saves_up_no_more_than_a_second() -> None:
    bucket = TokenBucket(3.0)
    for _ in range(3):
        bucket.take(now=0.0)
    assert [bucket.take(now=86400.0) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1.0)
    assert bucket.take(now=100.0)
    assert not bucket.take(now=50.0)
    assert not bucket.take(now=50.5)
    assert bucket.take(now=51.0)
