"""`softswitch recordings`: the list, one call's sound, and a no with a sentence where a file is not what it was."""

import json
import os
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from softswitch.cli import app
from tests.unit.recording.conftest import Desk, sides, strips

KEY = bytes(range(32))
ENVIRONMENT = {"SOFTSWITCH_RECORDING_KEY": KEY.hex()}


@pytest.fixture
def kept(at_desk: Callable[..., None], tmp_path: Path) -> Path:
    """A data folder with one encrypted recording, of call-1, and one that is still written; return the first file."""

    async def story(desk: Desk) -> None:
        recorded = await desk.write(*strips(*sides(2)))
        path = tmp_path / recorded.path
        (path.parent / "000000-call-2-abcd.wav.part").write_bytes(b"RIFF")
        os.symlink(path, tmp_path / "link")

    at_desk(story, key=KEY)
    return (tmp_path / "link").resolve()


def run(*arguments: str, environment: dict[str, str] = ENVIRONMENT) -> Any:
    return CliRunner().invoke(app, ["recordings", *arguments], env={"COLUMNS": "160", **environment})


def test_the_list_says_what_is_there(kept: Path, tmp_path: Path) -> None:
    found = json.loads(run("--data", str(tmp_path), "--json").output)["recordings"]
    assert [(one["call"], one["encrypted"], one["finished"]) for one in found] == [
        ("call-2", False, False),
        ("call-1", True, True),
    ]
    table = run("--data", str(tmp_path)).output
    assert "encrypted" in table and "unfinished" in table and kept.name in table


def test_a_call_is_exported_by_the_beginning_of_its_id(kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    assert run("export", "call-1", str(out), "--data", str(tmp_path)).exit_code == 0
    with wave.open(str(out)) as file:
        assert (file.getnchannels(), file.getnframes()) == (2, 16000)
    again = run("export", "call-1", str(out), "--data", str(tmp_path))
    assert again.exit_code == 1 and "exists" in again.output
    none = run("export", "call-9", str(tmp_path / "no.wav"), "--data", str(tmp_path))
    assert none.exit_code == 1 and "no recording of a call call-9" in none.output


def test_a_damaged_file_is_a_no_and_its_genuine_part_can_be_had(kept: Path, tmp_path: Path) -> None:
    data = bytearray(kept.read_bytes())
    data[-5] ^= 1
    kept.write_bytes(data)
    out = tmp_path / "out.wav"
    damaged = run("decrypt", str(kept), str(out))
    assert damaged.exit_code == 1 and "part 3 was changed" in damaged.output and not out.exists()
    assert run("decrypt", str(kept), str(out), "--partial").exit_code == 1
    with wave.open(str(out)) as file:
        assert file.getnframes() == 8000


@pytest.mark.parametrize(
    ("key", "status", "sentence"),
    [("", 1, "give its key"), ("00" * 32, 1, "another key"), ("nonsense", 2, "32 random octets")],
)
def test_without_the_key_there_is_a_sentence(kept: Path, tmp_path: Path, key: str, status: int, sentence: str) -> None:
    said = run("decrypt", str(kept), str(tmp_path / "x.wav"), environment={"SOFTSWITCH_RECORDING_KEY": key})
    assert said.exit_code == status and sentence in said.output
    assert not (tmp_path / "x.wav").exists()


def test_a_key_in_the_configuration_is_never_shown(tmp_path: Path) -> None:
    config = tmp_path / "softswitch.yaml"
    config.write_text(f"recording: {{key: '{KEY.hex()}x'}}\n")
    said = CliRunner().invoke(app, ["check", "--config", str(config)], env={"COLUMNS": "160"})
    assert said.exit_code != 0 and KEY.hex() not in said.output + str(said.exception)
