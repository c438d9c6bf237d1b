"""A key that comes as an event and as a tone, in either order, is reported once; two real presses are two."""

from softswitch.legs.keys import KeyFilter


def presses(*reports: tuple[str, str, float]) -> str:
    keys = KeyFilter()
    return "".join(digit for digit, method, now in reports if keys.pressed(digit, method, now=now))


def test_event_then_tone_and_tone_then_event() -> None:
    assert presses(("5", "rfc4733", 1.0), ("5", "inband", 1.1)) == "5"
    assert presses(("5", "inband", 1.0), ("5", "rfc4733", 1.2)) == "5"


def test_the_same_key_twice_by_one_way_is_two_presses() -> None:
    assert presses(("5", "rfc4733", 1.0), ("5", "rfc4733", 1.15)) == "55"


def test_two_presses_by_two_ways_each_are_two() -> None:
    both = (("5", "rfc4733", 1.0), ("5", "inband", 1.1), ("5", "rfc4733", 1.3), ("5", "inband", 1.4))
    assert presses(*both) == "55"


def test_different_keys_are_never_one() -> None:
    assert presses(("5", "rfc4733", 1.0), ("6", "inband", 1.05)) == "56"
