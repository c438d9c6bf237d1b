"""What is different between two readings of the configuration, in words for who asked for the second."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from softswitch.audio.frame import Frame
from softswitch.call.dialplan import Rule
from softswitch.catalog import Catalog
from softswitch.config import Settings
from softswitch.pace import steps
from softswitch.section import Section

Item = TypeVar("Item")

#: Keys that a running switch goes by from the moment they are read. Every other one belongs to something that is made
#: once: a socket, a worker process, a database. A section here means all of its keys.
LIVE = frozenset(
    {
        "carriers",
        "dialplans",
        "media",
        "limits",
        "recording",
        "observability.level",
        "observability.recent_calls",
        "guard",
        "stir",
        "toll",
        "sip.trusted",
        "sip.session_expires",
        "sip.min_se",
    }
    | {f"rtp.{key}" for key in ("first_media_timeout", "media_timeout", "rtcp", "srtp", "comfort_noise", "silence")}
    | {"speech.language"}
    | {f"sip.tls.{key}" for key in ("certificate", "key", "client_ca", "verify_clients", "names", "ca")}
)
#: Settings that are lists of entries: `Changes` tells of them by their names.
_BY_NAME = frozenset({"users"})
#: Names in one sentence; a list of a thousand tells nobody anything.
MAX_NAMES = 8
#: Values longer than this are not shown.
MAX_VALUE = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """Names by what became of them."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: bool = False

    def sentences(self, what: str) -> list[str]:
        """Return one sentence for each kind of change. what: the plural, as in `carriers`."""
        found = [
            f"{what} {verb}: {_names(names)}"
            for verb, names in (("added", self.added), ("changed", self.changed), ("removed", self.removed))
            if names
        ]
        if self.moved:
            found.append(f"{what} stand in another order")
        return found


def difference(
    old: Mapping[str, Item], new: Mapping[str, Item], same: Callable[[Item, Item], bool] = lambda a, b: bool(a == b)
) -> Difference:
    """Compare two mappings from names to values, in their order."""
    return Difference(
        tuple(name for name in new if name not in old),
        tuple(name for name, value in steps(new.items()) if name in old and not same(old[name], value)),
        tuple(name for name in old if name not in new),
        [name for name in old if name in new] != [name for name in new if name in old],
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What the files say otherwise than before, each kind of entry by its names."""

    carriers: Difference
    users: Difference
    rules: Difference
    flows: Difference
    sounds: Difference

    @classmethod
    def between(cls, before: Settings, old: Catalog, after: Settings, new: Catalog) -> "Changes":
        """Compare what two readings found."""
        return cls(
            difference(_by_name(old.carriers), _by_name(new.carriers)),
            difference(_by_name(before.users), _by_name(after.users)),
            difference(_by_number(old.dialplan.rules), _by_number(new.dialplan.rules), _same_rule),
            difference(old.flows, new.flows),
            difference(old.sounds, new.sounds, _same_sound),
        )

    def sentences(self) -> list[str]:
        """Return every change as a sentence."""
        found = []
        for field in fields(self):
            change: Difference = getattr(self, field.name)
            # Users, flows and sounds are found by their names: how they are sorted means nothing.
            if field.name not in ("carriers", "rules"):
                change = Difference(change.added, change.changed, change.removed)
            found += change.sentences(field.name)
        return found


def settings_changed(old: Settings, new: Settings) -> tuple[Settings, tuple[str, ...], tuple[str, ...]]:
    """Return the settings in force from now on, what changes by them in words, and the keys that need a restart."""
    values: dict[str, Any] = {}
    sentences: list[str] = []
    fixed: list[str] = []
    for name in type(new).model_fields:
        was, now = getattr(old, name), getattr(new, name)
        if was == now:
            continue
        if name in _BY_NAME:
            values[name] = now
            continue
        if not isinstance(now, Section):
            kept = _keys([(name, was, now)], "", sentences, fixed)
            values[name] = kept.get(name, was)
            continue
        keys = [(key, getattr(was, key), getattr(now, key)) for key in type(now).model_fields]
        values[name] = was.model_copy(update=_keys(keys, name, sentences, fixed))
    return old.model_copy(update=values), tuple(sentences), tuple(fixed)


def _keys(keys: Iterable[tuple[str, Any, Any]], section: str, sentences: list[str], fixed: list[str]) -> dict[str, Any]:
    """Return the new values of those keys that may change now."""
    found: dict[str, Any] = {}
    for key, was, now in keys:
        if was == now:
            continue
        name = f"{section}.{key}" if section else key
        if isinstance(now, Section):
            inner = [(one, getattr(was, one), getattr(now, one)) for one in type(now).model_fields]
            found[key] = was.model_copy(update=_keys(inner, name, sentences, fixed))
        elif name in LIVE or section in LIVE:
            found[key] = now
            sentences.append(f"{name} is {_value(now)}")
        else:
            fixed.append(name)
    return found


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        value = ", ".join(str(item) for item in value) or "empty"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MAX_VALUE else "another one"


def _by_name(items: Iterable[Any]) -> dict[str, Any]:
    return {item.name: item for item in items}


def _by_number(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Return rules by the number they serve; the second of one number is `600 (2)`."""
    found: dict[str, Rule] = {}
    for rule in rules:
        name, count = rule.name, 1
        while name in found:
            count += 1
            name = f"{rule.name} ({count})"
        found[name] = rule
    return found


def _same_sound(one: Sequence[Frame], other: Sequence[Frame]) -> bool:
    return [frame.pcm for frame in one] == [frame.pcm for frame in other]


#: Where a rule stands says nothing of what it does.
_PLACES = {"places", "where"}


def _same_rule(one: Rule, other: Rule) -> bool:
    names = [field.name for field in fields(Rule) if field.name not in _PLACES]
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _names(names: tuple[str, ...]) -> str:
    listed = ", ".join(names[:MAX_NAMES])
    more = len(names) - MAX_NAMES
    return f"{listed} and {more} more" if more > 0 else listed
