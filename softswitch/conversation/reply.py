"""One reply: carries out what the policy plans, action after action, until it asks, ends or is cancelled.

A reply is one task. It waits for the policy, for the synthesiser, for a tool, or for our own voice, and knows for whom,
so that one who never comes back is noticed in the tick.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, Protocol, TypeVar

from softswitch.audio.frame import Frame
from softswitch.conversation import events as ev
from softswitch.conversation.events import AgentState, Event
from softswitch.conversation.mouth import Mouth
from softswitch.conversation.policy import (
    Action,
    Ask,
    CallTool,
    Dialogue,
    End,
    Expect,
    Play,
    Policy,
    Say,
    SwitchMode,
    Utterance,
)
from softswitch.conversation.ports import Expectation, TextToSpeech, ToolResult
from softswitch.conversation.tools import HANG_UP, Toolbox, unknown_tool
from softswitch.conversation.turns import TurnSettings
from softswitch.errors import ResourceError, SoftswitchError

T = TypeVar("T")
EngineKind = Literal["policy", "tts"]

#: How often a conversation may be handed from policy to policy within one reply, before they are taken for a loop.
_MAX_SWITCHES: Final = 5


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How an agent behaves. policy_timeout, speech_timeout: seconds without anything from the policy, or from the
    synthesiser, after which it has failed. apology: sound for a caller who cannot be spoken to any more.
    """

    turns: TurnSettings = field(default_factory=TurnSettings)
    policy_timeout: float = 10.0
    speech_timeout: float = 5.0
    apology: Sequence[Frame] = ()


@dataclass(slots=True)
class Equipment:
    """What replies are made with. `policy` is the one in charge; `policies` are those that `SwitchMode` leads to."""

    policy: Policy
    policies: Mapping[str, Policy]
    voice: TextToSpeech
    mouth: Mouth
    tools: Toolbox
    sounds: Callable[[str], Sequence[Frame]] | None
    dialogue: Dialogue
    settings: AgentSettings
    now: Callable[[], float]


class Turn:
    """The turn in progress: one utterance of the caller, and our reply. `times` are the fields of its ledger."""

    __slots__ = ("finished", "heard", "interrupted", "number", "resumed", "said", "times")

    def __init__(self, number: int, heard: Utterance, times: Mapping[str, float]) -> None:
        self.number = number
        self.heard = heard
        self.times = dict(times)
        self.said: list[str] = []
        self.interrupted = False
        self.resumed = 0
        self.finished = False


class Host(Protocol):
    """The leg that a reply belongs to."""

    def expect(self, expectation: Expectation) -> None: ...
    def listen(self, turn: Turn, timeout: float) -> None: ...
    def become(self, doing: AgentState) -> None: ...
    def emit(self, event: Event) -> None: ...
    def finish(self, reason: str) -> None: ...
    def fail(self, kind: EngineKind, reason: str) -> None: ...


