"""Whatever a user can type or read stands in docs/: commands, dialplan steps, YAML keys, metrics, Make targets.

The names are found in the code, so a new one fails here until it is written down.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic

METRIC = re.compile(r"softswitch_[a-z0-9_]+")


def test_every_command_is_documented(house: list[Any], documentation: str) -> None:
    commands = {name for source in house if source.box.startswith("cli") for name in _commands(source.tree)}
    missing = sorted(name for name in commands if f"softswitch {name}" not in documentation)
    assert not missing, f"docs/ does not show how to type: softswitch {' | '.join(missing)}"


def test_every_dialplan_step_is_documented(documentation: str) -> None:
    steps = importlib.import_module("softswitch.call.steps").STEPS
    assert steps
    missing = sorted(name for name in steps if not _mentioned(name, documentation))
    assert not missing, f"docs/dialplan.md does not name the steps {missing}"


def test_every_yaml_key_is_documented(house: list[Any], documentation: str) -> None:
    missing = {
        f"{key} (of {model.__qualname__} in {model.__module__})"
        for model in _models(house)
        for key in _keys(model)
        if not _mentioned(key, documentation)
    }
    assert not missing, "docs/ does not name the YAML keys\n" + "\n".join(sorted(missing))


def test_every_metric_is_documented(house: list[Any], documentation: str) -> None:
    metrics = {
        node.value
        for source in house
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and METRIC.fullmatch(node.value)
    }
    missing = sorted(name for name in metrics if not re.search(rf"\b{name}\b", documentation))
    assert not missing, f"docs/ does not name the metrics {missing}"


def test_every_make_target_that_is_named_exists(root: Path, documentation: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z0-9-]+)", documentation)) | set(
        re.findall(r"^\$? ?make ([a-z0-9-]+)", documentation, re.MULTILINE)
    )
    assert not named - targets, f"no such target in the Makefile: {sorted(named - targets)}"


def test_the_finders_find() -> None:
    tree = ast.parse(
        "@app.command('route-test')\ndef route(): ...\n@calls.command()\ndef show_all(): ...\ndef no(): ..."
    )
    assert set(_commands(tree)) == {"route-test", "calls show-all"}
    assert _mentioned("ptime_ms", "the key `ptime_ms` sets")
    assert _mentioned("ptime_ms", "rtp:\n  ptime_ms: 20\n")
    assert not _mentioned("ptime", "the key `ptime_ms` sets; ptime is a word")


def _commands(tree: ast.Module) -> Iterator[str]:
    """Yield the names that `@….command(…)` gives to the functions it stands on, behind that of their group."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "command":
                first = decorator.args[0] if decorator.args else None
                name = first.value if isinstance(first, ast.Constant) else node.name.replace("_", "-")
                group = getattr(decorator.func.value, "id", "app")  # type: ignore[attr-defined]
                yield name if group == "app" else f"{group} {name}"


def _models(house: list[Any]) -> Iterator[type[pydantic.BaseModel]]:
    """Yield every pydantic model of the house."""
    for source in house:
        if any(target.startswith("pydantic") for _, target in source.imports()):
            importlib.import_module(source.name)
    pending = [pydantic.BaseModel]
    while pending:
        for model in pending.pop().__subclasses__():
            pending.append(model)
            # A root model is a bare list or mapping: it has no keys of its own.
            if model.__module__.startswith("softswitch.") and not issubclass(model, pydantic.RootModel):
                yield model


def _keys(model: type[pydantic.BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _mentioned(name: str, documentation: str) -> bool:
    """Return whether `name` stands in the documentation as code: within backticks, or as a YAML key."""
    word = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
    return bool(re.search(rf"`[^`\n]*{word}[^`\n]*`|{word}:", documentation))
