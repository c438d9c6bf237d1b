"""Refer-To, Replaces, Referred-By, Refer-Sub, Event, Subscription-State, sipfrag: good forms, bad forms, any form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Headers, Request
from softswitch.sip.refer import (
    Fragment,
    Reference,
    Replaces,
    SubscriptionState,
    event,
    read_refer,
    refer_to,
    referred_by,
    wants_notify,
)
from softswitch.sip.uri import Uri

TOKENS = st.from_regex(r"[A-Za-z0-9\-.!%*_+`'~]{1,20}", fullmatch=True)
CALL_IDS = st.from_regex(r"[!#-+\-.-:<-~]{1,40}", fullmatch=True)
TEXTS = st.text(max_size=60) | st.from_regex(r"[a-z;=<>\"%@?&: ]{0,60}", fullmatch=True)


def refer(*lines: tuple[str, str]) -> Request:
    return Request("REFER", Uri.of("600", "us"), Headers(lines))


def fault(*lines: tuple[str, str]) -> tuple[str, int]:
    with pytest.raises(RemoteError) as caught:
        read_refer(refer(*lines))
    return caught.value.kind, caught.value.status


# Replaces


@pytest.mark.parametrize(
    ("text", "replaces"),
    [
        ("a@b;to-tag=1;from-tag=2", Replaces("a@b", "1", "2")),
        (" a@b ; From-Tag = 2 ; TO-TAG=1 ; early-only", Replaces("a@b", "1", "2", early_only=True)),
        (
            "425928@bobster.example.org;to-tag=7743;from-tag=6472",
            Replaces("425928@bobster.example.org", "7743", "6472"),
        ),
        ("a(b)<c>:/[d]?{e};x=y;to-tag=0;from-tag=0;z", Replaces("a(b)<c>:/[d]?{e}", "0", "0")),
    ],
)
def test_a_dialog_is_named(text: str, replaces: Replaces) -> None:
    assert Replaces.parse(text) == replaces
    assert Replaces.parse(str(replaces)) == replaces


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";to-tag=1;from-tag=2",
        "a",
        "a b;to-tag=1;from-tag=2",
        "a;to-tag=1",
        "a;from-tag=2",
        "a;to-tag=1;from-tag=2;to-tag=3",
        "a;to-tag=;from-tag=2",
        "a;to-tag;from-tag=2",
        'a;to-tag="1";from-tag=2',
        "a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2",
        "a,b;to-tag=1;from-tag=2",
        "a\x00b;to-tag=1;from-tag=2",
        "ä;to-tag=1;from-tag=2",
        "a\r\nX: y;to-tag=1;from-tag=2",
        "a;to-tag=1;from-tag=2" + "x" * 1100,
    ],
)
def test_what_names_no_dialog_is_refused(text: str) -> None:
    with pytest.raises(RemoteError) as caught:
        Replaces.parse(text)
    assert (caught.value.kind, caught.value.status) == ("bad_replaces", 400)


def test_a_tag_that_is_zero_may_be_none() -> None:
    assert Replaces("a", "1", "2").dialogs == (("a", "1", "2"),)
    assert Replaces("a", "1", "0").dialogs == (("a", "1", "0"), ("a", "1", ""))


@given(CALL_IDS, TOKENS, TOKENS, st.booleans())
def test_every_dialog_survives_the_header_and_the_uri(call_id: str, to: str, from_: str, early: bool) -> None:
    named = Replaces(call_id, to, from_, early)
    assert Replaces.parse(str(named)) == named
    written = refer_to(Uri.of("1002", "h", 5061), named)
    assert read_refer(refer(("Refer-To", written))) == Reference(Uri.of("1002", "h", 5061), named)


@given(TEXTS)
def test_any_text_is_a_dialog_or_a_fault(text: str) -> None:
    try:
        named = Replaces.parse(text)
    except RemoteError as error:
        assert error.kind == "bad_replaces"
    else:
        assert Replaces.parse(str(named)) == named
        assert "\r" not in str(named) and "\n" not in str(named)


# Refer-To


def test_a_refer_has_exactly_one_target() -> None:
    assert fault() == ("bad_refer_to", 400)
    assert fault(("Refer-To", "<sip:a@h>"), ("r", "<sip:a@h>")) == ("bad_refer_to", 400)
    assert fault(("Refer-To", "<sip:a@h>, <sip:b@h>")) == ("bad_refer_to", 400)
    assert read_refer(refer(("r", "sip:a@h"))) == Reference(Uri.of("a", "h"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<http://h/x>", ("unknown_scheme", 416)),
        ("<im:a@h>", ("unknown_scheme", 416)),
        ("<sip:a@h;method=BYE>", ("refer_to_method", 403)),
        ("<sips:a@h;Method=invite%20>", ("refer_to_method", 403)),
        ("<sip:a@h;method>", ("refer_to_method", 403)),
        ("sip:a@h?Replaces=x", ("bad_replaces", 400)),
        ("Anna sip:a@h?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2", ("bad_refer_to", 400)),
        ("sip:a@h?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>", ("bad_refer_to", 400)),
        ("sip:a@h;method=BYE?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2", ("refer_to_method", 403)),
        ("<sip:a@h?Replaces=x>", ("bad_replaces", 400)),
        ("<sip:a@h?Replaces=a%0d%0aX%3B>", ("bad_replaces", 400)),
        (
            "<sip:a@h?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2&re%70laces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>",
            ("bad_replaces", 400),
        ),
        ("<sip:a@h>;;;", ("bad_refer_to", 400)),
        ("<sip:a b@h>", ("bad_refer_to", 400)),
        ("", ("bad_refer_to", 400)),
        (f"<sip:{'a' * 2100}@h>", ("bad_refer_to", 400)),
    ],
)
def test_a_target_that_cannot_be_called_is_refused(text: str, expected: tuple[str, int]) -> None:
    assert fault(("Refer-To", text)) == expected


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("sip:a@h?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2", Uri.of("a", "h")),
        (
            "sip:a@h;transport=tcp?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2",
            Uri.of("a", "h").with_param("transport", "tcp"),
        ),
        ("sip:a@h?Route=%3Csip:z%3E&Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2", Uri.of("a", "h")),
    ],
)
def test_brackets_may_be_left_out_where_the_meaning_is_plain(text: str, target: Uri) -> None:
    assert read_refer(refer(("Refer-To", text))) == Reference(target, Replaces("c", "1", "2"))


def test_of_the_headers_in_a_target_only_replaces_counts() -> None:
    asked = read_refer(
        refer(
            ("Refer-To", "<sip:a@h;method=INVITE;x=y?Route=%3Csip:z%3E&Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2&body=x>")
        )
    )
    assert asked == Reference(Uri.of("a", "h").with_param("x", "y"), Replaces("c", "1", "2"))


@given(TEXTS)
def test_any_target_is_read_or_refused(text: str) -> None:
    clean = grammar.readable(text).replace("\r", " ").replace("\n", " ")
    try:
        asked = read_refer(refer(("Refer-To", clean), ("Referred-By", clean), ("Refer-Sub", clean)))
    except RemoteError as error:
        assert error.status in (400, 403, 416)
    else:
        assert not asked.target.headers and asked.target.param("method") in (None, "INVITE", "invite")
        assert read_refer(refer(("Refer-To", refer_to(asked.target, asked.replaces)))).target == asked.target
        assert "\n" not in asked.referred_by


# The rest


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ('<sip:a@h?X=y>;cid="20398823.2UWQFN309shb3@h"', "sip:a@h"),
        ("sip:a@h;cid=x", "sip:a@h"),
        ('"Alice, A" <sips:a@h>', "sips:a@h"),
        ("<tel:+4930>", "tel:+4930"),
        ("<http://h>", ""),
        ("nonsense <", ""),
        (f"<sip:{'a' * 600}@h>", ""),
        ("", ""),
    ],
)
def test_who_refers_is_read_where_it_can_be(text: str, uri: str) -> None:
    assert referred_by(refer(("b", text))) == uri
    assert referred_by(refer()) == ""


def test_only_a_false_refer_sub_wants_no_notify() -> None:
    for text, wanted in (("false", False), (" False ; x=y", False), ("true", True), ("", True), ("falsehood", True)):
        assert wants_notify(refer(("Refer-Sub", text))) is wanted
    assert wants_notify(refer())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refer", ("refer", "")),
        (" Refer ; ID=93809823", ("refer", "93809823")),
        ("refer;x;id", ("refer", "")),
        ("refer;;", ("refer", "")),
        ("", ("", "")),
    ],
)
def test_an_event_may_have_an_id(text: str, expected: tuple[str, str]) -> None:
    assert event(refer(("o", text))) == expected


@pytest.mark.parametrize(
    ("text", "state", "printed"),
    [
        ("active;expires=60", SubscriptionState("active", expires=60), "active;expires=60"),
        (
            "Terminated ; Reason=NoResource",
            SubscriptionState("terminated", "noresource"),
            "terminated;reason=noresource",
        ),
        ("pending;expires=99999999999", SubscriptionState("pending"), "pending"),
        ("active;expires=-1", SubscriptionState("active"), "active"),
        ("active;expires=٣", SubscriptionState("active"), "active"),
        ("active;;x", SubscriptionState("active"), "active"),
        ("", SubscriptionState("active"), "active"),
    ],
)
def test_the_state_of_a_subscription_is_read(text: str, state: SubscriptionState, printed: str) -> None:
    assert SubscriptionState.of(refer(("Subscription-State", text))) == state
    assert str(state) == printed
    assert state.over is printed.startswith("terminated")


@pytest.mark.parametrize(
    ("body", "fragment"),
    [
        (b"SIP/2.0 200 OK\r\n", Fragment(200, "OK")),
        (b"SIP/2.0 100 Trying", Fragment(100, "Trying")),
        (b"\r\n\nsip/2.0  486\r\nTo: x\r\n\r\nbody", Fragment(486)),
        (b"SIP/2.0 503 Voll \xff besetzt \t\r\n", Fragment(503, "Voll \ufffd besetzt")),
        (b"SIP/2.0 699 " + b"x" * 9000, Fragment(699, "x" * 500)),
    ],
)
def test_a_fragment_begins_with_a_status_line(body: bytes, fragment: Fragment) -> None:
    assert Fragment.parse(body) == fragment


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"200 OK",
        b"SIP/2.0 OK",
        b"SIP/2.0 99 x",
        b"SIP/2.0 700 x",
        b"SIP/1.0 200 OK",
        b"SIP/2.0 2000 OK",
        b"\n" * 600 + b"SIP/2.0 200 OK",
    ],
)
def test_what_has_no_status_line_says_nothing(body: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        Fragment.parse(body)
    assert caught.value.kind == "bad_sipfrag"


@given(st.binary(max_size=80) | st.integers(0, 999).map(lambda n: f"SIP/2.0 {n} x\r\n".encode()))
def test_any_body_is_a_fragment_or_a_fault(body: bytes) -> None:
    try:
        read = Fragment.parse(body)
    except RemoteError as error:
        assert error.kind == "bad_sipfrag"
    else:
        assert 100 <= read.status <= 699
        assert Fragment.parse(bytes(read)).status == read.status


def test_a_fragment_of_ours_has_the_words_of_its_status() -> None:
    assert bytes(Fragment(200)) == b"SIP/2.0 200 OK\r\n"
    assert bytes(Fragment(298)) == b"SIP/2.0 298 Unknown\r\n"
    assert str(NameAddr.parse(refer_to(Uri.of("a", "h"))).uri) == "sip:a@h"
