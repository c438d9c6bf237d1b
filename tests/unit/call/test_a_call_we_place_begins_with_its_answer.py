"""The steps of a call that we place begin when the other side answers, whatever happens before."""

from collections.abc import Callable
from typing import Any

from softswitch.call.cause import Cause
from softswitch.call.commands import Hear
from softswitch.call.leg import Answered, EarlyMedia, Ended, Ringing


def test_ringing_and_a_lost_engine_begin_nothing(with_steps: Callable[..., Any]) -> None:
    played = with_steps("[echo, {agent: x}]", direction="outbound")
    played.call.placed("sip:x@127.0.0.1", "", now=played.now)
    played.pump()
    for leg, event in (
        ("a", Ringing()),
        ("a", EarlyMedia()),
        (played.agent, Ended(Cause.ENGINE_FAILED, by_peer=False)),
    ):
        played.tell(leg, event)
        assert not played.of(Hear)
    played.tell("a", Answered())
    assert played.of(Hear)
