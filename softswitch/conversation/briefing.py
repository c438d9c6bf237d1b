"""The mind of an AI that calls a person on behalf of a caller: says who calls and why, and asks who takes the call.

Only a clear word or a key counts. A voicemail box that answers says much and understands nothing, so long speech is no
answer, and whoever says neither yes nor no twice has not taken the call.
"""

from collections.abc import AsyncIterator
from typing import Final

from softswitch.conversation import words
from softswitch.conversation.policy import Action, Ask, CallTool, Dialogue, End, Expect, Say, Utterance
from softswitch.conversation.ports import Expectation, Tool

ACCEPT: Final = Tool("accept", "The person takes the call.")
DECLINE: Final = Tool("decline", "The person does not take the call.")

QUESTION: Final = "Press 1 or say yes to take the call, press 2 or say no to decline."
AGAIN: Final = f"I did not understand that. {QUESTION}"
#: A person says "yes please, put him through"; a voicemail box says more.
MAX_WORDS: Final = 5
#: How often it is asked, and seconds of silence that count as no answer.
ATTEMPTS: Final = 2
TIMEOUT: Final = 6.0

_EXPECTED: Final = Expectation("yes_no", phrases=(*words.YES, *words.NO), keys=("1", "2"))


class Briefing:
    """Follows one briefing; make a new one for each."""

    def __init__(self, caller: str, text: str) -> None:
        """caller: the number of who calls, empty for unknown. text: why."""
        self._caller = caller
        self._text = text
        self._attempts = 0

    async def plan(self, dialogue: Dialogue, heard: Utterance) -> AsyncIterator[Action]:
        """Yield what follows from what was heard."""
        taken = _decision(heard)
        if taken is not None:
            yield CallTool(ACCEPT.name if taken else DECLINE.name)
            yield End("decided")
        elif self._attempts >= ATTEMPTS:
            yield End("undecided")
        else:
            self._attempts += 1
            yield Expect(_EXPECTED)
            yield Say(self._opening() if heard.reason == "started" else AGAIN)
            yield Ask(_EXPECTED, TIMEOUT)

    def _opening(self) -> str:
        who = words.spelled(self._caller) if self._caller.lstrip("+").isdigit() else self._caller
        return " ".join(filter(None, (f"A call from {who}." if who else "A call for you.", self._text, QUESTION)))


def _decision(heard: Utterance) -> bool | None:
    match heard.reason:
        case "keys":
            return {"1": True, "2": False}.get(heard.text)
        case "speech" if len(heard.text.split()) <= MAX_WORDS:
            return words.yes_no(heard.text)
    return None
