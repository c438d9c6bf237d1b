"""Whatever stands in softswitch.yaml or carriers.yaml, the answer is settings or faults with file and line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from softswitch.config import load_carriers, load_settings
from softswitch.document import load
from softswitch.errors import ConfigError

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
SETTINGS = {
    "unknown tag": ("sip: !!python/object:os.system x\n", 1, "is not YAML"),
    "no such date": ("data: 2026-02-30\n", 1, "put it in quotes"),
    "no number": ("limits:\n  max_calls: !!int x\n", 2, "put it in quotes"),
    "alias of itself": ("sip: &a\n  listen: *a\n", 1, "nested deeper"),
    "brackets": ("[" * 5000, 1, "nested deeper"),
    "aliases of aliases": (BOMB, 1, "more than 200000 values"),
    "control character": ("sip:\n  \0\n", 2, "U+0000"),
    "key twice": ("sip:\n  listen: 127.0.0.1:1\nsip:\n  listen: 127.0.0.1:2\n", 3, "stands here twice"),
    "unset variable": ("observability:\n  level: ${NOPE}\n", 2, "NOPE is not set"),
    "no mapping": ("sip: 127.0.0.1:5060\n", 1, "must be a mapping"),
    "address as a list": ("sip:\n  listen: [banana, -5060]\n", 2, "is not an address"),
    "ports as a list": ("rtp:\n  ports: [9, 3]\n", 2, "is not a range of ports"),
    "no RTP address": ("rtp:\n  address: banana\n", 2, "is not an IP address"),
    "no public address": ("sip:\n  public_address: banana\n", 2, "is not an IP address"),
}
CARRIERS = {
    "host name": ("- name: a\n  host: sip.example.com\n", 2, "is not an IP address"),
    "line break": ('- name: a\n  host: 192.0.2.1\n  caller_id: "1\\r\\nX: y"\n', 3, "is not a caller ID"),
    "number": ("- name: a\n  host: 192.0.2.1\n  caller_id: 4930\n", 3, "put it in quotes"),
    "no list": ("0\n", 1, "must be a list"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_refused_with_their_line(tmp_path: Path, name: str) -> None:
    text, line, words = SETTINGS[name]
    _refused(tmp_path, text, line, words, lambda file: load_settings(file, {}))


@pytest.mark.parametrize("name", CARRIERS)
def test_carriers_are_refused_with_their_line(tmp_path: Path, name: str) -> None:
    text, line, words = CARRIERS[name]
    _refused(tmp_path, text, line, words, lambda file: load_carriers(file, {}))


def _refused(folder: Path, text: str, line: int, words: str, reading: Callable[[Path], object]) -> None:
    file = folder / "file.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        reading(file)
    faults = [str(fault) for fault in caught.value.faults]
    assert any(fault.startswith(f"{file}:{line}:") for fault in faults), faults
    assert all(fault.startswith(f"{file}:") for fault in faults), faults
    assert any(words in fault for fault in faults), faults


def test_a_section_whose_keys_are_commented_out_is_left_at_its_defaults(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.yaml"
    file.write_text("sip:\n  # listen: 0.0.0.0:5060\nhttp:\n  enabled: false\n")
    settings = load_settings(file, {})
    assert settings.sip.listen == ("127.0.0.1", 5060)
    assert not settings.http.enabled


def test_a_merge_brings_keys_that_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: &b\n  <<: *a\n  y: 3\nc: *b\n")
    data = load(file).data
    assert data == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 3}}
