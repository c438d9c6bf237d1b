"""Words to digits and back, yes and no, and which phrase was said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.conversation.words import digits, normalise, phrases_in, spelled, yes_no


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("one two three four", "1234"),
        ("oh double five twenty three", "05523"),
        ("triple seven", "777"),
        ("nineteen eighty-four", "1984"),
        ("nine oh two one oh", "90210"),
        ("twenty oh five", "2005"),
        ("four hundred", "400"),
        ("four hundred and seven", "407"),
        ("seventeen hundred", "1700"),
        ("five thousand", "5000"),
        ("My number is 12 34, thank you.", "1234"),
        ("double", ""),
        ("hello", ""),
        ("", ""),
    ],
)
def test_digits(said: str, number: str) -> None:
    assert digits(said) == number


@given(st.text("0123456789", max_size=20))
def test_what_is_read_out_is_understood_again(number: str) -> None:
    assert digits(spelled(number)) == number


def test_a_number_is_read_out_one_by_one_with_a_breath_in_between() -> None:
    assert spelled("00421#*") == "zero zero four two, one hash star"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("yes", True),
        ("Yeah, sure.", True),
        ("that's right", True),
        ("yes please", True),
        ("that\u2019s correct", True),
        ("no", False),
        ("nope", False),
        ("no that's wrong", False),
        ("that is not correct", False),
        ("that isn't right", False),
        ("not really", False),
        ("yes no", None),
        ("no that's right", None),
        ("yes i'm not sure", None),
        ("banana", None),
        ("", None),
    ],
)
def test_yes_and_no(said: str, meaning: bool | None) -> None:
    assert yes_no(said) is meaning


def test_the_longest_phrase_counts_and_two_are_two() -> None:
    phrases = ("sales", "sales department", "support")
    assert phrases_in("the Sales department, please", phrases) == ["sales department"]
    assert phrases_in("sales or support", phrases) == ["support", "sales"]
    assert phrases_in("salesman", phrases) == []


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_any_text_can_be_heard(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert all(char in "0123456789" for char in digits(text))
    yes_no(text)