class Reply:
    """The reply to one turn. `run` is its task; a turn that is finished is replied to no more."""

    def __init__(self, turn: Turn, equipment: Equipment, host: Host) -> None:
        self._turn = turn
        self._with = equipment
        self._host = host
        self._waits_for: EngineKind = "policy"
        #: When whom it waits for has failed.
        self.stalled_by = inf

    def stalled(self) -> None:
        """Give up: whom it waits for has not come back."""
        self.stalled_by = inf
        self._host.fail(self._waits_for, f"nothing came from the {self._waits_for} in time")

    async def run(self) -> None:
        """Carry out the plan."""
        heard = self._turn.heard
        try:
            for _ in range(_MAX_SWITCHES):
                mode = await self._follow(self._with.policy, heard)
                if mode is None:
                    return
                if mode not in self._with.policies:
                    raise ResourceError(f"there is no policy named {mode}")
                self._with.policy = self._with.policies[mode]
                heard = Utterance("started")
            raise ResourceError("the policies hand the conversation round in a circle")
        except SoftswitchError as error:
            self.stalled_by = inf
            self._host.fail(self._waits_for, str(error))

    async def _follow(self, policy: Policy, heard: Utterance) -> str | None:
        """Carry out one plan; return the mode it hands over to, None when the reply is complete."""
        self._wait_for("policy")
        async with _closing(policy.plan(self._with.dialogue, heard)) as plan:
            async for action in plan:
                self.stalled_by = inf
                if isinstance(action, SwitchMode):
                    return action.mode
                if await self._act(action):
                    return None
                self._wait_for("policy")
        self.stalled_by = inf
        await self._act(Ask(Expectation("free")))
        return None

    async def _act(self, action: Action) -> bool:
        """Carry out one action; return whether the reply is over."""
        match action:
            case Say(text=text, interruptible=interruptible):
                await self._speak(text, interruptible)
            case Play(file=file, interruptible=interruptible):
                await self._play(file, interruptible)
            case Expect(expect=expectation):
                self._host.expect(expectation)
            case Ask(expect=expectation, timeout=timeout):
                self._host.expect(expectation)
                # Keys that were typed ahead may have answered already, and then another reply has begun.
                if not self._turn.finished:
                    self._host.listen(self._turn, timeout)
                return True
            case CallTool():
                return await self._use_tool(action)
            case End(reason=reason):
                self._host.become(AgentState.ENDING)
                if await self._all_played():
                    self._host.finish(reason)
                return True
            case SwitchMode():
                pass  # `_follow` has seen to it
        return self._turn.finished

    async def _speak(self, text: str, interruptible: bool) -> None:
        made_with, times = self._with, self._turn.times
        times.setdefault("first_text", made_with.now())
        piece = made_with.mouth.begin(text, interruptible=interruptible)
        self._wait_for("tts")
        async with _closing(made_with.voice.speak(_once(text), language=made_with.dialogue.language)) as frames:
            async for frame in frames:
                if "first_audio" not in times:
                    times["first_audio"] = made_with.now()
                self.stalled_by = inf
                await made_with.mouth.put(frame)
                self._wait_for("tts")
        self.stalled_by = inf
        made_with.mouth.end(piece)

    async def _play(self, file: str, interruptible: bool) -> None:
        made_with, times = self._with, self._turn.times
        times.setdefault("first_text", made_with.now())
        try:
            if made_with.sounds is None:
                raise ResourceError(f"there are no sound files to play {file} from")
            frames = made_with.sounds(file)
        except ResourceError as error:
            # The words around it still make sense; the check at start has refused what is known to be missing.
            self._host.emit(ev.EngineFault(made_with.now(), "sound", str(error), fatal=False))
            return
        times.setdefault("first_audio", made_with.now())
        piece = made_with.mouth.begin("", interruptible=interruptible)
        for frame in frames:
            await made_with.mouth.put(frame)
        made_with.mouth.end(piece)

    async def _use_tool(self, call: CallTool) -> bool:
        """Have a tool do its work; return whether that was the end of the reply."""
        name, host, now = call.name, self._host, self._with.now
        host.emit(ev.ToolRequested(now(), name, call.arguments))
        hangs_up = name == HANG_UP.name
        if hangs_up:
            host.become(AgentState.ENDING)
        result = ToolResult(name, "", "the caller interrupted")
        try:
            if not self._with.tools.waits_for_speech(name) or await self._all_played():
                result = ToolResult(name, "done") if hangs_up else await self._run_tool(call)
        finally:
            self._with.dialogue.results.append(result)
            host.emit(ev.ToolFinished(now(), name, result.result, result.error))
        if hangs_up:
            host.finish(HANG_UP.name)
        else:
            host.become(AgentState.THINKING)
        return hangs_up or self._turn.finished

    async def _run_tool(self, call: CallTool) -> ToolResult:
        offered = self._with.tools.find(call.name)
        if offered is None:
            return unknown_tool(call.name)
        self._host.become(AgentState.TOOL_RUNNING)
        try:
            async with asyncio.timeout(offered.timeout):
                return ToolResult(call.name, await offered.function(call.arguments))
        except TimeoutError:
            return ToolResult(call.name, "", f"nothing came back within {offered.timeout:.0f} s")
        except SoftswitchError as error:
            return ToolResult(call.name, "", str(error))

    async def _all_played(self) -> bool:
        """Wait until all that was said so far was really heard; False when it never will be."""
        heard = asyncio.get_running_loop().create_future()
        self._with.mouth.mark(lambda played: None if heard.done() else heard.set_result(played))
        return bool(await heard)

    def _wait_for(self, kind: EngineKind) -> None:
        settings = self._with.settings
        limit = settings.policy_timeout if kind == "policy" else settings.speech_timeout
        self._waits_for = kind
        self.stalled_by = self._with.now() + limit


async def _once(text: str) -> AsyncIterator[str]:
    yield text


@asynccontextmanager
async def _closing(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close an iterator when done with it: that is how a plan or a piece of speech is cancelled."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
