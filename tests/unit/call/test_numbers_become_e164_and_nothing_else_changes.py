"""A public number becomes E.164 however it was dialled; everything that means something only here stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.numbers import MAX_LENGTH, Kind, read, write

PUBLIC = [
    ("+49 30 123456", "DE", "+4930123456"),
    ("+49 30 123456", "", "+4930123456"),
    ("+49 (0)30 123456", "DE", "+4930123456"),
    ("0049 30 123456", "DE", "+4930123456"),
    ("030/12 34-56", "DE", "+4930123456"),
    ("30123456", "DE", "+4930123456"),
    ("4930123456", "DE", "+4930123456"),
    ("０３０ １２３４５６", "DE", "+4930123456"),
    ("tel:+49-30-123456", "", "+4930123456"),
    ("tel:030123456;phone-context=+49", "", "+4930123456"),
    ("TEL:30123456;phone-context=+49", "US", "+4930123456"),
    ("011 49 30 123456", "US", "+4930123456"),
    ("(415) 555-2671", "US", "+14155552671"),
    ("1 415 555 2671", "US", "+14155552671"),
    ("1-800-FLOWERS", "US", "+18003569377"),
    ("138 0013 8000", "CN", "+8613800138000"),
    ("8613800138000", "CN", "+8613800138000"),
    ("010 1234 5678", "CN", "+861012345678"),
    ("06 1234 5678", "IT", "+390612345678"),
    ("8 (912) 345-67-89", "RU", "+79123456789"),
    # A code that is newer than the numbering plan we have: the prefix says that it is public.
    ("0999 123456", "DE", "+49999123456"),
]
LEFT_ALONE = [
    ("112", "DE", Kind.EMERGENCY),
    ("110", "DE", Kind.EMERGENCY),
    ("911", "US", Kind.EMERGENCY),
    ("116117", "DE", Kind.SHORT),
    ("10086", "CN", Kind.SHORT),
    ("*100#", "DE", Kind.CODE),
    ("#31#030123456", "DE", Kind.CODE),
    ("600", "DE", Kind.INTERNAL),
    ("30123", "DE", Kind.INTERNAL),
    ("1001", "US", Kind.INTERNAL),
    ("0", "DE", Kind.INTERNAL),
    ("030123456", "", Kind.INTERNAL),
    ("112", "", Kind.INTERNAL),
    ("+999123456", "DE", Kind.INTERNAL),
    ("tel:123;phone-context=example.com", "DE", Kind.INTERNAL),
]
NO_NUMBERS = ["", " ", "alice", "+", "sip:600@192.0.2.1", "tel:", "²", "x12", "6;00", "%30"]


@pytest.mark.parametrize(("dialled", "country", "e164"), PUBLIC)
def test_public_numbers(dialled: str, country: str, e164: str) -> None:
    number = read(dialled, country)
    assert (number.kind, number.e164, number.best) == (Kind.PUBLIC, e164, e164)
    assert number.why


@pytest.mark.parametrize(("dialled", "country", "kind"), LEFT_ALONE)
def test_others_are_left_alone(dialled: str, country: str, kind: Kind) -> None:
    number = read(dialled, country)
    plain = dialled.removeprefix("tel:").partition(";")[0]
    assert (number.kind, number.e164) == (kind, "")
    assert number.why
    for form in ("e164", "digits", "national", "as_dialled"):
        assert write(number, form, country or "DE") == plain  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [*NO_NUMBERS, "9" * (MAX_LENGTH + 1)])
def test_what_is_no_number(text: str) -> None:
    assert read(text, "DE").kind is Kind.NAME


@pytest.mark.parametrize(
    ("dialled", "extension"),
    [
        ("030 123456 ext. 12", "12"),
        ("030123456x12", "12"),
        ("030123456,,12", "12"),
        ("tel:+4930123456;ext=12", "12"),
        ("030123456", ""),
    ],
)
def test_an_extension_is_kept_apart(dialled: str, extension: str) -> None:
    number = read(dialled, "DE")
    assert (number.e164, number.extension) == ("+4930123456", extension)
    assert write(number, "national", "DE") == "030123456"


@pytest.mark.parametrize(
    ("e164", "form", "country", "written"),
    [
        ("+4930123456", "e164", "DE", "+4930123456"),
        ("+4930123456", "digits", "DE", "4930123456"),
        ("+4930123456", "national", "DE", "030123456"),
        ("+4930123456", "national", "US", "0114930123456"),
        ("+14155552671", "national", "DE", "0014155552671"),
        ("+14155552671", "national", "US", "4155552671"),
        ("+14155552671", "national", "CA", "4155552671"),
        ("+8613800138000", "national", "CN", "13800138000"),
        ("+390612345678", "national", "IT", "0612345678"),
    ],
)
def test_carriers_have_their_formats(e164: str, form: str, country: str, written: str) -> None:
    assert write(read(e164), form, country) == written  # type: ignore[arg-type]


def test_as_dialled_loses_only_what_no_telephone_has() -> None:
    assert write(read("030 / 12 34-56", "DE"), "as_dialled", "DE") == "030123456"


ANYTHING = st.text(max_size=MAX_LENGTH + 2)
NEARLY = st.text("0123456789+*#-() xe;=,.:tl\r\n", max_size=30)


@given(ANYTHING | NEARLY, st.sampled_from(["", "DE", "US", "CN"]))
def test_any_text_is_a_number_or_none(text: str, country: str) -> None:
    number = read(text, country)
    if number.kind is not Kind.NAME:
        assert set(write(number, "national", "DE")) <= set("+0123456789*#")
        assert set(number.dialled) <= set("+0123456789*#")
    if number.e164:
        assert read(number.e164).e164 == number.e164
