import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.providers.sentences import MAX_CHARS, Sentences


def spoken(*pieces: str) -> list[str]:
    sentences = Sentences()
    return [part for piece in pieces for part in sentences.feed(piece)] + sentences.finish()


@pytest.mark.parametrize(
    ("pieces", "parts"),
    [
        (["Good morning."], ["Good morning."]),
        (["Good ", "mor", "ning. ", "How ", "are you"], ["Good morning.", "How are you"]),
        (["It costs 3", ".", "50 euros."], ["It costs 3.50 euros."]),
        (["  ", ""], []),
        (["Please say sales, support, or opening hours. Or press one, two, or three."],
         ["Please say sales, support, or opening hours.", "Or press one, two, or three."]),
    ],
)  # fmt: skip
def test_parts_are_sentences(pieces: list[str], parts: list[str]) -> None:
    assert spoken(*pieces) == parts


def test_a_piece_that_is_a_sentence_does_not_wait_for_the_next() -> None:
    assert Sentences().feed("One moment, please.") == ["One moment, please."]


def test_a_long_sentence_is_cut_at_a_comma() -> None:
    long = "and so it goes on, " * 30
    assert all(part.endswith(",") for part in spoken(long)[:-1])


@settings(max_examples=60)
@given(st.lists(st.text(alphabet="ab ,.?!3\n", max_size=120), max_size=8))
def test_nothing_is_lost_and_nothing_is_too_long(pieces: list[str]) -> None:
    parts = spoken(*pieces)
    assert "".join("".join(parts).split()) == "".join("".join(pieces).split())
    assert all(0 < len(part) <= MAX_CHARS for part in parts)
