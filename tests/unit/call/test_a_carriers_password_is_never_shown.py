"""A password reaches no repr, JSON, fault or traceback, whatever else is wrong with the file it stands in."""

import json
import traceback
from pathlib import Path

import pytest

from softswitch.call.carrier import load_carriers
from softswitch.errors import ConfigError

SECRET = "hunter2-1999"
ENVIRONMENT = {"OFFICE_PASSWORD": SECRET}
GOOD = "- name: office\n  host: sip.example.com\n  username: u\n  password: ${OFFICE_PASSWORD}\n"
BROKEN = {
    "no dash": GOOD.replace("- ", "  "),
    "unknown key": GOOD + "  hots: 1\n",
    "wrong value": GOOD + "  port: 0\n",
    "no host": GOOD.replace("  host: sip.example.com\n", ""),
    "no username": GOOD.replace("  username: u\n", ""),
    "twice": GOOD + GOOD,
    "password of digits": GOOD.replace("${OFFICE_PASSWORD}", "19990101"),
    "password that is no date": GOOD.replace("${OFFICE_PASSWORD}", "1999-02-31"),
    "password as a list": GOOD.replace("${OFFICE_PASSWORD}", "[hunter2, hunter2]"),
    "password as a mapping": GOOD.replace("${OFFICE_PASSWORD}", "{hunter2: 1999}"),
    "entry in a list": "- [name, {password: hunter2}]\n",
}


def test_it_is_loaded_and_not_shown(tmp_path: Path) -> None:
    carrier = _load(tmp_path, GOOD)
    assert carrier.password.get_secret_value() == SECRET
    shown = f"{carrier!r} {carrier} {carrier.model_dump()} {carrier.model_dump_json()} {json.dumps([str(carrier)])}"
    assert "hunter2" not in shown


@pytest.mark.parametrize("name", BROKEN)
def test_no_fault_shows_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, BROKEN[name])
    assert caught.value.faults
    text = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in text and "1999" not in text, text


def test_a_variable_that_is_not_set_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "carriers.yaml"
    file.write_text(GOOD)
    with pytest.raises(ConfigError) as caught:
        load_carriers(file, {})
    (fault,) = caught.value.faults
    assert fault.where == f"{file}:4" and fault.what == "environment variable OFFICE_PASSWORD is not set"


def test_a_variable_that_is_empty_is_no_password(tmp_path: Path) -> None:
    file = tmp_path / "carriers.yaml"
    file.write_text(GOOD)
    with pytest.raises(ConfigError, match="username needs a password"):
        load_carriers(file, {"OFFICE_PASSWORD": ""})


def _load(folder: Path, text: str):  # type: ignore[no-untyped-def]
    file = folder / "carriers.yaml"
    file.write_text(text)
    return load_carriers(file, ENVIRONMENT)[0]
