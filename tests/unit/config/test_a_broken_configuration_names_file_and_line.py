"""Whatever stands in softswitch.yaml or carriers.yaml, the answer is settings or faults with file and line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from softswitch.call.carrier import load_carriers
from softswitch.config import load_settings
from softswitch.document import load
from softswitch.errors import ConfigError

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
SETTINGS = {
    "unknown tag": ("sip: !!python/object:os.system x\n", 1, "is not YAML"),
    "no such date": ("data: 2026-02-30\n", 1, "put it in quotes"),
    "no integer": ("limits:\n  max_calls: !!int x\n", 2, "put it in quotes"),
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
    "no level": ("observability:\n  level: loud\n", 2, "it must be 'debug', 'info', 'warning' or 'error'"),
    "no number": ("limits:\n  max_calls: many\n", 2, "limits.max_calls is 'many' (it must be a whole number)"),
    "no public address": ("sip:\n  public_address: banana\n", 2, "is not an IP address"),
}
CARRIERS = {
    "no host": ("- name: a\n", 1, "host is missing"),
    "host with a port": ("- name: a\n  host: sip.example.com:5060\n", 2, "the port in `port`"),
    "half an address": ("- name: a\n  host: 192.0.2\n", 2, "neither a name nor an IP address"),
    "unknown key": ("- name: a\n  host: 192.0.2.1\n  hots: x\n", 3, "hots is not a known key"),
    "srtp": ("- name: a\n  host: 192.0.2.1\n  srtp: always\n", 3, "it must be 'none', 'accept', 'offer' or 'require'"),
    "srtp suites": ("- name: a\n  host: 192.0.2.1\n  srtp_suites: [NULL_SHA1]\n", 3, "NULL_SHA1 is not known"),
    "tls without tls": ("- name: a\n  host: 192.0.2.1\n  tls_verify: false\n", 1, "nothing here goes by TLS"),
    "tls key alone": ("- name: a\n  host: b.example\n  transport: tls\n  tls_key: k\n", 4, "without tls_certificate"),
    "tls certificate alone": (
        "- name: a\n  host: b.example\n  transport: tls\n  tls_certificate: c\n",
        1,
        "add tls_key",
    ),
    "tls name": ("- name: a\n  host: b.example\n  transport: tls\n  tls_name: a/b\n", 4, "is neither a name nor"),
    "transport": ("- name: a\n  host: 192.0.2.1\n  transport: carrier pigeon\n", 3, "it must be 'udp', 'tcp' or 'tls'"),
    "no such codec": ("- name: a\n  host: 192.0.2.1\n  codecs: [ulaw]\n", 3, "codec ulaw is not known"),
    "network": ("- name: a\n  host: 192.0.2.1\n  allow: [192.0.2.1/24]\n", 3, "has host bits set"),
    "country": ("- name: a\n  host: 192.0.2.1\n  country: XX\n", 3, "not the code of a country"),
    "national": ("- name: a\n  host: 192.0.2.1\n  number_format: national\n", 3, "add country"),
    "register": ("- name: a\n  host: 192.0.2.1\n  register: true\n", 3, "add username and password"),
    "no password": ("- name: a\n  host: 192.0.2.1\n  username: u\n", 1, "username needs a password"),
    "no username": ("- name: a\n  host: 192.0.2.1\n  password: p\n", 3, "without a username"),
    "session timer": ("- name: a\n  host: 192.0.2.1\n  session_expires: 30\n", 3, "below 90"),
    "no OPTIONS": (
        "- name: a\n  host: a\n  keep_alive: options\n  health_seconds: 0\n",
        4,
        "keep_alive is options, and 0 sends none",
    ),
    "proxy": ("- name: a\n  host: 192.0.2.1\n  outbound_proxy: 'sip:a b'\n", 3, "is not a SIP address"),
    "proxy by sctp": (
        "- name: a\n  host: 192.0.2.1\n  outbound_proxy: sip:a;transport=sctp\n",
        3,
        "with ;transport=tls",
    ),
    "rule": ("- name: a\n  host: 192.0.2.1\n  caller_id_rules:\n    - number: '_[1'\n", 4, "broken [...] group"),
    "gateway": (
        "- name: a\n  gateways:\n    - host: a.example\n      port: 0\n",
        4,
        "gateways.0.port is 0 (it must be 1 or more)",
    ),
    "gateway twice": ("- name: a\n  gateways: [{host: a}, {host: a}]\n", 2, "stands here twice"),
    "name twice": ("- name: a\n  host: a\n- name: a\n  host: b\n", 3, "carrier a stands here twice"),
    "no name": ("- host: a\n- name: a b\n  host: a\n", 2, "use up to 64 letters, digits, `-` and `_`"),
    "no number of seconds": ("- name: a\n  host: a\n  expires: 10m\n", 3, ": expires is '10m' (it must be a whole"),
    "neither yes nor no": ("- name: a\n  host: a\n  register: maybe\n", 3, "(it must be true or false)"),
    "no rate": ("- name: a\n  host: a\n  max_cps: 0\n", 3, "max_cps is 0 (it must be more than 0)"),
    "no entry": ("- asterisk\n", 1, "entry 1 is 'asterisk' (it must be a mapping"),
    "password not set": ("- name: a\n  host: a\n  username: u\n  password: ${SECRET}\n", 4, "SECRET is not set"),
    "line break": ('- name: a\n  host: 192.0.2.1\n  caller_id: "1\\r\\nX: y"\n', 3, "is not a caller ID"),
    "number": ("- name: a\n  host: 192.0.2.1\n  caller_id: 49.30\n", 3, "put it in quotes"),
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
