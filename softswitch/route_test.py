"""`softswitch route-test`: which rule, carrier, gateways and caller ID a number would get, and why; nothing is sent."""

import datetime
import os.path
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from softswitch.call.dial import Dial
from softswitch.call.dialplan import Query, Rule
from softswitch.call.numbers import Kind, read
from softswitch.call.routing import Route, direct_uri, is_uri, route
from softswitch.call.step import render, variables_of
from softswitch.call.steps import STEPS
from softswitch.call.targets import is_user
from softswitch.call.toll import Toll
from softswitch.call.toll_rules import TollLimits, TollSection
from softswitch.call.transfer import Transfer
from softswitch.call.user import SCHEME, UserBook
from softswitch.call.who import Who
from softswitch.catalog import Catalog
from softswitch.errors import ResourceError

_NOTHING = (
    "Nothing takes {number}: no rule of the dialplan knows it, and there is no carrier to call it over. "
    "Add an entry to {file} (docs/carriers.md explains each), or a rule to the dialplan."
)


@dataclass(frozen=True, slots=True)
class Way:
    """One call that would be placed. route: None where it leaves without a carrier, or not at all (`fault` says why).

    note: a sentence about a target that only a call can know, or that needs no carrier. toll: whether it may be called.
    """

    target: str
    route: Route | None = None
    note: str = ""
    fault: str = ""
    toll: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What would become of a number. rule: of the dialplan, None where none knows it. fault: why nothing takes it.

    asked: whether the dialplan was asked at all.
    """

    number: str
    caller: str
    rule: Rule | None
    ways: tuple[Way, ...]
    fault: str = ""
    asked: bool = True


def decide(
    catalog: Catalog,
    number: str,
    *,
    caller: str = "",
    carrier: str = "",
    wall: datetime.datetime,
    random: Callable[[], float],
    carriers_file: str = "carriers.yaml",
    user: str = "",
    toll: TollSection | None = None,
    own: TollLimits | None = None,
) -> Decision:
    """Decide as a call would. carrier: place the call over this one, whatever the dialplan says; empty: ask that first.

    caller: the number of whoever calls. wall: for rules that have hours. random: draws among equal gateways.
    carriers_file: where a carrier would be added. user: who calls, by name, and own: the tolls in its entry. toll: what
    may be called; how much of it was called today only the running switch knows.
    """
    tolls = Toll(toll or TollSection())
    tolls.own = lambda _: own
    who = Who(user, trusted=True)

    def over(target: str, found: Route) -> Way:
        carrier = found.carrier
        read_as = read(target, carrier.country)
        refusal = tolls.verdict(read_as, carrier.country, who, carrier.name, wall=wall, now=0.0)
        if refusal is not None:
            return Way(target, found, fault=refusal.words, toll=refusal.words)
        whose = f"user {user}, carrier {carrier.name}" if user else f"carrier {carrier.name}"
        return Way(target, found, toll=f"open to {whose} and everybody together, as far as the number goes")

    def way(target: str, caller_id: str, name: str) -> Way:
        try:
            if is_user(target, name, catalog.users):
                return _to_user(target, catalog.users)
            if is_uri(target):
                direct_uri(target)
                return Way(target, note="A SIP URI is called directly, without a carrier.")
            return over(target, route(target, catalog.carriers, carrier=name, caller_id=caller_id, random=random))
        except ResourceError as error:
            return Way(target, fault=str(error))

    if carrier or is_uri(number):
        only = way(number, caller, carrier)
        return Decision(number, caller, None, (only,), only.fault and _sentence(only.fault), asked=False)
    called = read(number)
    dialled = number if called.kind is Kind.NAME else called.dialled
    rule = catalog.dialplan.match(Query(dialled, caller, trusted=True, wall=wall))
    if rule is None:
        only = way(number, caller, "")
        fault = _sentence(only.fault) if catalog.carriers else _NOTHING.format(number=number, file=place(carriers_file))
        return Decision(number, caller, None, (only,), only.fault and fault)
    ways = tuple(_of_rule(rule, dialled, caller, way))
    faults = [found.fault for found in ways if found.fault]
    all_fail = bool(faults) and len(faults) == len(ways)
    return Decision(number, caller, rule, ways, f"The rule dials, but {faults[0]}." if all_fail else "")


def _of_rule(rule: Rule, dialled: str, caller: str, way: Callable[[str, str, str], Way]) -> Iterator[Way]:
    variables = {"from": caller, "to": dialled[rule.strip :]}
    for step in rule.steps:
        if not isinstance(step, Dial | Transfer):
            continue
        for text in step.to:
            target = render(text, variables)
            if unknown := sorted(set(variables_of(text)) - variables.keys()):
                yield Way(text, note=f"What {', '.join(unknown)} is, only the call will know.")
            else:
                yield way(target, render(step.caller_id, variables) or caller, step.carrier)


def _to_user(target: str, users: UserBook) -> Way:
    user = users.find(target)
    if user is None:
        return Way(target, fault=f"there is no user {target.removeprefix(SCHEME)}")
    return Way(target, note=f"User {user.name}: every telephone rings that is registered (softswitch registrations).")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def place(where: str) -> str:
    """Return a file and line as seen from the current folder, where that is shorter."""
    return min(where, os.path.relpath(where), key=len)


# As JSON --------------------------------------------------------------------------------------------------------------


def as_json(decision: Decision) -> dict[str, Any]:
    """Return what `--json` prints."""
    rule = decision.rule
    return {
        "number": decision.number,
        "from": decision.caller,
        "ok": not decision.fault,
        "fault": decision.fault,
        "rule": rule
        and {"where": rule.where, "name": rule.name, "strangers": rule.strangers, "steps": list(_steps(rule))},
        "calls": [_way_as_json(way) for way in decision.ways],
    }


def _way_as_json(way: Way) -> dict[str, Any]:
    data: dict[str, Any] = {"target": way.target, "note": way.note, "fault": way.fault, "toll": way.toll}
    if way.route is None:
        return data
    found = way.route
    return data | {
        "carrier": found.carrier.name,
        "number": found.number,
        "caller_id": found.caller_id,
        "from": _from(found),
        "headers": [{"name": name, "value": value} for name, value in found.identity],
        "gateways": [
            {
                "host": gateway.host,
                "port": gateway.port,
                "transport": gateway.transport,
                "priority": gateway.priority,
                "weight": gateway.weight,
                "request_uri": str(found.request_uri(gateway)),
            }
            for gateway in found.gateways
        ],
        "why": list(found.why),
    }


def _steps(rule: Rule) -> Iterator[str]:
    names = {step: name for name, step in STEPS.items()}
    for step in rule.steps:
        yield names.get(type(step), type(step).__name__.lower())


def _from(found: Route) -> str:
    address = str(found.from_uri) if found.from_uri else f"sip:{found.from_user}@…" if found.from_user else "sip:…"
    return f'"{found.from_name}" <{address}>' if found.from_name else f"<{address}>"


# As a table -----------------------------------------------------------------------------------------------------------


def print_decision(decision: Decision) -> None:
    """Print tables for people: the rule, and one for each call that would be placed."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=escape(decision.number), title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    only_fault = bool(decision.fault) and len(decision.ways) == 1
    blocks = [[("carrier", ["none"])]] if only_fault else [list(_way_rows(way)) for way in decision.ways]
    for rows in (list(_rule_rows(decision)), *blocks):
        for name, values in rows:
            table.add_row(name, "\n".join(escape(value) for value in values))
        table.add_section()
    console.print(table)
    if decision.fault:
        console.print(escape(decision.fault))


