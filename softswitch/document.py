"""YAML with places: every value knows the file and line it stands on, so that a fault can name them.

`load` reads a file, `validate` turns its data into a pydantic model, and every fault either finds is a `ConfigError`
with file:line. `${NAME}` and `${NAME:-default}` read the environment that is passed in.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from softswitch.errors import ConfigError, Fault
from softswitch.pace import step, steps
from softswitch.yaml_nodes import compose, dismantle

Key = str | int
Model = TypeVar("Model", bound=pydantic.BaseModel)

#: Larger than any honest configuration; a file beyond it is a mistake (a recording given as a dialplan).
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
#: Deeper than any dialplan or flow goes; the parser itself recurses some frames for each level.
MAX_DEPTH = 50
#: Values of one document, aliases unfolded: a few lines of aliases to aliases can name billions.
MAX_VALUES = 200_000

#: What pydantic's types are in words that need no Python.
_MUST_BE = {
    "model_type": "a mapping: `key: value`, one on each line",
    "tuple_type": "a list: `- value`, one on each line",
    "list_type": "a list: `- value`, one on each line",
    "dict_type": "a mapping: `key: value`, one on each line",
    "string_type": "text; put it in quotes",
    "path_type": "a path",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "string_pattern_mismatch": "as the expression {pattern} says",
}

_INTEGER = "tag:yaml.org,2002:int"
_SIGNS = tuple("+-0123456789")
#: What is a number here. YAML has others: of 0101 it makes 65, of 12:30 it makes 750, and of +4930123456 it drops +.
#: Whoever writes such a thing into one of these files means what it looks like.
_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")

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
        node = compose(text)
        data = reader.read(node, ()) if node is not None else None
        dismantle(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else f"{path}:1"
        raise ConfigError(
            Fault(where, f"is not YAML: {error.problem}", "check indentation, colons and quotes")
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"is not YAML: it holds the character U+{error.character:04X}"
        raise ConfigError(Fault(f"{path}:{line}", what, "remove control characters")) from error
    except RecursionError as error:
        raise ConfigError(_too_deep(path, 1)) from error
    if reader.faults:
        raise ConfigError(*reader.faults)
    return Document(path, data, reader.lines)


def _too_deep(path: Path, line: int) -> Fault:
    return Fault(f"{path}:{line}", f"is nested deeper than {MAX_DEPTH} levels", "is a bracket not closed?")


class _Reader:
    """Walks a YAML node tree once, building the data and the table of lines."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None) -> None:
        self._path = path
        self._environment = environment
        self._loader = yaml.SafeLoader("")
        self.lines: dict[tuple[Key, ...], int] = {}
        self.faults: list[Fault] = []
        self._values = 0
        self._own_keys: dict[int, frozenset[int]] = {}

    def read(self, node: yaml.Node, location: tuple[Key, ...]) -> Any:
        step()
        line = node.start_mark.line + 1
        self.lines[location] = line
        self._values += 1
        if len(location) > MAX_DEPTH:
            raise ConfigError(_too_deep(self._path, line))
        if self._values > MAX_VALUES:
            what = f"holds more than {MAX_VALUES} values"
            raise ConfigError(Fault(f"{self._path}:{line}", what, "do aliases (*name) stand in aliases?"))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*location, index)) for index, item in enumerate(node.value)]
        value = self._scalar(node)
        return self._substitute(value, location) if isinstance(value, str) else value

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag == _INTEGER and node.value[:1] in _SIGNS and not _PLAIN_INTEGER.fullmatch(node.value):
            return str(node.value)
        try:
            return self._loader.construct_object(node)
        except ValueError:
            # 2026-02-30 looks like a date to YAML, 1__ like a number: neither is what the author meant.
            # The value is not shown: it may be a password that looks like a date.
            self._fault(node, f"this cannot be read as {node.tag.rpartition(':')[2]}", "put it in quotes")
            return None

    def _mapping(self, node: yaml.MappingNode, location: tuple[Key, ...]) -> dict[Key, Any]:
        # A merge (`<<: *other`) brings keys that this mapping's own ones may replace; an alias reads a node again.
        own = self._own_keys.setdefault(id(node), frozenset(id(key_node) for key_node, _ in node.value))
        self._loader.flatten_mapping(node)
        data: dict[Key, Any] = {}
        seen: set[Key] = set()
        for key_node, value_node in node.value:
            key = self._scalar(key_node)
            if not isinstance(key, str | int):
                self._fault(key_node, f"key {key!r} is neither text nor a number", "put it in quotes")
                continue
            if id(key_node) in own:
                if key in seen:
                    self._fault(key_node, f"key {key!r} stands here twice", "remove one of them")
                seen.add(key)
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


def digits_as_text(value: Any) -> Any:
    """Take a number of digits for the text that it is: nobody quotes 600. `Document` has kept every sign of it."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def off_as_text(value: Any) -> Any:
    """Take `off` for the word that it is, where YAML has read it as false."""
    return "off" if value is False else value


def validate(model: type[Model], document: Document, data: Any = None, location: tuple[Key, ...] = ()) -> Model:
    """Return `data` (default: the whole document) as `model`; raise `ConfigError` with every fault's file:line.

    location: where `data` stands in the document, if it is a part of it.
    """
    try:
        return model.model_validate(document.data if data is None else data)
    except pydantic.ValidationError as error:
        faults = [_explain(document, location, dict(item)) for item in error.errors(include_url=False)]
        raise ConfigError(*faults) from error


def validate_each(
    model: type[Model], document: Document, items: Sequence[Any], location: tuple[Key, ...]
) -> tuple[Model, ...]:
    """Return each of `items`, which stand at `location`, as `model`: a long list, in steps. Raises as `validate`."""
    found: list[Model] = []
    faults: list[Fault] = []
    for index, item in enumerate(steps(items)):
        try:
            found.append(model.model_validate(item))
        except pydantic.ValidationError as error:
            for fault in error.errors(include_url=False):
                faults.append(_explain(document, location, {**fault, "loc": (index, *fault["loc"])}))
    if faults:
        raise ConfigError(*faults)
    return tuple(found)


def _explain(document: Document, location: tuple[Key, ...], item: dict[str, Any]) -> Fault:
    place = (*location, *item["loc"])
    name = _name(item["loc"]) or ("this" if location else "the file")
    match item["type"]:
        case "missing":
            return document.fault(place[:-1], f"{name} is missing", "add it")
        case "extra_forbidden":
            return document.fault(place, f"{name} is not a known key", "check the spelling")
        case "value_error":
            return document.fault(place, f"{name}: {item['ctx']['error']}")
        case "literal_error" | "enum":
            return document.fault(place, f"{name} is {_short(item['input'])}", f"it must be {item['ctx']['expected']}")
        case kind if kind in _MUST_BE:
            limits = {key: f"{limit}".removesuffix(".0") for key, limit in item.get("ctx", {}).items()}
            must_be = _MUST_BE[kind].format_map(limits)
            return document.fault(place, f"{name} is {_short(item['input'])}", f"it must be {must_be}")
        case _:
            return document.fault(place, f"{name}: {item['msg']}, not {_short(item['input'])}")


def _name(keys: tuple[Key, ...]) -> str:
    """Return how a fault calls a key. In a list of entries the line says which entry it is, and numbers only puzzle."""
    if keys and isinstance(keys[0], int):
        return ".".join(str(key) for key in keys[1:]) or f"entry {keys[0] + 1}"
    return ".".join(str(key) for key in keys)


def _short(value: Any) -> str:
    """Return a value as a fault shows it; of lists and mappings only what they are, for passwords may be in them."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
