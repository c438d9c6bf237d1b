"""AI legs made ready for a call: a policy, engines, sounds and tools plugged into an `AgentLeg`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial

from softswitch.call.call import Call
from softswitch.call.leg import Briefed, Leg, LegId, LegSink
from softswitch.call.record import TurnRecord
from softswitch.catalog import Catalog
from softswitch.conversation.agent_leg import AgentLeg
from softswitch.conversation.briefing import ACCEPT, DECLINE, Briefing
from softswitch.conversation.events import BargedIn, BargeInResolved, EngineFault, Event, TurnFinished
from softswitch.conversation.flow import FlowPolicy
from softswitch.conversation.flow_model import Flow
from softswitch.conversation.policy import Action, Dialogue, End, Policy, Say, Utterance
from softswitch.conversation.ports import SpeechToText, TextToSpeech
from softswitch.conversation.tools import Offered, Toolbox, transfer_tool
from softswitch.errors import ResourceError
from softswitch.switchboard import Switchboard


class Recital:
    """The policy of a leg that only says one text: the dialplan's `say` step."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def plan(self, dialogue: Dialogue, heard: Utterance) -> AsyncIterator[Action]:
        """Yield the text, then the end."""
        yield Say(self._text, interruptible=False)
        yield End("said")


class Agents:
    """Makes AI legs (`switchboard.Agents`)."""

    def __init__(self, catalog: Catalog, ears: SpeechToText, voice: TextToSpeech, language: str) -> None:
        self._catalog = catalog
        self._ears = ears
        self._voice = voice
        self._language = language
        self._switchboard: Switchboard | None = None

    def attach(self, switchboard: Switchboard) -> None:
        """Say where what happens in conversations is reported."""
        self._switchboard = switchboard

    def open(self, leg: LegId, call: Call, *, flow: str, text: str, sink: LegSink) -> Leg:
        """Make a leg that follows `flow`, or only says `text`; raise ResourceError where there is no such flow."""
        policy: Policy
        tools = Toolbox()
        if text:
            policy = Recital(text)
            language = self._language
        else:
            found = self._catalog.flows.get(flow)
            if found is None:
                raise ResourceError(f"flow {flow} does not exist")
            policy = FlowPolicy(found)
            language = found.language
            tools = self._tools(leg, call, found)
        return AgentLeg(
            leg,
            policy,
            ears=None if text else self._ears,
            voice=self._voice,
            dialogue=Dialogue(call.id, language=language, variables=call.variables),
            sink=sink,
            on_event=partial(self._happened, leg, call),
            tools=tools,
            sounds=self._catalog.sound,
        )

    def brief(self, leg: LegId, call: Call, *, caller: str, text: str, sink: LegSink) -> Leg:
        """Make a leg that tells a person who calls and why, and asks whether that one takes the call."""
        made: list[AgentLeg] = []

        async def decided(accepted: bool, _: Mapping[str, object]) -> str:
            # Not from inside the reply: what follows ends this leg, and the reply with it.
            asyncio.get_running_loop().call_soon(sink, made[0], Briefed(accepted))
            return "told"

        tools = [Offered(ACCEPT, partial(decided, True)), Offered(DECLINE, partial(decided, False))]
        made.append(
            AgentLeg(
                leg,
                Briefing(caller, text),
                ears=self._ears,
                voice=self._voice,
                dialogue=Dialogue(call.id, language=self._language),
                sink=sink,
                on_event=partial(self._briefing, call),
                tools=Toolbox(tools),
            )
        )
        return made[0]

    def moved(self, leg: Leg, call: Call) -> None:
        """Let a leg keep its variables for the call it is on now."""
        if isinstance(leg, AgentLeg):
            for name, value in leg.dialogue.variables.items():
                call.variables.setdefault(name, value)
            leg.dialogue.variables = call.variables

    def _briefing(self, call: Call, event: Event) -> None:
        """Report what happens in a briefing; its turns are no turns of the caller's conversation."""
        if self._switchboard is not None:
            self._switchboard.report(call.id, event)

    def _tools(self, leg: LegId, call: Call, flow: Flow) -> Toolbox:
        if not flow.transfer:
            return Toolbox()
        tool = transfer_tool(flow.transfer)
        return Toolbox([Offered(tool, partial(self._transfer, leg, call, flow), after_speech=True, timeout=None)])

    async def _transfer(self, leg: LegId, call: Call, flow: Flow, wanted: Mapping[str, object]) -> str:
        """Let the caller talk with one of those whom the flow names; return only where nobody has taken the call."""
        name = str(wanted.get("to", ""))
        destination = flow.transfer.get(name)
        if destination is None or self._switchboard is None:
            raise ResourceError(f"{name!r} is nobody to transfer to; known: {', '.join(flow.transfer)}")
        id = self._switchboard.call_of(leg) or call.id
        how = destination.filled(call.variables)
        for key in ("mode", "brief"):
            if wanted.get(key):
                how[key] = wanted[key]
        done = await self._switchboard.transfer(id, *how.pop("to"), by=leg, **how)
        if not done.reached:
            raise ResourceError(f"nobody was reached: {done.cause}")
        return f"the caller talks with {name}"

    def _happened(self, leg: LegId, call: Call, event: Event) -> None:
        if self._switchboard is None:
            return
        id = self._switchboard.call_of(leg) or call.id  # a transfer may have moved it to another one
        if isinstance(event, TurnFinished):
            turn = TurnRecord(event.heard.text, event.said, event.interrupted, event.ledger.breakdown_ms())
            self._switchboard.turn_finished(id, turn)
        match event:
            case BargedIn(by=by):
                self._switchboard.note(call.id, "barge-in", by)
            case BargeInResolved(resolution=resolution):
                self._switchboard.note(call.id, "barge-in over", f"speech {resolution}")
            case EngineFault(kind=kind):
                self._switchboard.note(call.id, "engine failed", kind)
            case _:
                pass
        self._switchboard.report(id, event)
