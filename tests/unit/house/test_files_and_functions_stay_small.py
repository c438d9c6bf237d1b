"""A file has at most 500 lines, a function at most 60, `__init__.py` is empty, and nothing is left for later."""

import ast
import re
from typing import Any

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60

# Put together from halves, so that this file does not find itself.
LATER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")


def test_no_file_is_longer_than_500_lines(house: list[Any], test_files: list[Any]) -> None:
    lengths = {source.where: source.text.count("\n") for source in [*house, *test_files]}
    assert not {where: lines for where, lines in lengths.items() if lines > MAX_FILE_LINES}


def test_no_function_is_longer_than_60_lines(house: list[Any], test_files: list[Any]) -> None:
    wrong = [
        f"{source.where}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for source in [*house, *test_files]
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert not wrong, "\n".join(wrong)


def test_packages_are_empty(house: list[Any]) -> None:
    """Import from the module that owns the name."""
    assert not [source.where for source in house if source.where.endswith("__init__.py") and source.text.strip()]


def test_nothing_is_left_for_later(house: list[Any], test_files: list[Any]) -> None:
    wrong = [
        f"{source.where}:{number} {line.strip()}"
        for source in [*house, *test_files]
        for number, line in enumerate(source.text.splitlines(), 1)
        if LATER.search(line)
    ]
    assert not wrong, "\n".join(wrong)


#: Commands, whose output is what the user asked for.
COMMANDS = {"bench", "cli", "cli_options", "cli_running", "demo", "outbound"}


def test_only_commands_print(house: list[Any]) -> None:
    wrong = [
        f"{source.where}:{node.lineno}"
        for source in house
        if source.box not in COMMANDS
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, f"log it, or return it to the command: {wrong}"
