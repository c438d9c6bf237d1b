"""YAML with places: every value knows the file and line it stands on, so that a fault can name them.

`load` reads a file, `validate` turns its data into a pydantic model, and every fault either finds is a `ConfigError`
with file:line. `${NAME}` and `${NAME:-default}` read the environment that is passed in.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from softswitch.errors import ConfigError, Fault

Key = str | int
Model = TypeVar("Model", bound=pydantic.BaseModel)

#: Larger than any honest configuration; a file beyond it is a mistake (a recording given as a dialplan).
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Document:
    """The data of one YAML file, and the line on which each part of it stands."""

    def __init__(self, path: Path, data: Any, lines: Mapping[tuple[Key, ...], int]) -> None:
        self.path = path
        self.data = data
        self._lines = lines

    def where(self, location: tuple[Key, ...] = ()) -> str:
        """Return `file:line` of the deepest part of `location` that the file has."""
        keys = location
        while keys not in self._lines and keys:
            keys = keys[:-1]
        return f"{self.path}:{self._lines.get(keys, 1)}"

    def fault(self, location: tuple[Key, ...], what: str, hint: str = "") -> Fault:
        """Return a fault at `location`."""
        return Fault(self.where(location), what, hint)


def load(path: Path, environment: Mapping[str, str] | None = None) -> Document:
    """Read a YAML file; raise `ConfigError` if it cannot be read, is no YAML, or names an unset variable."""
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise ConfigError(Fault(f"{path}:1", f"larger than {MAX_DOCUMENT_BYTES} bytes", "is it a YAML file?"))
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(Fault(str(path), f"cannot be read: {error.strerror}", "check the path")) from error
    except UnicodeDecodeError as error:
        raise ConfigError(Fault(f"{path}:1", "is not UTF-8 text", "save the file as UTF-8")) from error
    return parse(path, text, environment)


def parse(path: Path, text: str, environment: Mapping[str, str] | None = None) -> Document:
    """Parse YAML text that came from `path`; the faults are those of `load`."""
    reader = _Reader(path, environment)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else f"{path}:1"
        raise ConfigError(
            Fault(where, f"is not YAML: {error.problem}", "check indentation, colons and quotes")
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(Fault(f"{path}:1", f"is not YAML: {error}", "remove control characters")) from error
    data = reader.read(node, ()) if node is not None else None
    if reader.faults:
        raise ConfigError(*reader.faults)
    return Document(path, data, reader.lines)


class _Reader:
    """Walks a YAML node tree once, building the data and the table of lines."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None) -> None:
        self._path = path
        self._environment = environment
        self._loader = yaml.SafeLoader("")
        self.lines: dict[tuple[Key, ...], int] = {}
        self.faults: list[Fault] = []

    def read(self, node: yaml.Node, location: tuple[Key, ...]) -> Any:
        self.lines[location] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*location, index)) for index, item in enumerate(node.value)]
        value = self._loader.construct_object(node)
        return self._substitute(value, location) if isinstance(value, str) else value

    def _mapping(self, node: yaml.MappingNode, location: tuple[Key, ...]) -> dict[Key, Any]:
        data: dict[Key, Any] = {}
        for key_node, value_node in node.value:
            key = self._loader.construct_object(key_node)
            if not isinstance(key, str | int):
                self._fault(key_node, f"key {key!r} is neither text nor a number", "put it in quotes")
                continue
            if key in data:
                self._fault(key_node, f"key {key!r} stands here twice", "remove one of them")
            data[key] = self.read(value_node, (*location, key))
            self.lines[(*location, key)] = key_node.start_mark.line + 1
        return data

    def _substitute(self, text: str, location: tuple[Key, ...]) -> str:
        if self._environment is None or "${" not in text:
            return text
        environment = self._environment

        def value(match: re.Match[str]) -> str:
            name: str = match.group(1)
            default: str | None = match.group(2)
            found = environment.get(name, default)
            if found is None:
                where = f"{self._path}:{self.lines[location]}"
                self.faults.append(
                    Fault(
                        where,
                        f"environment variable {name} is not set",
                        f"export {name}=…, or write ${{{name}:-default}}",
                    )
                )
            return found or ""

        return _VARIABLE.sub(value, text)

    def _fault(self, node: yaml.Node, what: str, hint: str) -> None:
        self.faults.append(Fault(f"{self._path}:{node.start_mark.line + 1}", what, hint))


def validate(model: type[Model], document: Document, data: Any = None, location: tuple[Key, ...] = ()) -> Model:
    """Return `data` (default: the whole document) as `model`; raise `ConfigError` with every fault's file:line.

    location: where `data` stands in the document, if it is a part of it.
    """
    try:
        return model.model_validate(document.data if data is None else data)
    except pydantic.ValidationError as error:
        faults = [_explain(document, location, dict(item)) for item in error.errors(include_url=False)]
        raise ConfigError(*faults) from error


def _explain(document: Document, location: tuple[Key, ...], item: dict[str, Any]) -> Fault:
    place = (*location, *item["loc"])
    name = ".".join(str(key) for key in item["loc"]) or "the file"
    match item["type"]:
        case "missing":
            return document.fault(place[:-1], f"{name} is missing", "add it")
        case "extra_forbidden":
            return document.fault(place, f"{name} is not a known key", "check the spelling")
        case "value_error":
            return document.fault(place, f"{name}: {item['ctx']['error']}")
        case _:
            return document.fault(place, f"{name}: {item['msg']}, not {_short(item['input'])}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
