"""The source of the house as the architecture tests see it: files, modules, syntax trees. Nothing is imported."""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: `name` is its dotted module name, `where` its path from the root of the repository."""

    where: str
    name: str
    text: str
    tree: ast.Module

    @property
    def box(self) -> str:
        """The box of the house it stands in: the first name below `softswitch`."""
        return self.name.split(".")[1] if "." in self.name else ""

    def imports(self) -> list[tuple[int, str]]:
        """Return (line, dotted name) of everything it imports; `from a import b` counts as `a.b`."""
        found: list[tuple[int, str]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.extend((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.where}:{node.lineno} imports relatively; write the whole name"
                found.extend((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        return found


def read_sources(folder: Path) -> list[Source]:
    """Parse every Python file under `folder`."""
    sources = []
    for path in sorted(folder.rglob("*.py")):
        where = path.relative_to(ROOT)
        parts = where.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        sources.append(Source(str(where), name, text, ast.parse(text, str(where))))
    return sources


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def house() -> list[Source]:
    """Every file of the product."""
    return read_sources(ROOT / "softswitch")


@pytest.fixture(scope="session")
def test_files() -> list[Source]:
    """Every file of the tests."""
    return read_sources(ROOT / "tests")


@pytest.fixture(scope="session")
def documentation() -> str:
    """Everything that is written for users: docs/ and README.md, as one text."""
    pages = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages if page.exists())
