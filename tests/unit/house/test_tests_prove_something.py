"""Tests outside tests/live run in virtual time on the real code, and no test leaves itself out in silence."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest

BANNED = {"sleep", "patch", "monkeypatch"}
#: A test may leave itself out only where it wants sound that is not part of the repository, and says so.
SKIPS = {"skip", "skipif", "importorskip"}
OUTSIDE_SOUND = "SOFTSWITCH_SPEECH_SAMPLES"


def test_tests_neither_sleep_nor_patch(test_files: list[Any]) -> None:
    wrong = [
        f"{source.where}:{line} calls {name}()"
        for source in test_files
        if not source.where.startswith(("tests/live/", "tests/bench/"))
        for line, name in _calls(source.tree)
        if name in BANNED
    ]
    assert not wrong, "\n".join(wrong)


def test_no_test_leaves_itself_out_in_silence(test_files: list[Any]) -> None:
    wrong = [
        f"{source.where}:{line} calls {name}()"
        for source in test_files
        if OUTSIDE_SOUND not in source.text
        for line, name in _calls(source.tree)
        if name in SKIPS
    ]
    assert not wrong, "\n".join(wrong)


def test_every_test_file_is_named_as_a_sentence(test_files: list[Any]) -> None:
    names = [source.where for source in test_files if source.where.rpartition("/")[2].startswith("test_")]
    assert not [name for name in names if name.rpartition("/")[2].count("_") < 3]


@pytest.mark.parametrize("line", ["time.sleep(1)", "await asyncio.sleep(0)", "with mock.patch('x'): ...", "sleep(1)"])
def test_a_sleep_or_a_patch_is_found(line: str) -> None:
    tree = ast.parse(f"async def f():\n    {line}")
    assert {name for _, name in _calls(tree)} & BANNED


def _calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.lineno, node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.lineno, node.func.id
