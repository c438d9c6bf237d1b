"""The torture messages of RFC 4475 and RFC 5118 with what `torture.yaml` says of each."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Torture:
    """One message; the fields are explained in `torture.yaml`."""

    name: str
    rfc: int
    section: str
    words: str
    answer: list[int]
    because: str = ""
    fault: str = ""
    dropped: str = ""
    lines: dict[str, str] | None = None
    read: dict[str, Any] | None = None

    @property
    def archived(self) -> bytes:
        """Return the bytes of the RFC's archive."""
        return (FOLDER / f"rfc{self.rfc}" / f"{self.name}.dat").read_bytes()

    @property
    def wire(self) -> bytes:
        """Return the message as it travels; README.md says why that is not the same for RFC 5118."""
        return self.archived if self.rfc == 4475 else _wire(self.archived)

    def __str__(self) -> str:
        return self.name


def _wire(archived: bytes) -> bytes:
    head, _, body = archived.partition(b"\n\n")
    body = body.replace(b"\n", b"\r\n")
    lines = head.rstrip(b"\n").split(b"\n")
    length = b"Content-Length: %d" % len(body)
    lines = [length if line.lower().startswith(b"content-length:") else line for line in lines]
    return b"\r\n".join([*lines, b"", body])


def look_up(message: Any, path: str) -> Any:
    """Return what a path leads to: attributes, indices and calls joined by dots, `len(…)` and `str(…)` around them.

    `header(Name)` is the first value of a header as text, `headers(Name)` all of them. Tuples come back as lists.
    """
    around = re.fullmatch(r"(len|str)\((.*)\)", path)
    if around:
        inner = look_up(message, around[2])
        return len(inner) if around[1] == "len" else str(inner)
    named = re.fullmatch(r"headers?\((.*)\)", path)
    if named:
        return message.headers.all(named[1]) if path.startswith("headers") else message.headers.get(named[1])
    value = message
    for step in re.findall(r"[^.(]+(?:\(.*\))?", path):
        called = re.fullmatch(r"(\w+)\((.*)\)", step)
        if called:
            value = getattr(value, called[1])(called[2])
        else:
            value = value[int(step)] if step.isdigit() else getattr(value, step)
    return _plain(value)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


MESSAGES = [Torture(**item) for item in yaml.safe_load((FOLDER / "torture.yaml").read_text("utf-8"))]
