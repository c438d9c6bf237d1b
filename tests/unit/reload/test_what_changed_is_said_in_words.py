"""Two readings of the same files, compared: rules by what they do, not where they stand, and no secret in any word."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from softswitch.audio.frame import Frame
from softswitch.call.carrier import Carrier
from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.catalog import Catalog
from softswitch.changes import LIVE, Changes, difference, settings_changed
from softswitch.config import Section, Settings
from softswitch.document import parse

RULES = """
rules:
  - {number: 600, steps: [answer, echo]}
  - {number: 601, caller: "1XX", steps: [answer, echo]}
  - {number: 601, steps: [{reject: 486}]}
"""


def catalog(rules: str = RULES, carriers: tuple[dict[str, Any], ...] = (), **more: Any) -> Catalog:
    read = Dialplan(load_rules(parse(Path("plan.yaml"), rules)))
    found = tuple(Carrier.model_validate(entry) for entry in carriers)
    return Catalog(read, more.get("flows", {}), more.get("sounds", {}), found)


def said(old: Catalog, new: Catalog) -> list[str]:
    return Changes.between(Settings(), old, Settings(), new).sentences()


def test_the_same_files_are_no_change() -> None:
    assert said(catalog(), catalog()) == []
    assert settings_changed(Settings(), Settings()) == (Settings(), (), ())


def test_a_rule_that_only_stands_on_another_line_is_no_change() -> None:
    assert said(catalog(), catalog("# a comment\n" + RULES)) == []


def test_rules_are_named_by_their_number() -> None:
    new = RULES.replace("{reject: 486}", "{reject: 480}") + "  - {number: 602, steps: [answer, echo]}\n"
    assert said(catalog(), catalog(new)) == ["rules added: 602", "rules changed: 601 (2)"]
    assert said(catalog(new), catalog()) == ["rules changed: 601 (2)", "rules removed: 602"]


def test_another_order_of_rules_is_a_change() -> None:
    new = "rules:\n  - {number: 602, steps: [answer, echo]}\n  - {number: 600, steps: [answer, echo]}\n"
    turned = "rules:\n  - {number: 600, steps: [answer, echo]}\n  - {number: 602, steps: [answer, echo]}\n"
    assert said(catalog(new), catalog(turned)) == ["rules stand in another order"]


def test_a_changed_password_is_a_change_that_is_never_shown() -> None:
    entry = {"name": "office", "host": "192.0.2.1", "username": "u", "password": "old-secret"}
    words = said(catalog(carriers=(entry,)), catalog(carriers=({**entry, "password": "new-secret"},)))
    assert words == ["carriers changed: office"]


def test_users_are_named_and_their_order_means_nothing() -> None:
    def users(*entries: dict[str, Any]) -> Settings:
        return Settings.model_validate({"users": entries})

    alice, bob = {"name": "alice", "password": "old-secret"}, {"name": "bob", "password": "x"}
    old, new = users(alice, bob), users(bob, {**alice, "password": "new-secret"}, {**bob, "name": "carol"})
    words = Changes.between(old, catalog(), new, catalog()).sentences()
    assert words == ["users added: carol", "users changed: alice"]
    merged, live, fixed = settings_changed(old, new)
    assert (merged.users, live, fixed) == (new.users, (), ())


def test_sounds_are_the_same_when_they_sound_the_same() -> None:
    first, again, other = ([Frame(bytes([value]) * 320)] for value in (1, 1, 2))
    assert said(catalog(sounds={"a": first}), catalog(sounds={"a": again})) == []
    assert said(catalog(sounds={"a": first}), catalog(sounds={"a": other})) == ["sounds changed: a"]


def test_a_long_list_of_names_is_cut() -> None:
    (words,) = difference({}, {str(number): number for number in range(1000)}).sentences("users")
    assert words == "users added: 0, 1, 2, 3, 4, 5, 6, 7 and 992 more"


def test_every_key_is_either_live_or_needs_a_restart() -> None:
    known = set(_keys_of(Settings, ""))
    assert LIVE <= known, f"keys that do not exist: {sorted(LIVE - known)}"


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3)),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3)),
)
def test_a_difference_is_all_there_is(old: dict[str, int], new: dict[str, int]) -> None:
    found = difference(old, new)
    made = {name: value for name, value in old.items() if name not in found.removed and name not in found.changed}
    made |= {name: new[name] for name in (*found.added, *found.changed)}
    assert made == new
    assert not found.moved or [*old] != [*new]


def _keys_of(section: type[Section], prefix: str) -> Iterator[str]:
    """Yield the names of a section's keys, those of the sections in it included."""
    for key, field in section.model_fields.items():
        yield f"{prefix}{key}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _keys_of(field.annotation, f"{prefix}{key}.")