def _rule_rows(decision: Decision) -> Iterator[tuple[str, Sequence[str]]]:
    rule = decision.rule
    if not decision.asked:
        yield "rule", ["not asked"]
    elif rule is None:
        yield "rule", ["none: who dials this number here hears 404 Not Found"]
    else:
        written = rule.number is not None or rule.address is not None
        yield "rule", [f"{rule.name} at {place(rule.where)}" if written else "none is needed: it is a user's"]
        if not rule.strangers:
            carriers = ", and carriers where the rule names them or leads nowhere out" if written else ""
            yield "for", [f"users, networks of sip.trusted{carriers}"]
        yield "steps", [", ".join(_steps(rule))]
        if not decision.ways:
            yield "call", ["none: the switch takes the caller itself"]


def _way_rows(way: Way) -> Iterator[tuple[str, Sequence[str]]]:
    found = way.route
    yield "call to", [way.target]
    if found is None:
        yield ("but", [_sentence(way.fault)]) if way.fault else ("why", [way.note])
        return
    many = len(found.gateways) > 1
    yield "carrier", [found.carrier.name]
    yield (
        "gateways" if many else "gateway",
        [
            f"{f'{index}. ' if many else ''}{gateway} over {gateway.transport.upper()}"
            + (f", priority {gateway.priority}, weight {gateway.weight}" if many else "")
            for index, gateway in enumerate(found.gateways, 1)
        ],
    )
    yield "number", [found.number]
    yield "URI", list(dict.fromkeys(str(found.request_uri(gateway)) for gateway in found.gateways))
    yield "caller ID", [found.caller_id or "none"]
    yield "From", [_from(found)]
    if found.identity:
        yield "headers", [f"{name}: {value}" for name, value in found.identity]
    yield "toll", [_sentence(way.toll)]
    yield "why", [f"- {sentence}" for sentence in found.why]
