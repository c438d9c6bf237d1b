"""Imports point down the house, never up and never sideways between boxes of one floor, and there are no cycles."""

from collections.abc import Iterable
from typing import Any

import pytest

#: Floor of each box. A new box needs a line here: decide on which floor it stands before writing it.
FLOORS = {
    "clock": 0,
    "document": 0,
    "errors": 0,
    "pace": 0,
    "yaml_nodes": 0,
    "audio": 1,
    "rtp": 1,
    "sdp": 1,
    "sip": 1,
    "call": 2,
    "events": 2,
    "net": 2,
    "conversation": 3,
    "legs": 3,
    "switchboard": 3,
    "apps": 4,
    "providers": 4,
    "api": 5,
    "store": 5,
    # The top floor knows everybody and is known by nobody; its rooms may know each other, without cycles.
    "__main__": 6,
    "agents": 6,
    "app": 6,
    "ask": 6,
    "bench": 6,
    "bans_view": 6,
    "call_view": 6,
    "calls_view": 6,
    "catalog": 6,
    "certificates": 6,
    "changes": 6,
    "cli": 6,
    "cli_options": 6,
    "cli_recordings": 6,
    "cli_running": 6,
    "config": 6,
    "demo": 6,
    "ladder": 6,
    "logs": 6,
    "metrics": 6,
    "outbound": 6,
    "people": 6,
    "recordings_view": 6,
    "reload": 6,
    "reload_view": 6,
    "route_test": 6,
    "section": 6,
    "serve": 6,
    "stir_files": 6,
    "supervision": 6,
    "trunks_view": 6,
    "users_view": 6,
}
TOP = 6

#: On the lowest floor these are one box: plain names that everybody may use, themselves included.
GROUND = 0


def test_every_box_has_a_floor(house: list[Any]) -> None:
    unknown = sorted({source.box for source in house if source.box} - FLOORS.keys())
    assert not unknown, f"no floor in the table of this test for: {unknown}"


def test_imports_only_point_down(house: list[Any]) -> None:
    wrong = [
        f"{source.where}:{line} imports {target} ({why})"
        for source in house
        if source.box
        for line, target in source.imports()
        if target.startswith("softswitch.") and (why := _fault(source.box, target.split(".")[1]))
    ]
    assert not wrong, "\n".join(wrong)


def _fault(importer: str, imported: str) -> str:
    """Return why `importer` must not import `imported`, empty when it may."""
    above, below = FLOORS[importer], FLOORS.get(imported)
    if importer == imported:
        return ""
    if below is None:
        return "a box without a floor"
    if below > above:
        return f"up, from floor {above} to {below}"
    if below == above and above not in (GROUND, TOP):
        return f"sideways, on floor {above}"
    return ""


@pytest.mark.parametrize(
    ("importer", "imported", "fault"),
    [
        ("sip", "errors", ""),
        ("app", "config", ""),
        ("legs", "legs", ""),
        ("sip", "sdp", "sideways, on floor 1"),
        ("legs", "switchboard", "sideways, on floor 3"),
        ("call", "legs", "up, from floor 2 to 3"),
        ("call", "attic", "a box without a floor"),
    ],
)
def test_the_rule_itself(importer: str, imported: str, fault: str) -> None:
    assert _fault(importer, imported) == fault


def test_only_the_app_knows_the_providers(house: list[Any]) -> None:
    wrong = [
        f"{source.where}:{line} imports {target}"
        for source in house
        if source.box and source.box != "providers" and FLOORS[source.box] < TOP
        for line, target in source.imports()
        if target.startswith("softswitch.providers")
    ]
    assert not wrong, "\n".join(wrong)


def test_providers_know_the_conversation_only_by_its_ports(house: list[Any]) -> None:
    wrong = [
        f"{source.where}:{line} imports {target}"
        for source in house
        if source.box == "providers"
        for line, target in source.imports()
        if target.startswith("softswitch.conversation.") and not target.startswith("softswitch.conversation.ports.")
    ]
    assert not wrong, "\n".join(wrong)


def test_there_are_no_cycles(house: list[Any]) -> None:
    names = {source.name for source in house}
    edges = {
        source.name: {module for _, target in source.imports() if (module := _module(target, names))}
        for source in house
    }
    cycle = _cycle(edges)
    assert not cycle, " -> ".join(cycle)


def test_a_cycle_is_found() -> None:
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert _cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def _module(target: str, names: Iterable[str]) -> str | None:
    """Return the module of the house that `target` (a module, or a name in one) means, None for a foreign one."""
    if target in names:
        return target
    parent = target.rpartition(".")[0]
    return parent if parent in names else None


def _cycle(edges: dict[str, set[str]]) -> list[str]:
    """Return one cycle of the graph, its first node again at the end; empty when there is none."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for successor in sorted(edges.get(node, ())):
            if found := visit(successor, [*path, node]):
                return found
        done.add(node)
        return []

    for start in sorted(edges):
        if found := visit(start, []):
            return found
    return []
