"""Flows as YAML has them: nodes that say something, ask for something, and lead on. Values only, checked one by one.

What needs the whole flow (unknown nodes, loops, variables) is checked in `flow_check`; what happens, in `flow`.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

import pydantic

from softswitch.call.transfer import Destination, Mode
from softswitch.conversation import words
from softswitch.conversation.ports import Expectation

#: Nodes, choices and texts of one flow: far more than a person can oversee, and a bound for what a file can ask of us.
MAX_NODES: Final = 500
MAX_CHOICES: Final = 50
MAX_TEXT: Final = 2000
MAX_DESTINATIONS: Final = 100

#: `{name}` is the value of a variable, `{name:spelled}` the same read out one by one.
_TEMPLATE: Final = re.compile(r"\{([a-z][a-z0-9_]*)(?::(spelled))?\}")

#: Variables that every flow has: the two numbers of the call, and what came of the last transfer.
BUILTINS: Final = ("from", "to", "transfer_status", "transfer_cause")
#: In a re-prompt: the question of the node once more.
QUESTION: Final = "question"


def _yes_no_keys(value: Any) -> Any:
    """Return a mapping with text keys: YAML reads `yes`, `no` and `1` as truth values and numbers."""
    if not isinstance(value, dict):
        return value
    return {_plain(key): item for key, item in value.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else value


def _text_list(value: Any) -> Any:
    """Return one text as a list of it."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return [_plain(value)]


def _template(text: str) -> str:
    rest = _TEMPLATE.sub("", text)
    if "{" in rest or "}" in rest:
        raise ValueError("has a brace that is no variable: write {name} or {name:spelled}")
    return text


