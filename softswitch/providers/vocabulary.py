"""The words of a grammar, and the phones of words that stand for any sound. Alone, because workers need it."""

from typing import Final

#: The phones of the acoustic model.
PHONES: Final = tuple(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
#: A word that begins so is one phone, and no word that anybody says.
PHONE_MARK: Final = "_"


def phone_words() -> list[str]:
    """Return a word for every phone: in any order and number they are speech that a grammar does not have."""
    return [PHONE_MARK + phone.lower() for phone in PHONES]


def vocabulary(grammar: str) -> list[str]:
    """Return the words of one of our JSGF grammars, sorted."""
    text = grammar.partition("grammar g;")[2]
    for sign in "()[]|;=<>+":
        text = text.replace(sign, f" {sign} ")
    words: set[str] = set()
    inside = False
    for piece in text.split():
        if piece in "<>":
            inside = piece == "<"
        elif not inside and piece not in "()[]|;=+" and piece != "public" and not piece.startswith("/"):
            words.add(piece)
    return sorted(words)
