"""A scripted mind: walks a flow of nodes, understands answers by voice and by key, asks again where it must."""

from collections.abc import AsyncIterator
from typing import Final

from softswitch.conversation import words
from softswitch.conversation.flow_model import QUESTION, Flow, Node, Question, render
from softswitch.conversation.policy import Action, Ask, CallTool, Dialogue, Expect, Play, Say, Utterance
from softswitch.conversation.tools import HANG_UP, TRANSFER

#: Nodes one reply may walk through without asking; the checks refuse such loops, this stops what they cannot see.
MAX_NODES_IN_A_ROW: Final = 100


class FlowPolicy:
    """Follows one flow through one conversation; make a new one for each.

    A reply is planned in full before its first word is spoken, so an interruption at any point finds the policy at
    the question that the caller is about to hear.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._asked = ""
        self._asked_last = ""
        self._transfer = ""  # the node whose transfer is under way
        self._attempts = 0
        self._turns = 0

    async def plan(self, dialogue: Dialogue, heard: Utterance) -> AsyncIterator[Action]:
        """Yield what follows from what was heard."""
        actions = self.answer(dialogue, heard)
        while True:
            for action in actions:
                yield action
            if not self._transfer:
                return
            actions = self._came_back(dialogue)  # where somebody took the call, nobody asks us any more

    def answer(self, dialogue: Dialogue, heard: Utterance) -> list[Action]:
        """Return what follows from what was heard, and move on in the flow."""
        if heard.reason == "started":
            for name, text in self._flow.variables.items():
                dialogue.variables.setdefault(name, text)  # who starts the conversation may have set them already
            return self._walk(self._flow.first, dialogue)
        if self._transfer:  # he interrupted what was said before it
            return [self._handover(self._flow.nodes[self._transfer], dialogue)]
        if not self._asked:
            return _goodbye([])  # he interrupted the goodbye: the flow is over all the same
        self._turns += 1
        if self._turns > self._flow.max_turns:
            return self._give_up(dialogue)
        node = self._flow.nodes[self._asked]
        value = understand(node.ask, heard) if node.ask else None
        if value is None:
            return self._again(node, dialogue, heard)
        if node.into:
            dialogue.variables[node.into] = value
        return self._walk(self._after(node, value, dialogue), dialogue)

    def _after(self, node: Node, value: str, dialogue: Dialogue) -> str:
        """Return the node that an answer leads to, or a variable where nothing was asked."""
        if node.ask and node.ask.choices and value in node.ask.choices and node.ask.choices[value].goto:
            return node.ask.choices[value].goto
        if node.by:
            value = dialogue.variables.get(node.by, "")
        return node.branch.get(value) or node.goto

    def _walk(self, name: str, dialogue: Dialogue) -> list[Action]:
        """Return what is said from node `name` on until the next question or the end."""
        said: list[Action] = []
        for _ in range(MAX_NODES_IN_A_ROW):
            if not name:
                break  # a variable with a value that no branch knows
            node = self._flow.nodes[name]
            for variable, text in node.set.items():
                dialogue.variables[variable] = render(text, dialogue.variables)
            said.extend(self._speech(node, node.say, dialogue))
            if node.hangup:
                self._asked = ""
                return _goodbye(said)
            if node.transfer:
                self._asked, self._transfer = "", name
                return [*said, self._handover(node, dialogue)]
            if node.ask:
                self._asked = self._asked_last = name
                self._attempts = 1
                return _asking(node, node.ask, said)
            name = self._after(node, "", dialogue)
        return self._give_up(dialogue)

    @staticmethod
    def _handover(node: Node, dialogue: Dialogue) -> CallTool:
        assert node.transfer is not None  # only such nodes transfer
        wanted: dict[str, object] = {"to": render(node.transfer.to, dialogue.variables)}
        if node.transfer.mode:
            wanted["mode"] = node.transfer.mode
        if node.transfer.brief:
            wanted["brief"] = render(node.transfer.brief, dialogue.variables)
        return CallTool(TRANSFER, wanted)

    def _came_back(self, dialogue: Dialogue) -> list[Action]:
        """Return what is said to a caller whom nobody has taken: where the node leads, or the last question again."""
        node, self._transfer = self._flow.nodes[self._transfer], ""
        if node.failed:
            return self._walk(node.failed, dialogue)
        sorry = Say(render(self._flow.texts.transfer_failed, dialogue.variables), interruptible=False)
        if self._asked_last:
            return [sorry, *self._walk(self._asked_last, dialogue)]
        return _goodbye([sorry])

    def _again(self, node: Node, dialogue: Dialogue, heard: Utterance) -> list[Action]:
        """Return the question in other words, or the way out when it was put often enough."""
        assert node.ask is not None  # only such nodes are remembered as asked
        retry = node.retry
        if self._attempts >= retry.attempts:
            return self._walk(retry.goto, dialogue) if retry.goto else self._give_up(dialogue)
        self._attempts += 1
        book = self._flow.texts
        match heard.reason:
            case "silence":
                texts = retry.silence or (book.silence,)
            case "engine_failed":
                texts = retry.engine_failed or (book.engine_failed,)
            case _:
                texts = retry.no_match or (book.no_match,)
        text = texts[min(self._attempts - 2, len(texts) - 1)]
        return _asking(node, node.ask, self._speech(node, text, dialogue))

    def _speech(self, node: Node, text: str, dialogue: Dialogue) -> list[Action]:
        variables = {**dialogue.variables, QUESTION: render(node.say, dialogue.variables)}
        said: list[Action] = [Play(node.play, node.may_interrupt)] if node.play else []
        words_said = render(text, variables)
        return [*said, Say(words_said, node.may_interrupt)] if words_said else said

    def _give_up(self, dialogue: Dialogue) -> list[Action]:
        self._asked = ""
        return _goodbye([Say(render(self._flow.texts.give_up, dialogue.variables), interruptible=False)])


def _asking(node: Node, question: Question, said: list[Action]) -> list[Action]:
    expectation = question.expectation()
    return [Expect(expectation), *said, Ask(expectation, node.timeout)]


def _goodbye(said: list[Action]) -> list[Action]:
    return [*said, CallTool(HANG_UP.name)]


def understand(question: Question, heard: Utterance) -> str | None:
    """Return the answer that `heard` gives: `yes`/`no`, the digits, the name of a choice, the words; None for none."""
    if heard.reason not in ("speech", "keys"):
        return None
    by_key = heard.reason == "keys"
    if question.yes_no:
        if by_key:
            return {question.yes_no.yes_key: "yes", question.yes_no.no_key: "no"}.get(heard.text or "-")
        agreed = words.yes_no(heard.text)
        return None if agreed is None else ("yes" if agreed else "no")
    if question.digits:
        number = heard.text if by_key else words.digits(heard.text)
        right = number.isdecimal() and question.digits.min <= len(number) <= question.digits.max
        return number if right else None
    if question.choices:
        for name, choice in question.choices.items():
            if by_key and choice.key and choice.key == heard.text:
                return name
        if by_key:
            return None
        owners = {phrase: name for name, choice in question.choices.items() for phrase in choice.phrases}
        # "sales or support" chooses neither.
        named = {owners[phrase] for phrase in words.phrases_in(heard.text, owners)}
        return named.pop() if len(named) == 1 else None
    return None if by_key else heard.text or None
