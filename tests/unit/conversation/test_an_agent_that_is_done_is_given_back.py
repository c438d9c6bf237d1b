"""An agent that is done waits for no collector: neither its ear nor its mouth holds it, and it holds no tool."""

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest

from softswitch.call.leg import LegState


def ended_by_us(conversation: Any) -> None:
    conversation.until_ended()


def ended_by_the_caller(conversation: Any) -> None:
    conversation.speak(600)
    conversation.do(conversation.agent.hang_up)
    conversation.until_ended()


@pytest.mark.parametrize("ends", [ended_by_us, ended_by_the_caller])
def test_it_is_given_back(talk: Callable[..., Any], ends: Callable[[Any], None]) -> None:
    gc.disable()
    try:
        conversation = talk()
        conversation.answer()
        ends(conversation)
        conversation.tick(count=3)
        assert conversation.agent.state is LegState.ENDED
        done = ref(conversation.agent)
        conversation.agent = talk().agent  # for the end of the test
        assert done() is None
    finally:
        gc.enable()