Text = Annotated[str, pydantic.Field(max_length=MAX_TEXT), pydantic.AfterValidator(_template)]
Texts = Annotated[tuple[Text, ...], pydantic.BeforeValidator(_text_list), pydantic.Field(max_length=10)]
Key = Annotated[str, pydantic.BeforeValidator(_plain), pydantic.Field(pattern=r"^[0-9*#]?$")]
Name = Annotated[str, pydantic.BeforeValidator(_plain), pydantic.Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Variable = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class YesNo(_Model):
    """Yes or no, by voice or key."""

    yes_key: Key = "1"
    no_key: Key = "2"

    @pydantic.model_validator(mode="after")
    def _keys_differ(self) -> "YesNo":
        if self.yes_key and self.yes_key == self.no_key:
            raise ValueError(f"key {self.yes_key} means both yes and no")
        return self


class Digits(_Model):
    """A number of `min` to `max` digits, by voice or keys; the key `terminator` ends it early."""

    min: int = pydantic.Field(default=1, ge=1, le=32)
    max: int = pydantic.Field(default=20, ge=1, le=32)
    terminator: Annotated[str, pydantic.Field(pattern=r"^[*#]?$")] = "#"

    @pydantic.model_validator(mode="after")
    def _range(self) -> "Digits":
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


class Choice(_Model):
    """One of several answers: any of `phrases`, or the key; `goto` is where it leads."""

    phrases: Annotated[tuple[str, ...], pydantic.BeforeValidator(_text_list)] = ()
    key: Key = ""
    goto: str = ""

    @pydantic.field_validator("phrases")
    @classmethod
    def _plain_words(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        plain = tuple(words.normalise(phrase) for phrase in phrases)
        if "" in plain:
            raise ValueError("a phrase without words can never be heard")
        return plain

    @pydantic.model_validator(mode="after")
    def _can_be_chosen(self) -> "Choice":
        if not self.phrases and not self.key:
            raise ValueError("can never be chosen: add phrases or a key")
        return self


class Free(_Model):
    """Any words at all; needs a recogniser for free speech."""


Choices = Annotated[
    dict[Name, Choice], pydantic.BeforeValidator(_yes_no_keys), pydantic.Field(min_length=1, max_length=MAX_CHOICES)
]


class Question(_Model):
    """What a node asks for: exactly one of the four."""

    yes_no: YesNo | None = None
    digits: Digits | None = None
    choices: Choices | None = None
    free: Free | None = None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Take `ask: yes_no` for `ask: {yes_no: {}}`."""
        if isinstance(value, str):
            return {value: {}}
        if isinstance(value, dict):
            return {key: {} if item is None else item for key, item in value.items()}
        return value

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> "Question":
        if sum(kind is not None for kind in (self.yes_no, self.digits, self.choices, self.free)) != 1:
            raise ValueError("asks for exactly one of yes_no, digits, choices, free")
        return self

    def answers(self) -> tuple[str, ...] | None:
        """Return every answer there can be, None where they cannot be counted."""
        if self.yes_no:
            return ("yes", "no")
        return tuple(self.choices) if self.choices else None

    def expectation(self) -> Expectation:
        """Return what the recogniser and the turn-taker shall expect."""
        if self.yes_no:
            keys = tuple(key for key in (self.yes_no.yes_key, self.yes_no.no_key) if key)
            return Expectation("yes_no", phrases=(*words.YES, *words.NO), keys=keys)
        if self.digits:
            asked = self.digits
            return Expectation(
                "digits",
                min_digits=asked.min,
                max_digits=asked.max,
                keys=tuple("0123456789"),
                terminator=asked.terminator,
            )
        if self.choices:
            choices = self.choices.values()
            phrases = tuple(phrase for choice in choices for phrase in choice.phrases)
            return Expectation("phrases", phrases=phrases, keys=tuple(choice.key for choice in choices if choice.key))
        return Expectation("free")


class Retry(_Model):
    """What happens when there was no answer. `attempts`: how often the question is put in all; then `goto`.

    The texts are said in place of the question, the last one again and again; `{question}` is the question itself.
    """

    silence: Texts = ()
    no_match: Texts = ()
    engine_failed: Texts = ()
    attempts: int = pydantic.Field(default=3, ge=1, le=10)
    goto: str = ""


class Handover(_Model):
    """What a node transfers to: `to` is a name under `transfer` of the flow. mode, brief: instead of those there."""

    to: Annotated[Text, pydantic.Field(min_length=1)]
    mode: Mode | None = None
    brief: Text = ""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Take `transfer: sales` for `transfer: {to: sales}`."""
        return {"to": value} if isinstance(value, str) else value


def _destination(value: Any) -> Any:
    """Take `sales: 101` for `sales: {to: 101}`."""
    return value if isinstance(value, dict) else {"to": value}


class Node(_Model):
    """One place of a flow: `set` variables, `say` or `play`, then `ask`, lead on, transfer, or hang up."""

    say: Text = ""
    play: str = ""
    interruptible: bool | None = None
    set: dict[Variable, Text] = pydantic.Field(default_factory=dict)
    ask: Question | None = None
    into: Variable | None = None
    timeout: float = pydantic.Field(default=6.0, gt=0, le=60)
    retry: Retry = Retry()
    by: Variable | None = None
    branch: Annotated[dict[str, str], pydantic.BeforeValidator(_yes_no_keys)] = pydantic.Field(default_factory=dict)
    goto: str = ""
    transfer: Handover | None = None
    failed: str = ""
    hangup: bool = False

    @property
    def may_interrupt(self) -> bool:
        """Whether the caller can interrupt what is said here; what is said last is heard to its end, if not told so."""
        last = self.hangup or self.transfer is not None
        return not last if self.interruptible is None else self.interruptible

    @pydantic.model_validator(mode="after")
    def _one_way_on(self) -> "Node":
        if self.hangup and (self.ask or self.goto or self.branch):
            raise ValueError("hangup ends the call, so ask, branch and goto are never reached")
        if self.transfer and (self.ask or self.goto or self.branch or self.hangup):
            raise ValueError("transfer moves the call, so ask, branch, goto and hangup are never reached; use failed")
        if self.failed and not self.transfer:
            raise ValueError("failed belongs to transfer")
        if not (self.hangup or self.ask or self.goto or self.branch or self.transfer):
            raise ValueError("leads nowhere: add ask, branch, goto, transfer or hangup")
        if self.branch and not self.ask and self.by is None:
            raise ValueError("branch needs `by`, the variable it goes by, where nothing is asked")
        if self.ask is None and (self.into is not None or "timeout" in self.model_fields_set or self._retries()):
            raise ValueError("into, timeout and retry belong to ask")
        if self.ask and not (self.say or self.play):
            raise ValueError("asks without a word: add say or play")
        return self

    def _retries(self) -> bool:
        return "retry" in self.model_fields_set

    def texts(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield every text with templates, and where it stands in the node."""
        yield ("say",), self.say
        for name, text in self.set.items():
            yield ("set", name), text
        if self.transfer:
            yield ("transfer", "to"), self.transfer.to
            yield ("transfer", "brief"), self.transfer.brief
        for cause in ("silence", "no_match", "engine_failed"):
            for index, text in enumerate(getattr(self.retry, cause)):
                yield ("retry", cause, index), text


class Phrasebook(_Model):
    """What a flow says on its own when a node has no text for it."""

    silence: Text = "I did not hear anything. {question}"
    no_match: Text = "Sorry, I did not understand that. {question}"
    engine_failed: Text = "I am sorry, I have trouble hearing you. Please use the keys. {question}"
    transfer_failed: Text = "I am sorry, nobody can take your call at the moment."
    give_up: Text = "I am sorry, we do not seem to understand each other. Please call again later. Goodbye."


class Flow(_Model):
    """One flow. `start`: its first node, by default the one that stands first. max_turns: answers until it gives up.

    transfer: whom callers may be transferred to, by name; nobody else, whatever they say.
    """

    description: str = ""
    language: str = "en"
    start: str = ""
    variables: dict[Variable, Annotated[str, pydantic.BeforeValidator(_plain)]] = pydantic.Field(default_factory=dict)
    texts: Phrasebook = Phrasebook()
    transfer: dict[Name, Annotated[Destination, pydantic.BeforeValidator(_destination)]] = pydantic.Field(
        default_factory=dict, max_length=MAX_DESTINATIONS
    )
    max_turns: int = pydantic.Field(default=100, ge=1, le=1000)
    nodes: dict[Name, Node] = pydantic.Field(min_length=1, max_length=MAX_NODES)

    @property
    def first(self) -> str:
        """The name of the node it begins with."""
        return self.start or next(iter(self.nodes))


def variables_of(text: str) -> Iterator[str]:
    """Yield the variables that a text reads."""
    yield from (match.group(1) for match in _TEMPLATE.finditer(text))


def render(text: str, variables: dict[str, str]) -> str:
    """Return `text` with its variables filled in; one that has no value yet is empty."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match.group(1), "")
        return words.spelled(found) if match.group(2) else found

    return " ".join(_TEMPLATE.sub(value, text).split())
