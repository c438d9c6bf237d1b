"""What is expected to be said, as a grammar for recognisers that take one (JSGF). Pure."""

from typing import Final

from softswitch.conversation.ports import Expectation

DIGIT_WORDS: Final = ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: What people say before they answer; heard, and left out of the transcript by whoever reads it.
FILLERS: Final = ("um", "uh", "well", "er", "please", "i said", "it's", "it is")
#: Longest number spoken at once that a grammar spells out; people pause in longer ones.
MAX_DIGITS: Final = 20


def jsgf(expectation: Expectation) -> str | None:
    """Return the grammar of one expectation; None for free speech, which no grammar describes."""
    match expectation.kind:
        case "yes_no":
            body = f"public <a> = [<f>] {_any(expectation.phrases or ('yes', 'no'))} ;"
        case "phrases" if expectation.phrases:
            body = f"public <a> = [<f>] {_any(expectation.phrases)} [please] ;"
        case "digits":
            body = f"public <a> = [<f>] {_digits(expectation)} ; <d> = {' | '.join(DIGIT_WORDS)} ;"
        case _:
            return None
    return f"#JSGF V1.0; grammar g; {body} <f> = {' | '.join(FILLERS)} ;"


def _any(phrases: tuple[str, ...]) -> str:
    return "(" + " | ".join(phrases) + ")"


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
