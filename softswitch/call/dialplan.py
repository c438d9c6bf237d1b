"""The dialplan: numbers to steps, from YAML. The first rule that matches a call serves it.

A rule's `number` is an exact number, or a pattern when it begins with `_`, in the notation of the field:
`X` any digit, `N` 2-9, `Z` 1-9, `[13-5]` one of these, `.` one or more of anything, at the end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic

from softswitch.call.pattern import compile_pattern
from softswitch.call.step import BaseStep
from softswitch.call.steps import parse_step
from softswitch.document import Document, Key, validate
from softswitch.errors import ConfigError, Fault


class _RuleModel(pydantic.BaseModel):
    """A rule as YAML has it; its steps are read one by one, so that each fault has its own line."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    number: str
    caller: str = ""
    strangers: bool = True
    strip: int = pydantic.Field(default=0, ge=0, le=32)
    steps: list[Any] = pydantic.Field(min_length=1)

    @pydantic.field_validator("number", "caller", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: Any) -> Any:
        # YAML reads 600 as an integer; a number that begins with 0 must be quoted, or YAML has eaten the zero.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @pydantic.field_validator("number", "caller")
    @classmethod
    def _pattern_is_sound(cls, value: str) -> str:
        compile_pattern(value)
        return value


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `pattern` for the called number, `caller` for the calling one (None: anybody).

    strangers: whether a caller who is neither authenticated nor on this machine may use it. strip: how many leading
    digits are taken off the number before the steps see it as `{to}`.
    """

    number: str
    pattern: re.Pattern[str]
    caller: re.Pattern[str] | None
    strangers: bool
    strip: int
    steps: tuple[BaseStep, ...]
    where: str


class Dialplan:
    """An ordered list of rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)

    def match(self, number: str, caller: str, *, trusted: bool) -> Rule | None:
        """Return the first rule for this call, None where no rule knows the number."""
        for rule in self.rules:
            if rule.pattern.fullmatch(number) and (rule.caller is None or rule.caller.fullmatch(caller)):
                return rule if trusted or rule.strangers else None
        return None


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
    steps: list[BaseStep] = []
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
    if faults:
        raise ConfigError(*faults)
    caller = compile_pattern(model.caller) if model.caller else None
    where = document.where(location)
    return Rule(model.number, compile_pattern(model.number), caller, model.strangers, model.strip, tuple(steps), where)


def _hidden_rules(rules: Sequence[Rule]) -> Iterator[Fault]:
    """Yield a fault for each rule that can never be reached: the same number and caller stand above it."""
    seen: dict[tuple[str, str], Rule] = {}
    for rule in rules:
        key = (rule.number, rule.caller.pattern if rule.caller else "")
        first = seen.setdefault(key, rule)
        if first is not rule:
            yield Fault(rule.where, f"number {rule.number} has a rule already at {first.where}", "remove one of them")
