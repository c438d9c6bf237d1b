import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

CALLS = 700
ENDS = {
    "hung up",
    "peer hung up",
    "busy",
    "refused 486",
    "cancelled",
    "refused 487",
    "cancelled too late",
    "timeout",
}


def place_calls(wire: Any, alice: Any, seed: int) -> None:
    """Let Alice call Bob in every way there is, all calls within a minute."""
    chance = random.Random(seed)
    for _ in range(CALLS):
        kind = chance.choice(("caller ends", "callee ends", "busy", "cancel", "cancel races answer", "both end"))
        answer = round(chance.uniform(0, 3), 2)
        plan: dict[str, float] = {}
        number = f"answer={answer}"
        if kind in ("caller ends", "both end"):
            plan["bye"] = chance.uniform(0, 5)
        if kind in ("callee ends", "both end"):
            number += f"&bye={chance.uniform(0, 5):.2f}"
        if kind == "busy":
            number = f"busy={answer}"
        if kind == "cancel":
            number, plan["cancel"] = "ring", chance.uniform(0, 20)
        if kind == "cancel races answer":
            plan["cancel"] = answer + chance.uniform(-0.3, 0.7)
        wire.later(chance.uniform(0, 60), alice, lambda number=number, plan=plan: alice.call(number, **plan))


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 1), (0.1, 2), (0.3, 3), (0.3, 4)])
def test_every_call_ends_on_a_lossy_wire(make_wire: Callable[..., Any], loss: float, seed: int) -> None:
    wire = make_wire(loss=loss, seed=seed)
    here, there = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
    alice, bob = wire.phone(here, there), wire.phone(there, here)
    place_calls(wire, alice, seed)
    wire.run(until=4000.0)  # a callee whose every 180 was lost rings for the whole hour

    assert len(alice.calls) == CALLS
    assert {call.end for call in alice.calls} <= ENDS
    assert {call.end for call in bob.calls} <= ENDS
    assert alice.is_empty() and bob.is_empty()
    ends = Counter(call.end for call in alice.calls)
    assert ends["hung up"] > CALLS / 5 and ends["refused 486"] > CALLS / 10 and ends["cancelled too late"] > 0
    if loss == 0.0:
        assert ends["timeout"] == 0
        assert alice.core.bad.keys() | bob.core.bad.keys() <= {"stray_response"}
    assert len(bob.calls) <= CALLS  # no copy of an INVITE became a call of its own
