"""What is expected to be said, as a grammar for recognisers that take one (JSGF). Pure.

Every grammar has a way out: any phones in any order, at a price. Speech that fits the phones so much better than the
words that it pays the price was something else, and counts as nothing heard. Words have the same way out behind them,
so that the beginning of a sentence is no answer; digits have not: more digits than expected would be refused by it.
"""

from typing import Final

from softswitch.conversation.ports import Expectation
from softswitch.providers.vocabulary import phone_words

DIGIT_WORDS: Final = ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: What people say before they answer; heard, and left out of the transcript by whoever reads it.
FILLERS: Final = ("um", "uh", "well", "er", "i said", "it's", "it is")
#: Few say them; without a price, other speech finds them as a handle to hang an answer on.
FILLER_WEIGHT: Final = "0.001"
#: Longest number spoken at once that a grammar spells out; people pause in longer ones.
MAX_DIGITS: Final = 20

#: The price of being something else, and of each phone after the first. Found on answers and other speech in ten voices
#: and on recordings: dearer keeps more answers that were badly spoken, and takes more other speech for an answer.
OTHER_WEIGHT: Final = "1e-14"
OTHER_PHONE_WEIGHT: Final = "0.3"


def jsgf(expectation: Expectation) -> str | None:
    """Return the grammar of one expectation; None for free speech, which no grammar describes."""
    match expectation.kind:
        case "yes_no":
            body = f"<a> = <b> {_any(expectation.phrases or ('yes', 'no'))} ;"
        case "phrases" if expectation.phrases:
            body = f"<a> = <b> {_any(expectation.phrases)} [please] ;"
        case "digits":
            body = f"<a> = <b> {_digits(expectation)} ; <d> = {' | '.join(DIGIT_WORDS)} ;"
        case _:
            return None
    return f"#JSGF V1.0; grammar g; {body} {_before()} {_other(expectation)}"


def _any(phrases: tuple[str, ...]) -> str:
    return "(" + " | ".join(phrases) + ")"


def _before() -> str:
    return f"<b> = /1/ <NULL> | /{FILLER_WEIGHT}/ <f> ; <f> = {' | '.join(FILLERS)} ;"


def _other(expectation: Expectation) -> str:
    one_more = f"/{OTHER_PHONE_WEIGHT}/ <p> <o>"
    after = "" if expectation.kind == "digits" else f" | /{OTHER_WEIGHT}/ <a> <o>"
    return (
        f"public <top> = /1/ <a> | /{OTHER_WEIGHT}/ <o>{after} ; <o> = /1/ <p> | {one_more} ; "
        f"<p> = {' | '.join(phone_words())} ;"
    )


def _digits(expectation: Expectation) -> str:
    """Return so many digits as are expected: a number of known length is never heard longer than it is."""
    least = max(1, min(expectation.min_digits, MAX_DIGITS))
    most = max(least, min(expectation.max_digits, MAX_DIGITS))
    parts = ["<d>"] * least
    tail = ""
    for _ in range(most - least):
        tail = f"[<d> {tail}]" if tail else "[<d>]"
    # `double five` is two digits in one place; the dialogue counts what came.
    spoken = " ".join([*parts, tail]).strip()
    return spoken.replace("<d>", "(<d> | double <d>)") if most > 1 else spoken
