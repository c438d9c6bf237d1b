"""What decides is synchronous: the pure boxes have no coroutine, no socket, no thread and no subprocess."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest

PURE_BOXES = {"clock", "document", "errors", "sip", "sdp", "rtp", "audio", "call"}
PURE_MODULES = {
    "softswitch.apps.pacing",
    "softswitch.conversation.memory",
    "softswitch.conversation.policy",
    "softswitch.conversation.ports",
    "softswitch.conversation.turns",
}
WAITING_MODULES = {
    "aiohttp",
    "asyncio",
    "concurrent",
    "multiprocessing",
    "select",
    "selectors",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "uvloop",
}
#: Protocols that the conversation owns speak of asynchronous iterators; they wait for nothing themselves.
ONLY_DECLARES = {"softswitch.conversation.policy", "softswitch.conversation.ports"}


def test_pure_boxes_never_wait(house: list[Any]) -> None:
    wrong = [
        f"{source.where}:{line} {what}"
        for source in house
        if source.box in PURE_BOXES or source.name in PURE_MODULES
        for line, what in _waits(source.tree, declarations=source.name in ONLY_DECLARES)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "line", ["import asyncio", "from socket import AF_INET", "async def f(): ...", "import concurrent.futures"]
)
def test_waiting_is_found(line: str) -> None:
    assert list(_waits(ast.parse(line), declarations=False))


def _waits(tree: ast.Module, *, declarations: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom():
                names = [node.module or ""]
            case ast.AsyncFor() | ast.AsyncWith() | ast.Await():
                yield node.lineno, "waits"
                continue
            case ast.AsyncFunctionDef() if not declarations:
                yield node.lineno, f"{node.name} is a coroutine"
                continue
            case _:
                continue
        for name in names:
            if name.split(".")[0] in WAITING_MODULES:
                yield node.lineno, f"imports {name}"
