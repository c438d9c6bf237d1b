"""The dialplan: numbers to steps, from YAML. The first rule that matches a call serves it."""

import datetime
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pydantic

from softswitch.call.dial import Dial
from softswitch.call.hours import Hours
from softswitch.call.pattern import compile_address, compile_pattern
from softswitch.call.step import BaseStep
from softswitch.call.steps import parse_step
from softswitch.call.targets import may_leave
from softswitch.call.user import SCHEME, User, UserBook
from softswitch.document import Document, Key, digits_as_text, validate
from softswitch.errors import ConfigError, Fault, RemoteError
from softswitch.sip.uri import Uri


@dataclass(frozen=True, slots=True)
class Query:
    """A call that looks for its rule.

    carrier: the trunk it came by, empty for none. uri: the Request-URI, empty where there is none (a number
    that is only looked up). trusted: authenticated, or from this machine. wall: the time, with its zone; without it no
    rule that has hours serves. signed: what came of its signature: `passed`, `failed`, `unknown`, or empty.
    """

    number: str
    caller: str = ""
    carrier: str = ""
    uri: str = ""
    trusted: bool = False
    wall: datetime.datetime | None = None
    signed: str = ""


class _RuleModel(pydantic.BaseModel):
    """A rule as YAML has it; its steps are read one by one, so that each fault has its own line."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    number: tuple[str, ...] = ()
    sip: tuple[str, ...] = ()
    caller: tuple[str, ...] = ()
    carrier: str = ""
    time: str = ""
    timezone: str = ""
    signed: Literal["", "passed", "failed", "unknown"] = ""
    strangers: bool = False
    strip: int = pydantic.Field(default=0, ge=0, le=32)
    steps: list[Any] = pydantic.Field(min_length=1)

    @pydantic.field_validator("number", "sip", "caller", mode="before")
    @classmethod
    def _numbers_are_texts(cls, value: Any) -> Any:
        items = value if isinstance(value, list | tuple) else [value]  # one needs no list
        return tuple(digits_as_text(item) for item in items)

    @pydantic.field_validator("number", "caller")
    @classmethod
    def _patterns_are_sound(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            compile_pattern(text)
        return value

    @pydantic.field_validator("sip")
    @classmethod
    def _addresses_are_sound(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            compile_address(text)
        return value

    @pydantic.field_validator("time")
    @classmethod
    def _time_is_sound(cls, value: str) -> str:
        if value:
            Hours.parse(value)
        return value

    @pydantic.field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        _zone(value)
        return value


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it serves (`name`, as it is written), and the steps.

    number, address: one of them; the other is None. caller, hours: None for anybody, at any time. carrier: empty for
    any way in. zone: of the hours; None for the system's. signed: what must have come of its signature, empty for
    anything. strangers: whether callers of whom nothing is known may use it. strip: how many leading digits are taken
    off the number before the steps see it as `{to}`. places: file and line of each step.
    """

    name: str
    number: re.Pattern[str] | None
    address: re.Pattern[str] | None
    caller: re.Pattern[str] | None
    carrier: str
    hours: Hours | None
    zone: datetime.tzinfo | None
    signed: str
    strangers: bool
    strip: int
    steps: tuple[BaseStep, ...]
    places: tuple[str, ...]
    where: str

    def serves(self, query: Query, address: str) -> bool:
        """Return whether this rule is for this call to `address` (user@host); trust is not asked here."""
        if self.number is not None and not self.number.fullmatch(query.number):
            return False
        if self.address is not None and not self.address.fullmatch(address):
            return False
        if self.caller is not None and not self.caller.fullmatch(query.caller):
            return False
        if self.carrier and self.carrier != query.carrier:
            return False
        if self.signed and self.signed != query.signed:
            return False
        if self.hours is None:
            return True
        return query.wall is not None and self.hours.covers(query.wall.astimezone(self.zone))


class Dialplan:
    """An ordered list of rules. users: who is reached by name or number where no rule is for it; may be replaced."""

    def __init__(self, rules: Sequence[Rule], users: UserBook | None = None) -> None:
        self.rules = tuple(rules)
        self.users = users or UserBook()
        self._read_addresses = any(rule.address is not None for rule in rules)

    def match(self, query: Query) -> Rule | None:
        """Return the first rule for this call, None where no rule serves it."""
        address = _address(query.uri) if self._read_addresses else ""
        for rule in self.rules:
            if rule.serves(query, address):
                # Not the next one that is laxer: a stranger must not find another way to the number.
                return rule if self._is_open(rule, query) else None
        user = self.users.find(query.number) if query.trusted else None
        return _to_user(user, query.number) if user is not None else None

    def _is_open(self, rule: Rule, query: Query) -> bool:
        """Tell whether a rule is for this caller: a carrier's calls come in, and leave by a carrier only on purpose."""
        if query.trusted or rule.strangers:
            return True
        if not query.carrier:
            return False
        return rule.carrier == query.carrier or not any(
            may_leave(target, carrier, self.users) for step in rule.steps for target, carrier in step.calls()
        )


