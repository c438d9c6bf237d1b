"""A number is the digits and signs that stand in the file, `off` is a word, and Norway is a country."""

from pathlib import Path

import pytest

from softswitch import document
from softswitch.call.carrier import load_carriers
from softswitch.call.dialplan import load_rules
from softswitch.config import load_settings

HERE = Path("numbers.yaml")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("600", 600),
        ("0", 0),
        ("-5", -5),
        ("0101", "0101"),
        ("00", "00"),
        ("+4930123456", "+4930123456"),
        ("+49", "+49"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("0x1F", "0x1F"),
        ("1.5", 1.5),
        ("'0101'", "0101"),
        ("true", True),
    ],
)
def test_only_what_looks_like_a_number_is_one(written: str, meant: object) -> None:
    data = document.parse(HERE, f"value: {written}\n").data
    assert data == {"value": meant} and type(data["value"]) is type(meant)


def test_keys_are_read_alike() -> None:
    assert document.parse(HERE, "{0: a, 07: b, +49: c}").data == {0: "a", "07": "b", "+49": "c"}


def test_nobody_has_to_quote_the_numbers_of_a_carrier(tmp_path: Path) -> None:
    file = tmp_path / "carriers.yaml"
    file.write_text(
        "- name: a\n  host: a.example\n  username: 0049301\n  password: x\n  prefix_add: 00\n  country: NO\n"
        "  caller_id: +4930123450\n  identity_verify: off\n  from_user: 49301\n"
        "- name: b\n  host: b.example\n  caller_id: [+4930123450, 030123]\n  expires: 0600\n"
    )
    a, b = load_carriers(file, {})
    assert (a.username, a.prefix_add, a.country, a.caller_id) == ("0049301", "00", "NO", ("+4930123450",))
    assert (a.identity_verify, a.from_user) == ("off", "49301")
    assert (b.caller_id, b.expires) == (("+4930123450", "030123"), 600)


def test_nobody_has_to_quote_the_numbers_of_users_and_rules(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.yaml"
    file.write_text(
        "users: [{name: 0101, password: x, number: 0102, caller_id: +4930123450}]\n"
        "stir: {verify: off}\ntoll: {everybody: {allow: [+49]}}\n"
    )
    settings = load_settings(file, {})
    assert [(one.name, one.number, one.caller_id) for one in settings.users] == [("0101", "0102", "+4930123450")]
    assert settings.stir.verify == "off"
    [rule] = load_rules(document.parse(HERE, "rules: [{number: 0101, steps: [{dial: {to: 0102, caller_id: 030}}]}]"))
    assert rule.number is not None and rule.number.fullmatch("0101") and not rule.number.fullmatch("65")
    assert list(rule.steps[0].calls())[0][0] == "0102"
