"""Words as callers say them and as they expect to hear them: digits, yes and no, phrases. English.

Everything here takes and gives plain text; recognisers hear it, synthesisers speak it, and neither is known here.
"""

import re
from collections.abc import Iterable
from typing import Final

from softswitch.conversation.ports import Expectation

_NOT_WORDS: Final = re.compile(r"[^\w'*#]+")
_APOSTROPHES: Final = str.maketrans({"\u2019": "'", "_": " ", "-": " "})

_UNITS: Final = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0",
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9",
}  # fmt: skip
_TEENS: Final = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS: Final = {
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5",
    "sixty": "6", "seventy": "7", "eighty": "8", "ninety": "9",
}  # fmt: skip
_REPEATS: Final = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_SPOKEN: Final = {
    "0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six",
    "7": "seven", "8": "eight", "9": "nine", "*": "star", "#": "hash", "+": "plus",
}  # fmt: skip

#: Wordings that mean yes or no, for recognisers that take a list of phrases.
YES: Final = (
    "yes", "yeah", "yep", "yup", "yes please", "yes it is", "yes that's right", "that's right", "that is right",
    "right", "correct", "that's correct", "that is correct", "sure", "of course", "okay", "ok", "exactly", "absolutely",
)  # fmt: skip
NO: Final = (
    "no", "nope", "nah", "no thanks", "no thank you", "no it isn't", "no that's wrong", "that's wrong",
    "that is wrong", "wrong", "incorrect", "not correct", "that's not right", "not right", "negative",
)  # fmt: skip
_YES_WORDS: Final = frozenset(
    "yes yeah yep yup yea aye right correct sure course okay ok exactly absolutely affirmative fine".split()
)
_NO_WORDS: Final = frozenset("no nope nah not isn't don't doesn't wrong incorrect negative never".split())

#: Digits that are read back without a breath.
_GROUP: Final = 4


def normalise(text: str) -> str:
    """Return `text` as recognisers write it: lower-case words, one space between them, no punctuation."""
    return " ".join(_NOT_WORDS.sub(" ", text.translate(_APOSTROPHES).lower()).split())


def digits(text: str) -> str:
    """Return the digits that were said: `oh double five twenty three` is `05523`. Other words are passed over."""
    return "".join(_Numbers(normalise(text).split()).read())


class _Numbers:
    """Reads numbers out of a list of words, left to right."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._at = 0

    def read(self) -> Iterable[str]:
        while self._at < len(self._words):
            word = self._words[self._at]
            self._at += 1
            if word.isdecimal() and word.isascii():
                yield word
            elif word in _REPEATS and self._peek() in _UNITS:
                yield _UNITS[self._next()] * _REPEATS[word]
            elif word in _UNITS:
                yield self._large(_UNITS[word])
            elif word in _TEENS or word in _TENS:
                yield self._large(self._below_hundred(word))

    def _below_hundred(self, word: str) -> str:
        if word in _TEENS:
            return _TEENS[word]
        unit = _UNITS.get(self._peek(), "0")
        # "twenty oh five" is 20 05, "twenty five" is 25.
        if unit == "0":
            return _TENS[word] + "0"
        self._at += 1
        return _TENS[word] + unit

    def _large(self, number: str) -> str:
        """Return `number`, times a hundred or a thousand where the next word says so."""
        match self._peek():
            case "hundred":
                self._at += 1
                return number + self._rest()
            case "thousand":
                self._at += 1
                return number + "000"
        return number

    def _rest(self) -> str:
        """Return what follows `hundred`, two digits wide: `four hundred and seven` is 407."""
        start = self._at
        if self._peek() == "and":
            self._at += 1
        word = self._peek()
        if word in _TEENS or word in _TENS:
            self._at += 1
            return self._below_hundred(word)
        if word in _UNITS and self._at > start:
            self._at += 1
            return "0" + _UNITS[word]
        self._at = start
        return "00"

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        self._at += 1
        return self._words[self._at - 1]


def yes_no(text: str) -> bool | None:
    """Return True for yes, False for no, None for neither. A word of denial wins: `no, that's right` is unclear."""
    said = normalise(text)
    if said in YES:
        return True
    if said in NO:
        return False
    words = said.split()
    denied = any(word in _NO_WORDS for word in words)
    agreed = any(word in _YES_WORDS for word in words)
    if denied:
        # "not correct", "that isn't right" deny; "no yes" and "yes no" say nothing.
        return None if agreed and words[0] in _YES_WORDS | {"no", "nope", "nah"} else False
    return True if agreed else None


def phrases_in(text: str, phrases: Iterable[str]) -> list[str]:
    """Return the phrases that were said, longest first, without those that stand inside another one."""
    inside = f" {normalise(text)} "
    found = sorted({phrase for phrase in phrases if f" {phrase} " in inside}, key=lambda phrase: (-len(phrase), phrase))
    kept: list[str] = []
    for phrase in found:
        if not any(f" {phrase} " in f" {longer} " for longer in kept):
            kept.append(phrase)
    return kept


def is_complete(expectation: Expectation, text: str) -> bool:
    """Return whether `text` answers `expectation` in full, so that nothing more need be waited for."""
    match expectation.kind:
        case "yes_no":
            return yes_no(text) is not None
        case "digits":
            return len(digits(text)) >= expectation.max_digits
        case "phrases":
            return normalise(text) in expectation.phrases
        case "free":
            return False


def spelled(text: str) -> str:
    """Return `text` to be read out one by one: `0042-7` is `zero zero four two, seven`."""
    names = [_SPOKEN.get(char, char) for char in text if not char.isspace() and char not in "-.,()/"]
    groups = [" ".join(names[at : at + _GROUP]) for at in range(0, len(names), _GROUP)]
    return ", ".join(groups)
