"""Whatever ends or moves the call waits for our voice, and does not happen when that is cut short."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from softswitch.call.cause import Cause
from softswitch.conversation.events import AgentState, SessionEnded, StateChanged, ToolFinished
from softswitch.conversation.flow_model import Flow
from softswitch.conversation.policy import Action, CallTool, Dialogue, End, Say, SwitchMode, Utterance
from softswitch.conversation.ports import Tool
from softswitch.conversation.tools import Offered, Toolbox
from softswitch.errors import ResourceError
from softswitch.providers.scripted import ScriptedTextToSpeech


class Plan:
    """A policy that does the same whatever it hears; what it is told is kept."""

    def __init__(self, *actions: Action) -> None:
        self.actions = actions
        self.heard: list[Utterance] = []
        self.results: list[str] = []

    async def plan(self, dialogue: Dialogue, heard: Utterance) -> AsyncIterator[Action]:
        self.heard.append(heard)
        for action in self.actions:
            yield action
            self.results = [result.result or result.error for result in dialogue.results]


def test_the_line_is_open_until_the_last_word(talk: Any) -> None:
    call = talk(policy=Plan(Say("good bye and thank you"), CallTool("hangup")))
    call.answer()
    call.until_ended()
    assert call.said == "good bye and thank you"
    assert len([1 for _, sound in call.line if sound]) >= 5 * 9
    assert call.of(ToolFinished)[0].error == ""
    assert call.of(SessionEnded)[0].reason == "hangup"


def test_a_goodbye_that_is_interrupted_does_not_end_the_call_by_itself(talk: Any, flow: Callable[[str], Flow]) -> None:
    policy = Plan(Say("good bye and thank you very much for calling"), CallTool("hangup"))
    call = talk(["wait"], policy=policy)
    call.answer()
    call.quiet(300)
    call.speak(500)
    call.quiet(100)
    assert [event.error for event in call.of(ToolFinished)] == ["the caller interrupted"]
    assert not call.ended
    call.until(lambda: len(policy.heard) == 2)
    assert policy.heard[1].text == "wait"
    call.until_ended()


def test_an_end_waits_as_well(talk: Any) -> None:
    call = talk(policy=Plan(Say("that was all", interruptible=False), End("told")), ears=None)
    call.answer()
    call.speak(300)  # nobody listens, and nothing may stop it
    call.until_ended()
    assert call.said == "that was all" and call.of(SessionEnded)[0].reason == "told"


def test_a_tool_that_moves_the_call_waits_and_others_do_not(talk: Any) -> None:
    moments: dict[str, str] = {}

    def tool(name: str, *, after_speech: bool) -> Offered:
        async def work(arguments: Mapping[str, object]) -> str:
            moments[name] = call.said
            return f"{name} {arguments['x']}"

        return Offered(Tool(name, ""), work, after_speech)

    toolbox = Toolbox([tool("look_up", after_speech=False), tool("transfer", after_speech=True)])
    plan = Plan(Say("one moment"), CallTool("look_up", {"x": 1}), CallTool("transfer", {"x": 2}), Say("done"), End())
    call = talk(policy=plan, tools=toolbox)
    call.answer()
    call.until_ended()
    assert moments == {"look_up": "", "transfer": "one moment"}
    assert [event.result for event in call.of(ToolFinished)] == ["look_up 1", "transfer 2"]
    assert AgentState.TOOL_RUNNING in [event.state for event in call.of(StateChanged)]


def test_a_tool_that_fails_or_does_not_exist_is_told_to_the_policy(talk: Any) -> None:
    async def broken(_arguments: Mapping[str, object]) -> str:
        raise ResourceError("the calendar does not answer")

    plan = Plan(CallTool("broken"), CallTool("nothing"), Say("sorry"), End())
    call = talk(policy=plan, tools=Toolbox([Offered(Tool("broken", ""), broken)]))
    call.answer()
    call.until_ended()
    assert plan.results == ["the calendar does not answer", "there is no tool named nothing"]
    assert call.said == "sorry" and call.ended[0].cause is Cause.NORMAL


def test_another_policy_takes_over(talk: Any) -> None:
    second = Plan(Say("second"), End())
    call = talk(policy=Plan(Say("first"), SwitchMode("other")), policies={"other": second})
    call.answer()
    call.until_ended()
    assert call.said == "first | second"
    assert [heard.reason for heard in second.heard] == ["started"]


def test_policies_that_hand_over_in_a_circle_are_stopped(talk: Any) -> None:
    policy = Plan(SwitchMode("same"))
    call = talk(policy=policy, policies={"same": policy})
    call.answer()
    assert call.until_ended().cause is Cause.ENGINE_FAILED


def test_a_plan_without_a_question_listens_all_the_same(talk: Any) -> None:
    policy = Plan(Say("hello"))
    call = talk(["hello yourself"], policy=policy, voice=ScriptedTextToSpeech(word_ms=100))
    call.answer()
    call.until_said("hello")
    call.quiet(200)
    call.speak(500)
    call.until(lambda: len(policy.heard) == 2)
    assert policy.heard[1].text == "hello yourself"


def test_a_sound_file_is_played_between_words(talk: Any) -> None:
    from softswitch.conversation.policy import Play

    beep = ScriptedTextToSpeech(word_ms=500)._word
    call = talk(
        policy=Plan(Say("listen"), Play("beep.wav"), Play("gone.wav"), Say("heard"), End()), sounds=_sounds(beep)
    )
    call.answer()
    call.until_ended()
    assert call.said == "listen | heard"
    assert len([1 for _, sound in call.line if sound]) >= 9 + 25 + 9


def _sounds(frames: Any) -> Callable[[str], Any]:
    def find(name: str) -> Any:
        if name == "gone.wav":
            raise ResourceError("no such file")
        return frames

    return find
