"""Reads flows from a dialplan file and finds every fault in them, each with file and line."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from softswitch.conversation.flow_model import BUILTINS, QUESTION, Flow, Node, variables_of
from softswitch.document import Document, Key, validate
from softswitch.errors import ConfigError, Fault

Place = tuple[Key, ...]


def load_flows(document: Document, *, media: Path | None = None) -> dict[str, Flow]:
    """Return the flows of a dialplan file by name; raise ConfigError with every fault in it.

    media: the folder of sound files; None: sounds are not looked for.
    """
    data = document.data.get("flows") if isinstance(document.data, dict) else None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(document.fault(("flows",), "flows is not a mapping", "write a name, then its nodes"))
    flows: dict[str, Flow] = {}
    faults: list[Fault] = []
    for name, item in data.items():
        place: Place = ("flows", name)
        try:
            flow = validate(Flow, document, item if item is not None else {}, place)
        except ConfigError as error:
            faults.extend(error.faults)
            continue
        faults.extend(_Check(document, place, flow, media).faults())
        flows[str(name)] = flow
    if faults:
        raise ConfigError(*faults)
    return flows


def ways_on(node: Node) -> Iterator[tuple[Place, str]]:
    """Yield every node that `node` can lead to, and where in the node that stands."""
    if node.ask and node.ask.choices:
        for name, choice in node.ask.choices.items():
            if choice.goto:
                yield ("ask", "choices", name, "goto"), choice.goto
    for case, target in node.branch.items():
        yield ("branch", case), target
    if node.goto:
        yield ("goto",), node.goto
    if node.failed:
        yield ("failed",), node.failed
    if node.ask and node.retry.goto:
        yield ("retry", "goto"), node.retry.goto


class _Check:
    """The checks of one flow that need the whole of it."""

    def __init__(self, document: Document, place: Place, flow: Flow, media: Path | None) -> None:
        self._document = document
        self._place = place
        self._flow = flow
        self._media = media

    def faults(self) -> list[Fault]:
        """Return what is wrong, in the order of the nodes."""
        flow = self._flow
        if flow.first not in flow.nodes:
            return [self._unknown_node(("start",), flow.first)]
        found = list(self._destinations())
        found.extend(fault for name, node in flow.nodes.items() for fault in self._node(("nodes", name), node))
        found.extend(self._unreachable())
        if not any("no node is named" in fault.what for fault in found):
            found.extend(self._endless())
        return found

    def _node(self, place: Place, node: Node) -> Iterator[Fault]:
        for inner, target in ways_on(node):
            if target not in self._flow.nodes:
                yield self._unknown_node((*place, *inner), target)
        yield from self._answers(place, node)
        yield from self._variables(place, node)
        wanted = node.transfer.to if node.transfer else ""
        if wanted and wanted not in self._flow.transfer and not list(variables_of(wanted)):
            known = self._flow.transfer
            hint = (
                self._nearest(wanted, known)
                or f"name it under transfer of the flow; known: {', '.join(known) or 'none'}"
            )
            yield self._fault((*place, "transfer"), f"{wanted} is nobody to transfer to", hint)
        if node.play and self._media is not None and not (self._media / node.play).is_file():
            yield self._fault((*place, "play"), f"no sound file {node.play}", f"put it into {self._media}")

    def _answers(self, place: Place, node: Node) -> Iterator[Fault]:
        """Yield what is wrong between a question's answers and where they lead."""
        if node.ask is None:
            return
        answers = node.ask.answers()
        if answers is not None and node.by is None:
            for case in node.branch:
                if case not in answers:
                    hint = f"the answers are {', '.join(answers)}"
                    yield self._fault((*place, "branch", case), f"{case} is no answer to this question", hint)
            choices = node.ask.choices or {}
            lost = [answer for answer in answers if not self._leads_on(node, answer)]
            if lost:
                yield self._fault(
                    (*place, "ask"), f"the answer {', '.join(lost)} leads nowhere", "add branch, or goto for the rest"
                )
            yield from self._twice(place, [(name, phrase) for name in choices for phrase in choices[name].phrases])
            yield from self._twice(place, [(name, choices[name].key) for name in choices if choices[name].key])
        elif not node.goto:
            yield self._fault((*place, "ask"), "the answer leads nowhere", "add goto")

    @staticmethod
    def _leads_on(node: Node, answer: str) -> bool:
        choice = (node.ask.choices or {}).get(answer) if node.ask else None
        return bool(node.goto or answer in node.branch or (choice and choice.goto))

    def _twice(self, place: Place, said: Iterable[tuple[str, str]]) -> Iterator[Fault]:
        owners: dict[str, str] = {}
        for name, phrase in said:
            owner = owners.setdefault(phrase, name)
            if owner != name:
                where = (*place, "ask", "choices", name)
                yield self._fault(where, f"{phrase!r} means both {owner} and {name}", "take it from one of them")

    def _destinations(self) -> Iterator[Fault]:
        """Yield what is wrong with those whom callers are transferred to."""
        for name, destination in self._flow.transfer.items():
            for key, text in destination.texts():
                yield from self._unknown_variables(("transfer", name), [((key,), text)])

    def _variables(self, place: Place, node: Node) -> Iterator[Fault]:
        yield from self._unknown_variables(place, node.texts(), node.by)

    def _unknown_variables(
        self, place: Place, texts: Iterable[tuple[Place, str]], by: str | None = None
    ) -> Iterator[Fault]:
        flow = self._flow
        known = {*BUILTINS, *flow.variables}
        for other in flow.nodes.values():
            known.update(other.set)
            if other.into:
                known.add(other.into)
        read = [(inner, name) for inner, text in texts for name in variables_of(text)]
        if by:
            read.append((("by",), by))
        for inner, name in read:
            if name not in known and not (name == QUESTION and inner[0] == "retry"):
                hint = self._nearest(name, known) or f"known here: {', '.join(sorted(known))}"
                yield self._fault((*place, *inner), f"no node sets a variable {name}", hint)

    def _unreachable(self) -> Iterator[Fault]:
        flow = self._flow
        reached, waiting = {flow.first}, [flow.first]
        while waiting:
            for _, target in ways_on(flow.nodes[waiting.pop()]):
                if target in flow.nodes and target not in reached:
                    reached.add(target)
                    waiting.append(target)
        for name in flow.nodes:
            if name not in reached:
                yield self._fault(("nodes", name), f"no way leads to the node {name}", "lead to it, or remove it")

    def _endless(self) -> Iterator[Fault]:
        """Yield each loop that a caller who never says a word would never leave."""
        flow = self._flow
        settled: set[str] = set()
        for start in flow.nodes:
            path: list[str] = []
            # Depth first, one path at a time; each node is left for good once all ways on from it are known to end.
            stack = [(start, iter(self._in_silence(start)))] if start not in settled else []
            path.extend(name for name, _ in stack)
            while stack:
                name, ways = stack[-1]
                target = next(ways, None)
                if target is None:
                    settled.add(name)
                    stack.pop()
                    path.pop()
                elif target in path:
                    loop = [*path[path.index(target) :], target]
                    hint = "lead out of it with goto, retry.goto or hangup"
                    yield self._fault(
                        ("nodes", target), f"a caller who says nothing never leaves: {' → '.join(loop)}", hint
                    )
                elif target not in settled:
                    stack.append((target, iter(self._in_silence(target))))
                    path.append(target)

    def _in_silence(self, name: str) -> list[str]:
        node = self._flow.nodes[name]
        if node.ask:
            return [node.retry.goto] if node.retry.goto else []
        if node.transfer and not node.failed:
            return [asked for asked in self._flow.nodes if name in self._before_a_question(asked)]
        return [target for _, target in ways_on(node)]

    def _before_a_question(self, asked: str) -> set[str]:
        """Return the nodes between the question of `asked` and the next one: a caller comes back to it from there."""
        nodes = self._flow.nodes
        reached: set[str] = set()
        waiting = [asked] if nodes[asked].ask else []
        while waiting:
            for _, target in ways_on(nodes[waiting.pop()]):
                if target in nodes and target not in reached and not nodes[target].ask:
                    reached.add(target)
                    waiting.append(target)
        return reached

    def _unknown_node(self, inner: Place, target: str) -> Fault:
        nodes = self._flow.nodes
        hint = self._nearest(target, nodes) or f"the nodes are {', '.join(nodes)}"
        return self._fault(inner, f"no node is named {target}", hint)

    @staticmethod
    def _nearest(name: str, names: Iterable[str]) -> str:
        near = difflib.get_close_matches(name, list(names), n=1)
        return f"did you mean {near[0]}?" if near else ""

    def _fault(self, inner: Place, what: str, hint: str) -> Fault:
        return self._document.fault((*self._place, *self._as_written(inner)), what, hint)

    def _as_written(self, inner: Place) -> Place:
        """Return `inner` with the keys that the file has: YAML reads a bare `yes` as a truth value."""
        data = self._document.data
        for key in self._place:
            data = data[key]
        written: list[Key] = []
        for key in inner:
            if isinstance(data, dict) and key not in data:
                key = next((raw for raw in data if {True: "yes", False: "no"}.get(raw, str(raw)) == key), key)
            written.append(key)
            try:
                data = data[key]
            except (KeyError, IndexError, TypeError):
                data = None
        return tuple(written)
