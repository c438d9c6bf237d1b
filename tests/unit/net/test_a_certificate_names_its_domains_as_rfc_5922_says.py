"""Who a certificate is for: sip: URIs before DNS names, whole names, no wildcards, no users."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.net.tls_names import MAX_NAMES, names_of, plain, proves, said
from tests.tools.certificates import Authority

AUTHORITY = Authority()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("sip:example.com",), ("example.com",)),
        (("sip:Example.COM", "sip:example.com", "sip:b.example"), ("example.com", "b.example")),
        (("example.com", "b.example"), ("example.com", "b.example")),
        # section 7.1: DNS names count only where no sip: URI names a domain
        (("sip:example.com", "www.example.com"), ("example.com",)),
        # a URI with a user is a person's, sips: means nothing there, and no other scheme does
        (("sip:alice@example.com", "b.example"), ("b.example",)),
        (("sips:example.com", "urn:uuid:f81d4fae"), ()),
        (("sip:example.com:5061;transport=tls",), ("example.com",)),
        (("192.0.2.1", "2001:DB8::1", "a.example"), ("192.0.2.1", "2001:db8::1", "a.example")),
        (("sip:192.0.2.1",), ("192.0.2.1",)),
    ],
)
def test_names_are_those_of_the_extension(names: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert names_of(AUTHORITY.sign(*names, common="common.example").certificate) == found


def test_the_common_name_counts_only_where_there_is_nothing_else() -> None:
    assert names_of(AUTHORITY.sign(common="Common.Example").certificate) == ("common.example",)
    assert names_of(AUTHORITY.sign("sip:alice@example.com", common="common.example").certificate) == ()


def test_a_certificate_of_a_thousand_names_is_read_to_a_limit() -> None:
    names = [f"h{number}.example" for number in range(1000)]
    assert len(names_of(AUTHORITY.sign(*names).certificate)) == MAX_NAMES


@pytest.mark.parametrize(
    ("names", "expected", "proved"),
    [
        (("example.com",), "example.com", True),
        (("example.com",), "EXAMPLE.com.", True),
        # section 7.2: the whole name, no suffix, no wildcard
        (("example.com",), "sip.example.com", False),
        (("sip.example.com",), "example.com", False),
        (("*.example.com",), "sip.example.com", False),
        (("*.example.com",), "*.example.com", True),  # who expects exactly that has said so
        (("2001:db8::1",), "[2001:DB8:0::1]", True),
        ((), "example.com", False),
    ],
)
def test_a_name_is_proved_whole_or_not_at_all(names: tuple[str, ...], expected: str, proved: bool) -> None:
    assert proves(names, [expected]) is proved


def test_nobody_is_expected_by_an_empty_list() -> None:
    assert not proves(["example.com"], [])


@given(st.text(max_size=80))
def test_plain_is_plain_already(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_many_names_are_said_in_few_words() -> None:
    assert said(["a", "b"]) == "a, b"
    assert said(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert said([]) == "nobody"
