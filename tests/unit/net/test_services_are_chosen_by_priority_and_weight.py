"""RFC 2782, "Usage rules": the lower priority first, within it a weighted choice, weight 0 nearly never first."""

import random
from collections import Counter

from softswitch.net.resolve import Service, in_order


def service(name: str, priority: int, weight: int) -> Service:
    return Service("udp", priority, weight, name, 5060)


def test_a_lower_priority_comes_first_whatever_the_weights() -> None:
    services = [service("last", 30, 65535), service("first", 10, 0), service("second", 20, 1)]
    for drawn in (0.0, 0.5, 0.999):
        assert [one.name for one in in_order(services, lambda drawn=drawn: drawn)] == ["first", "second", "last"]


def test_weights_share_the_calls() -> None:
    services = [service("one", 10, 10), service("six", 10, 60), service("three", 10, 30)]
    source = random.Random(1)
    firsts = Counter(next(in_order(services, source.random)).name for _ in range(10_000))
    for name, share in (("one", 0.1), ("six", 0.6), ("three", 0.3)):
        assert abs(firsts[name] / 10_000 - share) < 0.02


def test_weight_0_is_drawn_with_the_lowest_number_only() -> None:
    services = [service("some", 10, 5), service("none", 10, 0)]
    assert next(in_order(services, lambda: 0.0)).name == "none"
    assert next(in_order(services, lambda: 0.01)).name == "some"


def test_every_service_comes_exactly_once() -> None:
    services = [service(f"s{number}", number % 3, number % 4) for number in range(20)]
    source = random.Random(2)
    for _ in range(50):
        assert sorted(one.name for one in in_order(services, source.random)) == sorted(one.name for one in services)
