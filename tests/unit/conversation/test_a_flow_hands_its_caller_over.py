"""A flow transfers its caller to those it names, once it was heard, and goes on where nobody takes the call."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from softswitch.conversation.events import TurnFinished
from softswitch.conversation.flow import FlowPolicy
from softswitch.conversation.flow_model import Flow
from softswitch.conversation.policy import Ask, CallTool, Dialogue, Say, Utterance
from softswitch.conversation.ports import Tool, ToolResult
from softswitch.conversation.tools import Offered, Toolbox
from softswitch.errors import ResourceError

DESK = """
flows:
  desk:
    transfer:
      sales: 101
      support: {to: [201, 202], mode: bridge, seconds: 20}
    nodes:
      menu:
        say: Sales or support?
        ask:
          choices:
            sales: {phrases: sales, key: 1}
            support: {phrases: support, key: 2, goto: support}
            other: {phrases: other, key: 3, goto: other}
        into: department
        goto: sales
      sales:
        say: I will put you through to {department}.
        transfer: {to: "{department}", brief: "{from} wants to buy something."}
        failed: sorry
      sorry:
        say: "Nobody is there: {transfer_cause}. Shall we call you back?"
        ask: yes_no
        goto: bye
      support: {say: One moment., transfer: support}
      other: {say: One moment please., interruptible: true, transfer: sales}
      bye: {say: Bye., hangup: true}
"""


class Desk:
    """Answers a transfer when the test says so."""

    def __init__(self) -> None:
        self.wanted: list[Mapping[str, object]] = []
        self.answer: asyncio.Future[str] | None = None

    async def transfer(self, wanted: Mapping[str, object]) -> str:
        self.wanted.append(wanted)
        self.answer = asyncio.get_running_loop().create_future()
        return await self.answer

    def toolbox(self) -> Toolbox:
        return Toolbox([Offered(Tool("transfer", ""), self.transfer, after_speech=True, timeout=None)])


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def caller(talk: Any, flow: Callable[[str], Flow], desk: Desk) -> Any:
    call = talk(flow=flow(DESK), tools=desk.toolbox())
    call.dialogue.variables["from"] = "1001"
    call.answer()
    call.until_said("Sales or support?")
    call.quiet(500)
    return call


def fail(call: Any, desk: Desk, why: str) -> None:
    """Say that nobody took the call, as the switch does: the AI goes on, then learns why."""
    call.dialogue.variables["transfer_cause"] = why
    call.do(lambda: call.agent.hold(False))
    call.do(lambda: desk.answer and desk.answer.set_exception(ResourceError(f"nobody was reached: {why}")))


def test_the_caller_is_moved_when_he_has_heard_that_he_will_be(caller: Any, desk: Desk) -> None:
    caller.key("1")
    caller.quiet(400)
    assert caller.sounding(0.1) and not desk.wanted
    caller.until(lambda: bool(desk.wanted))
    assert "I will put you through to sales." in caller.said
    assert desk.wanted == [{"to": "sales", "brief": "1001 wants to buy something."}]
    caller.do(lambda: caller.agent.hold(True))
    caller.quiet(60_000)
    assert not caller.ended and not caller.sounding(59), "it waits as long as it takes, in silence"
    caller.do(caller.agent.hang_up)
    caller.until_ended()
    assert caller.turns[-1].said == "I will put you through to sales."


def test_where_nobody_takes_the_call_the_flow_goes_on_with_all_it_knows(caller: Any, desk: Desk) -> None:
    caller.key("1")
    caller.until(lambda: bool(desk.wanted))
    caller.do(lambda: caller.agent.hold(True))
    caller.quiet(20_000)
    fail(caller, desk, "user busy")
    caller.until_said("Nobody is there: user busy. Shall we call you back?")
    assert caller.dialogue.variables["department"] == "sales"
    caller.key("1")
    caller.until_ended()
    assert "Bye." in caller.said
    assert [exchange.who for exchange in caller.dialogue.history] == [
        "agent",
        "caller",
        "agent",
        "agent",
        "caller",
        "agent",
    ]


def test_without_a_way_of_its_own_the_last_question_is_asked_again(caller: Any, desk: Desk) -> None:
    caller.key("2")
    caller.until(lambda: bool(desk.wanted))
    caller.do(lambda: caller.agent.hold(True))
    fail(caller, desk, "no answer")
    caller.until_said("I am sorry, nobody can take your call at the moment. | Sales or support?")
    caller.key("1")
    caller.until(lambda: len(desk.wanted) == 2)


def test_keys_and_words_during_the_transfer_change_nothing(caller: Any, desk: Desk) -> None:
    caller.key("1")
    caller.until(lambda: bool(desk.wanted))
    caller.do(lambda: caller.agent.hold(True))
    caller.key("2")
    caller.speak(800)
    caller.quiet(2000)
    fail(caller, desk, "user busy")
    caller.until_said("Shall we call you back?")
    assert len(desk.wanted) == 1


def test_who_interrupts_the_announcement_is_moved_all_the_same(
    talk: Any, flow: Callable[[str], Flow], desk: Desk
) -> None:
    call = talk(["yes please"], flow=flow(DESK), tools=desk.toolbox())
    call.answer()
    call.until_said("Sales or support?")
    call.key("3")
    call.quiet(300)
    call.speak(600)
    call.quiet(200)
    assert not desk.wanted
    call.until(lambda: bool(desk.wanted))
    assert desk.wanted == [{"to": "sales"}]
    call.do(lambda: call.agent.hold(True))
    fail(call, desk, "user busy")
    call.until(lambda: call.said.count("Sales or support?") == 2)


def test_a_flow_that_has_asked_nothing_says_goodbye(flow: Callable[[str], Flow]) -> None:
    only = flow("flows: {x: {transfer: {a: 1}, nodes: {t: {say: Wait., transfer: a}}}}")
    policy, dialogue = FlowPolicy(only), Dialogue("test")

    async def story() -> list[Any]:
        done = []
        async for action in policy.plan(dialogue, Utterance("started")):
            done.append(action)
            if isinstance(action, CallTool):
                dialogue.results.append(ToolResult("transfer", "", "nobody was reached"))
        return done

    done = asyncio.run(story())
    assert done[0] == Say("Wait.", interruptible=False), "what is said last is heard to its end"
    assert [type(action).__name__ for action in done] == ["Say", "CallTool", "Say", "CallTool"]
    assert done[-1] == CallTool("hangup") and not any(isinstance(action, Ask) for action in done)


def test_the_turn_that_moves_the_caller_is_told(caller: Any, desk: Desk) -> None:
    caller.key("1")
    caller.until(lambda: bool(desk.wanted))
    caller.do(lambda: caller.agent.hold(True))
    caller.do(caller.agent.hang_up)
    assert [event.heard.text for event in caller.of(TurnFinished)] == ["", "1"]
