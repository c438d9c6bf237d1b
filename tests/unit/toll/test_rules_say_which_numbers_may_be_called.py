"""Prefixes, countries and types of numbers; what is not written down falls on the safe side."""

from typing import Any

import pydantic
import pytest

from softswitch.call.numbers import read
from softswitch.call.toll_rules import TollLimits, TollSection, UserLimits


def refusal(rules: dict[str, Any], number: str, country: str = "DE") -> str:
    return TollLimits.model_validate(rules).refusal(read(number, country), country)


@pytest.mark.parametrize(
    ("rules", "number", "open_"),
    [
        ({}, "+252612345678", True),
        ({"countries": ["DE", "AT"]}, "030 123456", True),
        ({"countries": ["DE", "AT"]}, "+43123456789", True),
        ({"countries": ["DE", "AT"]}, "+252612345678", False),
        ({"countries": ["US"]}, "+12425551234", False),  # of the Bahamas, and assigned to nobody
        ({"countries": ["US"]}, "+12125551234", True),
        ({"countries": ["DE"]}, "112", True),  # emergency numbers are always open
        ({"countries": ["DE"]}, "115", True),
        ({"countries": ["AT"]}, "115", False),
        ({"countries": ["DE"]}, "4711", False),  # nobody knows where that is
        ({"deny_countries": ["SO"]}, "00252612345678", False),
        ({"deny_countries": ["SO"]}, "+49301234567", True),
        ({"allow": ["+49"]}, "+43123456789", False),
        ({"allow": ["+49"], "deny": ["+49900"]}, "+499001234567", False),
        ({"deny": ["+44"], "allow": ["+4420"]}, "+442071234567", True),
        ({"deny": ["+44"], "allow": ["+44"]}, "+442071234567", False),
        ({"countries": ["DE"], "allow": ["+4420"]}, "+442071234567", True),
        ({"countries": ["DE"], "allow": ["+4420"]}, "+441611234567", False),
        ({"deny_types": ["premium_rate"]}, "+499001234567", False),
        ({"deny_types": ["premium_rate"]}, "0900 1234567", False),
        ({"deny_types": ["premium_rate"]}, "+4990012345678999", False),  # digits too many, which carriers ignore
        ({"deny_types": ["premium_rate"]}, "09005123456999999", False),  # however it is dialled
        ({"deny_types": ["premium_rate"]}, "0900512345678901234", False),
        ({"deny_types": ["premium_rate"]}, "004490987900009999999999", False),
        ({"deny_types": ["premium_rate"]}, "+0004490987900009999", False),  # no country's code begins with 0
        ({"deny_types": ["satellite"]}, "0088161234567899999999", False),
        ({"deny_types": ["satellite"]}, "+000881612345678", False),
        ({"deny_countries": ["SO"]}, "00252612345678999999", False),
        ({"deny": ["+44"]}, "0044207123456799999", False),
        ({"deny_types": ["premium_rate"]}, "+39 (0)899123456", False),  # read as 0899, and sent as 899 by some
        ({"deny_types": ["premium_rate"]}, "4711", True),
        ({"deny_types": ["premium_rate"]}, "+19005551234", False),
        ({"deny_types": ["premium_rate"]}, "+190055512349", False),
        ({"deny_types": ["premium_rate"]}, "+979123456789", False),
        ({"deny_types": ["premium_rate"], "allow": ["+49900"]}, "+499001234567", True),
        ({"deny_types": ["satellite"]}, "+881612345678", False),
        ({"deny_types": ["satellite"]}, "+87012345", False),
        ({"deny_types": ["star_code"]}, "*21*00499001234567#", False),
        ({"deny": ["*"]}, "*21*00499001234567#", False),
        ({"deny_types": ["premium_rate", "satellite", "star_code"]}, "030 123456", True),
    ],
)
def test_a_number_is_open_or_closed(rules: dict[str, Any], number: str, open_: bool) -> None:
    assert (refusal(rules, number) == "") == open_, refusal(rules, number)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("19005551234999999", "US"),
        ("9005551234999999", "US"),
        ("011449098790000999999", "US"),
        ("09098790000999999", "GB"),
        ("19001234569999", "AU"),
        ("08991234569999999", "FR"),
        ("3201999", "FR"),
        ("11871299", "FR"),
    ],
)
def test_digits_too_many_open_nothing_in_any_country(number: str, country: str) -> None:
    assert UserLimits().refusal(read(number, country), country)


@pytest.mark.parametrize("number", ["+499001234567", "+881612345678", "*21*0171123456#", "+979123456789"])
def test_users_may_not_call_what_thieves_call_unless_somebody_says_so(number: str) -> None:
    assert UserLimits().refusal(read(number, "DE"), "DE")
    assert not UserLimits(deny_types=()).refusal(read(number, "DE"), "DE")


def test_what_is_written_for_one_user_changes_nothing_else_of_his() -> None:
    section = TollSection.model_validate(
        {
            "each_user": {"max_calls": 3, "countries": ["DE"]},
            "users": {"ada": {"max_calls": None, "deny_types": []}},
            "carriers": {"sky": {"max_calls_day": 9}},
            "everybody": {"max_minutes_day": 500},
        }
    )
    (_, _, ada), (_, _, sky), (_, _, everybody) = section.limits("ada", "sky")
    assert (ada.max_calls, ada.countries, ada.deny_types, ada.max_calls_hour) == (None, ("DE",), (), 120)
    (_, _, ada), *_ = section.limits("ada", "sky", TollLimits(max_calls=7))
    assert (ada.max_calls, ada.countries, ada.deny_types) == (7, ("DE",), ()), "its own entry comes first"
    assert sky.max_calls_day == 9 and everybody.max_minutes_day == 500
    assert [scope for scope, _, _ in section.limits("", "sea")] == ["carrier", "everybody"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"timezone": "Berlin"}, "time zone"),
        ({"each_user": {"countries": ["Germany"]}}, "two letters"),
        ({"each_user": {"allow": [49]}}, "quotes"),
        ({"each_user": {"deny": ["+49 900"]}}, "not a prefix"),
        ({"each_user": {"max_calls": -1}}, "greater than or equal"),
    ],
)
def test_rules_that_make_no_sense_are_a_sentence(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=words):
        TollSection.model_validate(rules)


def test_norway_is_a_country_to_yaml_too() -> None:
    section = TollSection.model_validate({"each_user": {"countries": [False, "SE"]}})
    assert section.each_user.countries == ("NO", "SE")
