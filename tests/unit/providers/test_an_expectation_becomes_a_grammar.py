import pytest

from softswitch.conversation.ports import Expectation
from softswitch.providers.grammar import jsgf
from softswitch.providers.vocabulary import phone_words, vocabulary


def words(expectation: Expectation) -> set[str]:
    grammar = jsgf(expectation)
    assert grammar is not None
    return {word for word in vocabulary(grammar) if not word.startswith("_")}


def test_yes_and_no_in_the_wordings_that_the_flow_takes() -> None:
    assert {"yep", "that's", "right"} <= words(Expectation("yes_no", phrases=("yep", "that's right")))
    assert {"yes", "no"} <= words(Expectation("yes_no"))


def test_phrases_word_by_word() -> None:
    heard = words(Expectation("phrases", phrases=("opening hours", "sales")))
    assert {"opening", "hours", "sales"} <= heard
    assert "zero" not in heard


def test_digits_are_never_more_than_expected() -> None:
    grammar = jsgf(Expectation("digits", min_digits=4, max_digits=4)) or ""
    spoken = grammar.partition("<a> =")[2].partition(";")[0]
    assert spoken.count("double") == 4
    assert "[" not in spoken


def test_fewer_digits_than_the_most_are_heard_too() -> None:
    spoken = (jsgf(Expectation("digits", min_digits=2, max_digits=5)) or "").partition("<a> =")[2].partition(";")[0]
    assert (spoken.count("double"), spoken.count("[")) == (5, 3)


@pytest.mark.parametrize("digits", [(0, 1), (1, 500), (30, 2)])
def test_absurd_numbers_of_digits_stay_within_limits(digits: tuple[int, int]) -> None:
    grammar = jsgf(Expectation("digits", min_digits=digits[0], max_digits=digits[1])) or ""
    assert len(grammar) < 3000


def test_every_grammar_has_a_way_out_for_other_speech() -> None:
    for expectation in (Expectation("yes_no"), Expectation("digits"), Expectation("phrases", phrases=("sales",))):
        assert set(phone_words()) <= set(vocabulary(jsgf(expectation) or ""))


def test_words_have_a_way_out_behind_them_and_digits_have_not() -> None:
    assert "<a> <o>" in (jsgf(Expectation("yes_no")) or "")
    assert "<a> <o>" not in (jsgf(Expectation("digits")) or "")


@pytest.mark.parametrize("expectation", [Expectation("free"), Expectation("phrases")])
def test_free_speech_has_no_grammar(expectation: Expectation) -> None:
    assert jsgf(expectation) is None
