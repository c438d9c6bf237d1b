"""Time and randomness are arguments: only clock.py reads them, so a test can run an hour of calls in milliseconds."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest

MODULES = {"time", "random", "secrets", "uuid"}
#: Attribute calls that read a clock or a source of randomness, whatever the object is called.
CALLS = {
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "process_time",
    "time_ns",
    "today",
    "urandom",
    "utcnow",
    "uuid4",
}
#: What `clock.py` offers under the same name.
OURS = {"clock"}

#: File -> why it may. Each needs a reason that would convince a reader of ARCHITECTURE.md, law 1.
ALLOWED: dict[str, str] = {
    "softswitch/clock.py": "it is the clock",
}


def test_only_the_clock_reads_time_and_randomness(house: list[Any]) -> None:
    wrong = [
        f"{source.where}:{line} {what}"
        for source in house
        if source.where not in ALLOWED
        for line, what in _readings(source.tree)
    ]
    assert not wrong, "take `now` or `token` as an argument:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from random import choice",
        "import secrets as s",
        "datetime.datetime.now()",
        "datetime.now(datetime.UTC)",
        "asyncio.get_running_loop().time()",
        "self._loop.time()",
        "os.urandom(8)",
        "date.today()",
        "numpy.random.default_rng()",
    ],
)
def test_a_reading_is_found(line: str) -> None:
    assert list(_readings(ast.parse(line)))


@pytest.mark.parametrize("line", ["clock.now()", "machine.time(now=3.0)", "from softswitch.clock import now", "now()"])
def test_an_honest_line_is_left_alone(line: str) -> None:
    assert not list(_readings(ast.parse(line)))


def _readings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, what) for everything in `tree` that reads a clock or randomness."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in MODULES:
                    yield node.lineno, f"imports {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                yield node.lineno, f"imports from {node.module}"
        elif isinstance(node, ast.Attribute):
            # numpy.random, np.random: a source of randomness behind an attribute.
            if node.attr == "random" and isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"):
                yield node.lineno, "uses numpy.random"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if what := _reads(node, node.func):
                yield node.lineno, what


def _reads(call: ast.Call, function: ast.Attribute) -> str:
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    owner = function.value.attr if isinstance(function.value, ast.Attribute) else owner
    if owner in OURS:
        return ""
    if function.attr in CALLS:
        return f"calls {function.attr}()"
    if function.attr == "time" and not call.args and not call.keywords:
        return "calls a loop's time()"
    if function.attr == "now" and owner in ("datetime", "date", "DateTime"):
        return "calls datetime.now()"
    return ""