def _to_user(user: User, number: str) -> Rule:
    """Return the rule that nobody has to write: who dials a user reaches it."""
    return Rule(
        name=number,
        number=None,
        address=None,
        caller=None,
        carrier="",
        hours=None,
        zone=None,
        signed="",
        strangers=False,
        strip=0,
        steps=(Dial(to=(f"{SCHEME}{user.name}",)),),
        places=("users",),
        where="users",
    )


def _address(uri: str) -> str:
    """Return `user@host` of a SIP URI; empty for an address of another kind, which no rule can name."""
    try:
        parsed = Uri.parse(uri)
        return f"{parsed.username}@{parsed.host}"
    except RemoteError:
        return ""


#: Whether a rule has a number, where it has not exactly one of number and sip -> what is wrong, what to do.
_NO_MATCH = {
    False: ("number is missing", "write the number this rule serves, or `sip:` with an address"),
    True: ("number and sip stand in one rule", "make two rules of it"),
}


def load_rules(document: Document) -> list[Rule]:
    """Return the rules of a dialplan file; raise ConfigError with every fault in it."""
    data = document.data or {}
    rules: list[Rule] = []
    faults: list[Fault] = []
    for index, item in enumerate(data.get("rules") or ()):
        try:
            rules.append(_rule(document, item, ("rules", index)))
        except ConfigError as error:
            faults.extend(error.faults)
    faults.extend(_hidden_rules(rules))
    if faults:
        raise ConfigError(*faults)
    return rules


def _rule(document: Document, data: Any, location: tuple[Key, ...]) -> Rule:
    model = validate(_RuleModel, document, data, location)
    if bool(model.number) == bool(model.sip):
        raise ConfigError(document.fault(location, *_NO_MATCH[bool(model.number)]))
    steps: list[BaseStep] = []
    places: list[str] = []
    faults: list[Fault] = []
    known = {"from", "to"}
    for index, item in enumerate(model.steps):
        place = (*location, "steps", index)
        try:
            step_class, fields = parse_step(item)
            inner = (*place, next(iter(item))) if isinstance(item, dict) else place
            step = validate(step_class, document, fields, inner)
        except ValueError as error:
            faults.append(document.fault(place, str(error)))
            continue
        except ConfigError as error:
            faults.extend(error.faults)
            continue
        unknown = [name for name in step.reads() if name not in known]
        faults.extend(
            document.fault(
                place, f"variable {name} is read before any step sets it", f"known here: {', '.join(sorted(known))}"
            )
            for name in unknown
        )
        known.update(step.writes())
        steps.append(step)
        places.append(document.where(place))
    if faults:
        raise ConfigError(*faults)
    return Rule(
        name=", ".join(model.number or model.sip),
        number=_any_of([compile_pattern(text) for text in model.number]),
        address=_any_of([compile_address(text) for text in model.sip]),
        caller=_any_of([compile_pattern(text) for text in model.caller]),
        carrier=model.carrier,
        hours=Hours.parse(model.time) if model.time else None,
        zone=_zone(model.timezone),
        signed=model.signed,
        strangers=model.strangers,
        strip=model.strip,
        steps=tuple(steps),
        places=tuple(places),
        where=document.where(location),
    )


def _any_of(patterns: Sequence[re.Pattern[str]]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{pattern.pattern})" for pattern in patterns)) if patterns else None


def _zone(name: str) -> datetime.tzinfo | None:
    """Return a time zone by its name, None for an empty one; ValueError with a sentence where there is none."""
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is not a time zone this machine knows: write it as in Europe/Berlin, and install tzdata"
        ) from None


def _hidden_rules(rules: Sequence[Rule]) -> Iterator[Fault]:
    """Yield a fault for each rule that can never be reached: one that matches the same stands above it."""
    seen: dict[tuple[object, ...], Rule] = {}
    for rule in rules:
        hours = (rule.hours.spans, str(rule.zone)) if rule.hours else None
        key = (rule.name, rule.caller.pattern if rule.caller else "", rule.carrier, rule.signed, hours)
        first = seen.setdefault(key, rule)
        if first is not rule:
            yield Fault(rule.where, f"number {rule.name} has a rule already at {first.where}", "remove one of them")
