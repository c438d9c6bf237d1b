"""Played milliseconds to words, and a history that cannot grow without end."""

import pytest

from softswitch.conversation.memory import MAX_EXCHANGES, heard_part, remember
from softswitch.conversation.policy import Dialogue, Exchange

TEXT = "one two three four"


@pytest.mark.parametrize(
    ("played", "total", "heard"),
    [
        (0, 1000, ""),
        (100, 1000, ""),
        (500, 1000, "one two"),
        (999, 1000, "one two three"),
        (1000, 1000, TEXT),
        (600, None, "one two"),
    ],
)
def test_a_cut_word_was_not_heard(played: float, total: float | None, heard: str) -> None:
    assert heard_part(TEXT, played, total) == heard


def test_the_oldest_lines_go() -> None:
    dialogue = Dialogue("test")
    for number in range(MAX_EXCHANGES + 10):
        remember(dialogue, Exchange("caller", str(number)))
    remember(dialogue, Exchange("agent", ""))
    assert len(dialogue.history) == MAX_EXCHANGES
    assert dialogue.history[0].text == "10"
