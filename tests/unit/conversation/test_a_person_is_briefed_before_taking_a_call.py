"""What a person hears who is asked to take a call, and which answers count."""

from collections.abc import Mapping
from typing import Any

import pytest

from softswitch.conversation.briefing import ACCEPT, DECLINE, Briefing
from softswitch.conversation.tools import Offered, Toolbox

GREETING = "this is the mailbox of alice sure you can leave a message right after the tone okay thank you"


class Person:
    """Somebody who is called on behalf of 1001."""

    def __init__(self, talk: Any, *says: Any, caller: str = "1001") -> None:
        self.decided: list[str] = []

        def note(name: str) -> Any:
            async def function(_: Mapping[str, object]) -> str:
                self.decided.append(name)
                return "told"

            return function

        tools = Toolbox([Offered(tool, note(tool.name)) for tool in (ACCEPT, DECLINE)])
        self.call = talk(says, policy=Briefing(caller, "He wants to buy a ladder."), tools=tools)
        self.call.answer()


def test_who_calls_and_why_is_said_and_how_to_answer(talk: Any) -> None:
    person = Person(talk)
    person.call.until_said("to decline.")
    assert person.call.said == (
        "A call from one zero zero one. He wants to buy a ladder. "
        "Press 1 or say yes to take the call, press 2 or say no to decline."
    )


@pytest.mark.parametrize(("caller", "words"), [("", "A call for you."), ("alice", "A call from alice.")])
def test_a_caller_without_a_number(talk: Any, caller: str, words: str) -> None:
    person = Person(talk, caller=caller)
    person.call.until_said(words)


@pytest.mark.parametrize(("key", "decision"), [("1", "accept"), ("2", "decline")])
def test_a_key_decides_at_once(talk: Any, key: str, decision: str) -> None:
    person = Person(talk)
    person.call.quiet(500)
    person.call.key(key)
    person.call.quiet(60)
    assert person.decided == [decision]


@pytest.mark.parametrize(("says", "decision"), [("yes please", "accept"), ("no", "decline")])
def test_a_word_decides(talk: Any, says: str, decision: str) -> None:
    person = Person(talk, says)
    person.call.until_said("to decline.")
    person.call.speak(500)
    person.call.until_ended()
    assert person.decided == [decision]


def test_who_is_not_understood_is_asked_once_more(talk: Any) -> None:
    person = Person(talk, "who is there", "yes")
    person.call.until_said("to decline.")
    person.call.speak(700)
    person.call.until_said("I did not understand that.")
    person.call.quiet(1000)
    person.call.speak(400)
    person.call.until(lambda: bool(person.decided))
    assert person.decided == ["accept"]


def test_a_mailbox_does_not_take_the_call(talk: Any) -> None:
    person = Person(talk, GREETING, GREETING, GREETING)
    for _ in range(3):
        person.call.speak(3000)
        person.call.quiet(1500)
    person.call.until_ended()
    assert person.decided == []


def test_silence_does_not_take_the_call(talk: Any) -> None:
    person = Person(talk)
    person.call.until_ended(60)
    assert person.decided == [] and person.call.said.count("Press 1") == 2
