"""What both sides know of a conversation: memory keeps what the caller heard, not what was meant to be said."""

from typing import Final

from softswitch.conversation.policy import Dialogue, Exchange

#: Lines of a dialogue that are kept; an hour of quick turns. The oldest go, as a language model could not read more.
MAX_EXCHANGES: Final = 400
#: Letters a synthesiser speaks in a second at usual speed, for texts whose length in sound is not known yet.
_LETTERS_PER_SECOND: Final = 15.0


def remember(dialogue: Dialogue, exchange: Exchange) -> None:
    """Add a line to the dialogue; a line without words and an interruption before its first word leave nothing."""
    if not exchange.text:
        return
    dialogue.history.append(exchange)
    del dialogue.history[:-MAX_EXCHANGES]


def heard_part(text: str, played_ms: float, total_ms: float | None) -> str:
    """Return the words of `text` that were really heard when `played_ms` of its sound was played.

    total_ms: the length of its whole sound, None while it is still being made. Words are taken as evenly spread;
    a word that was cut counts as not heard.
    """
    if total_ms is None:
        total_ms = max(played_ms, len(text) / _LETTERS_PER_SECOND * 1000)
    if total_ms <= 0:
        return ""
    limit = len(text) * min(1.0, played_ms / total_ms)
    heard: list[str] = []
    position = 0
    for word in text.split():
        position = text.index(word, position) + len(word)
        if position > limit + 1e-6:
            break
        heard.append(word)
    return " ".join(heard)
