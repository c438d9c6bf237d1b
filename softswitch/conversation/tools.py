"""What a policy may ask to be done. The switch supplies the doing; the conversation only knows names and results."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from softswitch.call.transfer import Mode
from softswitch.conversation.ports import Tool, ToolResult

#: Does a tool's work and returns its result in words; raises `SoftswitchError` with a sentence when it cannot.
ToolFunction = Callable[[Mapping[str, object]], Awaitable[str]]

#: Seconds a tool may take before the caller is told that it failed; longer silence makes callers hang up.
TOOL_TIMEOUT: Final = 15.0

#: The tool every conversation has: end the call once all that was said was really played.
HANG_UP: Final = Tool("hangup", "End the call, after everything said so far was heard.")

#: The name of the tool that lets the caller talk with somebody else; offered where somebody is named who may be asked.
TRANSFER: Final = "transfer"


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool that this conversation offers. after_speech: it ends or moves the call, so it waits for our voice.

    timeout: seconds it may take; None: as long as it takes, because the caller is not waiting for us meanwhile.
    """

    tool: Tool
    function: ToolFunction
    after_speech: bool = False
    timeout: float | None = TOOL_TIMEOUT


class Toolbox:
    """The tools of one conversation by name; `hangup` is always among them and is done by the agent itself."""

    def __init__(self, offered: Iterable[Offered] = ()) -> None:
        self._offered = {item.tool.name: item for item in offered}

    def list(self) -> tuple[Tool, ...]:
        """Return the descriptions of all tools, for policies that choose among them."""
        return (HANG_UP, *(item.tool for item in self._offered.values()))

    def find(self, name: str) -> Offered | None:
        """Return the tool, None where there is none of that name."""
        return self._offered.get(name)

    def waits_for_speech(self, name: str) -> bool:
        """Return whether `name` ends or moves the call, and so waits until our voice was heard to its end."""
        item = self._offered.get(name)
        return name == HANG_UP.name or (item is not None and item.after_speech)


def transfer_tool(destinations: Iterable[str]) -> Tool:
    """Return the description of the transfer tool for these destinations."""
    return Tool(
        TRANSFER,
        "Connect the caller with a person. You leave the call if that person takes it, and learn why if nobody does.",
        {
            "type": "object",
            "properties": {
                "to": {"type": "string", "enum": list(destinations)},
                "mode": {"type": "string", "enum": list(get_args(Mode))},
                "brief": {"type": "string", "description": "What the person should know: who calls, and why."},
            },
            "required": ["to"],
        },
    )


def unknown_tool(name: str) -> ToolResult:
    """Return the result of asking for a tool that does not exist: the policy is told, the call goes on."""
    return ToolResult(name, "", f"there is no tool named {name}")
