"""Whoever copies an example out of README.md or docs/ into a file hears from `softswitch check` that it is in order.

What an example takes for granted is put beside it: the files it names, passwords in the environment, the carriers and
flows that other examples on its page have.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from softswitch.catalog import shipped
from softswitch.cli import app
from tests.tools.certificates import Authority

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
CARRIERS = "- {name: office, host: pbx.example.com}\n- {name: asterisk, host: 192.0.2.10}\n"
ENVIRONMENT = {name: "x" for name in ("ALICE_PASSWORD", "BOB_PASSWORD", "OFFICE_PASSWORD", "KAMAILIO_PASSWORD")}
#: Where certificates and keys stand in examples, and which of ours stands there.
FILES = re.compile(r"(?<=: )(?:/etc/[^\s,]*/)?([\w/-]+\.(?:pem|crt|key))\b")


def examples() -> Iterator[Any]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 2
            yield pytest.param(found[1], id=f"{page.relative_to(ROOT)}:{line}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what an authority signed, under the names that examples have for such files."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority()
    authority.write(folder, "authority")
    authority.sign("sip.example.net").write(folder, "pair")
    return folder


def beside(folder: Path, text: str, certificates: Path) -> str:
    """Return an example with its certificates and keys where this machine may have them."""

    def put(found: re.Match[str]) -> str:
        name = found[1].replace("/", "-")
        kind = "pair.key" if "key" in name else "authority.crt" if re.search("ca|peers|roots", name) else "pair.crt"
        (folder / name).write_bytes((certificates / kind).read_bytes())
        return name

    return FILES.sub(put, text)


@pytest.mark.parametrize("text", [*examples()])
def test_an_example_is_in_order(tmp_path: Path, certificates: Path, text: str) -> None:
    text = beside(tmp_path, text, certificates)
    data = yaml.safe_load(text)
    plan, carriers = tmp_path / "dialplans", CARRIERS
    settings = "carriers: carriers.yaml\ndialplans: dialplans\nmedia: media\nsip: {tls: {listen: '127.0.0.1:5061'}}\n"
    plan.mkdir()
    (tmp_path / "media").mkdir()
    for name in ("welcome.wav", "beep.wav", "sorry.wav"):
        (tmp_path / "media" / name).write_bytes((shipped("media") / "beep.wav").read_bytes())
    (plan / "base.yaml").write_bytes((shipped("dialplans") / "receptionist.yaml").read_bytes())
    if isinstance(data, list):
        carriers = text
    elif data.keys() <= {"rules", "flows"}:
        (plan / "example.yaml").write_text(text)
    else:
        settings = text
    (plan / "rules.yaml").write_text("rules: [{number: 700, steps: [agent: receptionist]}]\n")
    (tmp_path / "carriers.yaml").write_text(carriers)
    (tmp_path / "softswitch.yaml").write_text(settings)
    arguments = ["check", "--config", str(tmp_path / "softswitch.yaml")]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "80", **ENVIRONMENT})
    assert result.exit_code == 0, result.output
    assert "Everything is in order." in result.output, result.output


def test_examples_are_found() -> None:
    assert len(list(examples())) > 20
