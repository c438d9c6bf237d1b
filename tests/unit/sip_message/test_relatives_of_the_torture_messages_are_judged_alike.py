"""What is like the torture messages of RFC 4475 and RFC 5118, but in none of them, is judged alike."""

from collections.abc import Callable

import pytest

from softswitch.sip.message import Request
from softswitch.sip.parser import MessageError, parse_message

Invite = Callable[..., bytes]


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    assert parse_message(bytes(message)) == message
    return message


def fault(data: bytes) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse_message(data)
    return caught.value


def test_escaped_nulls_are_not_the_end(invite: Invite) -> None:
    message = request(
        invite("Contact: <sip:%00@host5.example.com>", "Contact: <sip:%00%00@host5.example.com>", without=("Contact",))
    )
    assert not message.contacts[0].uri.matches(message.contacts[1].uri)
    assert message.contacts[0].uri.username == "%00", "a control character would break logs and databases"


def test_user_parts_with_semicolons_and_hosts_of_every_kind(invite: Invite) -> None:
    assert request(invite(start="INVITE sip:user;par=u%40example.net@example.com SIP/2.0")).uri.params == ()
    for uri, host, port in (
        ("sip:[2001:db8::10]", "2001:db8::10", None),
        ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),
        ("sip:[2001:db8::10]:5070", "2001:db8::10", 5070),
        ("sip:user@[2001:db8:::192.0.2.1]", "2001:db8:::192.0.2.1", None),
    ):
        message = request(invite(start=f"INVITE {uri} SIP/2.0"))
        assert (message.uri.host, message.uri.port) == (host, port)
    for received in ("[2001:db8::9:255]", "2001:db8::9:255"):
        via = f"Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;received={received};branch=z9hG4bKx"
        message = request(invite(via, without=("Via",)))
        assert (message.via.host, message.via.port, message.via.received) == (
            *("::ffff:192.0.2.10", 19823),
            "2001:db8::9:255",
        )


@pytest.mark.parametrize(
    "line",
    [
        "From: caller<sip:caller@example.com>;tag=323",
        f'From: "I have a user name of {"extreme " * 100}" <sip:a@{"b" * 200}.example:6000;{"x" * 500}>;tag=1',
        "From: <http://www.example.com>;tag=3",
        "From: isbn:2983792873;tag=1",
        "From: <sip:+13035551111@ift.client.example.net;user=phone>",
        "From: 1001@192.0.2.1 <sip:1001@192.0.2.1>;tag=1;",
    ],
    ids=["no_space", "long", "http", "isbn", "no_tag", "phones"],
)
def test_odd_but_sound_addresses(invite: Invite, line: str) -> None:
    assert str(request(invite(line, without=("From",))).from_.uri) in line


def test_foreign_schemes_are_left_to_whoever_answers_416(invite: Invite) -> None:
    for uri in ("soap.beep://192.0.2.103:3002", "nobodyknowsthisscheme:totallyopaquecontent", "tel:+1-201-555-0123"):
        message = request(invite(start=f"INVITE {uri} SIP/2.0"))
        assert str(message.uri) == uri and not message.uri.is_sip
    assert message.uri.username == "+12015550123"


def test_a_binary_body_survives(invite: Invite) -> None:
    body = bytes(range(256)) + b"\r\n\r\n--boundary"
    data = invite('Content-Type: multipart/mixed;boundary="7a9cbec02ceef655"', f"l: {len(body)}", body=body)
    assert request(data).body == body and bytes(request(data)).endswith(body)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Via: SIP/2.0/UDP 192.0.2.15;;,;,,", "bad_parameter"),
        ('Contact: "Joe" <sip:joe@example.org>;;;;', "bad_parameter"),
        ("Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E", "bad_address"),
        ('To: "Mr. J. User <sip:j.user@example.com>', "unbalanced_quote"),
        ('To: "Watson, Thomas" < sip:t.watson@example.org >', "bad_uri"),
        ("To: <sip:t.watson@example.org", "bad_address"),
        ("From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43", "bad_address"),
        ("CSeq: 36893488147419103232 INVITE", "bad_cseq"),
        ("CSeq: 2147483648 INVITE", "bad_cseq"),
        ("Call-ID: two words", "bad_call_id"),
    ],
)
def test_broken_headers(invite: Invite, line: str, kind: str) -> None:
    error = fault(invite(line, without=(line.partition(":")[0],)))
    assert (error.status, error.kind) == (400, kind) and error.request is not None


@pytest.mark.parametrize(
    "target",
    [
        "<sip:user@example.com>",
        "sip:user@example.com; lr",
        " sip:user@example.com",
        "sip:user@example.com ",
        "sip:2001:db8::10",
        "sip:a@b@c",
        "sip:",
        "sip:@host",
        "sip:host:70000",
        "sip:[::1",
        "user@example.com",
    ],
)
def test_broken_request_uris(invite: Invite, target: str) -> None:
    error = fault(invite(start=f"INVITE {target} SIP/2.0"))
    assert error.status == 400 and error.request is not None


def test_octets_that_are_no_utf_8_are_no_identity(invite: Invite) -> None:
    for line in ("Call-ID: caf?@h", "From: <sip:caf?@h>;tag=1"):
        data = invite(line, without=(line.partition(":")[0],)).replace(b"caf?", b"caf\xe9")
        error = fault(data)
        assert error.status == 400 and error.request is not None
        assert b"caf\xe9@h" in bytes(error.request.reply(400)), "the peer finds its own octets again"


def test_another_version_in_via_too(invite: Invite) -> None:
    start, via = "INVITE sip:t.watson@example.org SIP/7.0", "Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"
    error = fault(invite(via, start=start, without=("Via",)))
    assert error.status == 505 and error.request is not None
    assert error.request.via.host == "c.example.com" and str(error.request.via) == via[5:]
