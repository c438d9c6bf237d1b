"""read_digits ends at its end key, at its maximum, or when no key came for a while; never earlier."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.leg import Held


@pytest.mark.parametrize(
    ("keys", "wait", "result"),
    [("12#", 0, "12"), ("1234", 0, "123"), ("12", 7, "12"), ("", 7, ""), ("#", 0, "")],
)
def test_what_is_read(with_steps: Callable[..., Any], keys: str, wait: float, result: str) -> None:
    played = with_steps("[answer, {read_digits: {into: code, max: 3, between: 6}}, {reject: 603}]")
    played.press(keys)
    played.pass_time(wait)
    assert played.record.variables == {"code": result}


def test_each_key_begins_the_pause_anew_and_other_events_do_not_end_it(with_steps: Callable[..., Any]) -> None:
    played = with_steps("[answer, {read_digits: {max: 9, between: 6}}, {reject: 603}]")
    for digit in "123":
        played.press(digit)
        played.pass_time(5)
        played.tell("a", Held(True))
    assert not played.call.finished
    played.pass_time(6.1)
    assert played.record.variables == {"digits": "123"}
