"""URIs are equal as RFC 3261 section 19.1.4 says; addresses and URIs print to what parses to the same value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sip.headers import CSeq, NameAddr, Via
from softswitch.sip.uri import Uri

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
HOST = st.sampled_from(["example.com", "192.0.2.1", "2001:db8::1", "a_b.local"])
TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
PARAMS = st.lists(st.tuples(TOKEN, st.none() | TOKEN | st.just('"a;b,\\"c"')), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER", "sip:biloxi.com;method=register;transport=tcp"),
        ("sip:a@b?subject=x&priority=urgent", "sip:a@b?priority=urgent&subject=x"),
    ],
)
def test_equal(one: str, other: str) -> None:
    assert Uri.parse(one).matches(Uri.parse(other)) and Uri.parse(other).matches(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:biloxi.com", "sip:bob@biloxi.com"),
        ("sip:%2500@h", "sip:%00@h"),
    ],
)
def test_not_equal(one: str, other: str) -> None:
    assert not Uri.parse(one).matches(Uri.parse(other)) and not Uri.parse(other).matches(Uri.parse(one))


@settings(max_examples=150, deadline=None)
@given(user=TEXT, host=HOST, port=st.none() | st.integers(0, 65535))
def test_a_uri_of_any_text_prints_to_itself(user: str, host: str, port: int | None) -> None:
    uri = Uri.of(user, host, port)
    parsed = Uri.parse(str(uri))
    assert parsed == uri
    if user.isprintable():
        assert parsed.username == user
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in parsed.username), "controls stay escaped"


@settings(max_examples=150, deadline=None)
@given(display=TEXT, host=HOST, params=PARAMS)
def test_an_address_of_any_display_name_prints_to_itself(
    display: str, host: str, params: tuple[tuple[str, str | None], ...]
) -> None:
    address = NameAddr(Uri.of("u", host), display, params)
    text = str(address)
    assert "\r" not in text and "\n" not in text
    parsed = NameAddr.parse(text)
    assert parsed.display == display.replace("\r", " ").replace("\n", " ")
    assert (parsed.uri, parsed.params) == (address.uri, params)


@settings(max_examples=100, deadline=None)
@given(host=HOST, port=st.none() | st.integers(0, 65535), params=PARAMS)
def test_a_via_prints_to_itself(host: str, port: int | None, params: tuple[tuple[str, str | None], ...]) -> None:
    via = Via("TCP", host, port, params)
    assert Via.parse(str(via)) == via


@settings(max_examples=300, deadline=None)
@given(st.text('sip:@;<>"\\,=?&[]%/ \t1a.2\x00\udc80\u00e9', max_size=24))
def test_any_text_is_a_value_or_a_remote_error(text: str) -> None:
    for parse in (Uri.parse, NameAddr.parse, Via.parse, CSeq.parse):
        try:
            value = parse(text)
        except RemoteError:
            continue
        str(value).encode()
        assert parse(str(value)) == value


@pytest.mark.parametrize("octet", ["\udcff", "\x00", "\x1f", "\x7f", "\x85", " ", "<", '"'])
def test_what_could_break_out_of_a_uri_is_refused(octet: str) -> None:
    for text in (f"sip:a{octet}b@h", f"sip:a@h;x={octet}", f"sip:a@h?x={octet}", f"tel:1{octet}"):
        with pytest.raises(RemoteError):
            Uri.parse(text)


def test_octets_that_are_no_text_do_not_reach_the_values() -> None:
    address = NameAddr.parse('"caf\udce9" <sip:a@b>;tag=x\udcff')
    assert (address.display, address.tag) == ("caf\ufffd", "x\ufffd")


def test_a_very_long_uri_is_the_same_as_a_short_one() -> None:
    long = "sip:" + "a" * 5000 + "@h;lr"
    assert str(Uri.parse(long)) == long and Uri.parse(long).loose
