"""The transfer tool of a conversation: who is allowed, what it returns, and where it is not offered at all."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softswitch.agents import Agents
from softswitch.call.cause import Cause
from softswitch.call.dialplan import Dialplan
from softswitch.call.leg import Answered, Ended
from softswitch.catalog import Catalog
from softswitch.conversation.flow_check import load_flows
from softswitch.document import parse
from softswitch.errors import ResourceError
from softswitch.providers.scripted import ScriptedSpeechToText, ScriptedTextToSpeech

AtWork = Callable[..., None]
RULES = "rules: [{number: 2, steps: [answer, {agent: x}]}]"
FLOW = """
flows:
  x:
    transfer: {sales: {to: ["{team}", "102"], seconds: 9, caller_id: "7{from}"}}
    nodes: {hello: {set: {team: '101'}, say: Hello., transfer: sales}}
  y:
    nodes: {hello: {say: Hello., hangup: true}}
"""


class Mind:
    """The AI of the call: its leg is the test's, its tools are real."""

    def __init__(self, board: Any) -> None:
        flows = load_flows(parse(Path("flows.yaml"), FLOW))
        self.agents = Agents(
            Catalog(Dialplan(()), flows, {}, ()), ScriptedSpeechToText(()), ScriptedTextToSpeech(), "en"
        )
        self.agents.attach(board.board)
        self.caller = board.call("2")
        [(self.call, _)] = board.board.calls()

    def tool(self, flow: str = "x") -> Any:
        leg: Any = self.agents.open(f"{self.call.id}-1", self.call, flow=flow, text="", sink=lambda leg, event: None)
        return leg._equipment.tools.find("transfer")


def test_a_named_destination_is_called_and_what_came_of_it_is_told(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        mind = Mind(board)
        mind.call.variables["team"] = "101"
        tool = mind.tool()
        assert tool.after_speech and tool.timeout is None
        assert tool.tool.parameters["properties"]["to"]["enum"] == ["sales"]
        asked = asyncio.create_task(tool.function({"to": "sales", "brief": "hello"}), name="tool")
        await board.turn()
        assert board.placed == [("101", "71001", ""), ("102", "71001", "")]
        for target in ("101", "102"):
            board.legs[target].says(Ended(Cause.BUSY, by_peer=True))
        with pytest.raises(ResourceError, match="nobody was reached: user busy"):
            await asked
        asked = asyncio.create_task(tool.function({"to": "sales"}), name="tool")
        await board.turn()
        board.legs["102"].says(Answered())
        assert await asked == "the caller talks with sales"
        mind.caller.says(Ended(Cause.NORMAL, by_peer=True))
        assert board.records[0].variables["transferred_to"] == "101, 102"

    at_work(RULES, story)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"to": "+4930123456"}, "'.4930123456' is nobody to transfer to; known: sales"),
        ({"to": "sip:me@evil.example"}, "is nobody to transfer to"),
        ({}, "is nobody to transfer to"),
        ({"to": "sales", "mode": "teleport"}, "no such transfer is possible: mode"),
        ({"to": "sales", "brief": "x" * 10_000}, "no such transfer is possible: brief"),
        ({"to": "sales", "brief": ["x"]}, "no such transfer is possible: brief"),
    ],
)
def test_nobody_else_is_called_whatever_is_asked_for(at_work: AtWork, wanted: Any, why: str) -> None:
    async def story(board: Any) -> None:
        mind = Mind(board)
        mind.call.variables["team"] = "101"
        with pytest.raises(ResourceError, match=why):
            await mind.tool().function(wanted)
        assert board.placed == []
        mind.caller.says(Ended(Cause.NORMAL, by_peer=True))

    at_work(RULES, story)


def test_a_flow_that_names_nobody_has_no_such_tool(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        mind = Mind(board)
        assert mind.tool("y") is None
        mind.caller.says(Ended(Cause.NORMAL, by_peer=True))

    at_work(RULES, story)
