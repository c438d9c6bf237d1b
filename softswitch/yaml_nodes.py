"""YAML text to a tree of nodes, each with its line: scanned by libyaml, put together here.

libyaml alone would be twice as fast again, but it holds the interpreter until it has read the whole file, and a file of
some thousand users is read while calls are up. Event by event, whoever waits for the interpreter waits microseconds.

What libyaml refuses is read again by PyYAML's own scanner: slower, and its words are those our faults are made of.
"""

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from softswitch.pace import step

_fast: type[Any] | None
try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError:  # a PyYAML that was built without libyaml
    _fast = None
else:

    class _Fast(Composer, CParser, SafeConstructor, Resolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

        def compose_node(self, parent: Any, index: Any) -> Any:
            step()
            return Composer.compose_node(self, parent, index)

    _fast = _Fast


def dismantle(node: yaml.Node | None) -> None:
    """Take a tree apart that nobody needs any more, in steps: let go as a whole, it holds the interpreter for long."""
    pending = [node]
    while pending:
        step()
        one = pending.pop()
        if isinstance(one, yaml.MappingNode):
            pending += [half for pair in one.value or () for half in pair]
            one.value = None
        elif isinstance(one, yaml.SequenceNode):
            pending += one.value or ()
            one.value = None


def compose(text: str) -> yaml.Node | None:
    """Return the one document in `text`, None where there is none; raise yaml.YAMLError, and RecursionError."""
    if _fast is not None:
        try:
            node: yaml.Node | None = yaml.compose(text, Loader=_fast)
            return node
        except yaml.YAMLError:
            pass
    slow: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return slow
