"""Folding, compact names, odd spacing, lists, IPv6, bare line feeds: different bytes, the same message."""

from collections.abc import Callable

import pytest

from softswitch.sip.message import Request, Response
from softswitch.sip.parser import parse_message

Invite = Callable[..., bytes]


def test_a_plain_invite(invite: Invite) -> None:
    message = parse_message(invite("Content-Type: application/sdp", "Content-Length: 4", body=b"v=0\nrubbish"))
    assert isinstance(message, Request)
    assert (message.method, str(message.uri), message.call_id) == ("INVITE", "sip:600@192.0.2.9", "c1@192.0.2.1")
    assert (message.cseq.number, message.cseq.method, message.from_.tag, message.to.tag) == (1, "INVITE", "a1", None)
    assert message.via.branch == "z9hG4bK-1" and message.via.rport == 0
    assert message.body == b"v=0\n", "what follows the body of a datagram is ignored (RFC 4475 3.1.1.2 dblreq)"
    assert message.max_forwards == 70 and message.content_type == "application/sdp"


@pytest.mark.parametrize(
    ("lines", "without"),
    [
        (("f: \"Alice\" <sip:alice@192.0.2.1>;tag=a1", "t: <sip:600@192.0.2.9>"), ("From", "To")),
        (("i: c1@192.0.2.1",), ("Call-ID",)),
        (("FROM : \"Alice\"\r\n\t<sip:alice@192.0.2.1>;\r\n  tag = a1",), ("From",)),
        (("v:  SIP / 2.0 / UDP 192.0.2.1:5060 ;branch=z9hG4bK-1;rport",), ("Via",)),
        (("m: <sip:alice@192.0.2.1:5060>", "l: 0"), ("Contact",)),
        (("cseq:\r\n 0001\r\n INVITE",), ("CSeq",)),
    ],
)  # fmt: skip
def test_other_spellings_mean_the_same(invite: Invite, lines: tuple[str, ...], without: tuple[str, ...]) -> None:
    plain, other = parse_message(invite()), parse_message(invite(*lines, without=without))
    assert isinstance(plain, Request) and isinstance(other, Request)
    for name in ("call_id", "cseq", "via", "contacts"):
        assert getattr(plain, name) == getattr(other, name), name
    assert (plain.from_.tag, plain.from_.uri, plain.from_.display) == (
        other.from_.tag,
        other.from_.uri,
        other.from_.display,
    )
    assert plain.to.uri == other.to.uri


def test_bare_line_feeds_and_leading_line_ends(invite: Invite) -> None:
    assert parse_message(invite(end="\n")) == parse_message(b"\r\n\r\n" + invite())


def test_lists_are_split_where_commas_separate_values(invite: Invite) -> None:
    message = parse_message(
        invite(
            'Record-Route: <sip:p1;lr>, "a, b" <sip:p2;lr>',
            "Record-Route: <sip:x,y@p3;lr>",
            "Via: SIP/2.0/UDP a.example;branch=z9hG4bKx, SIP/2.0/TCP [2001:db8::1]:5070;branch=z9hG4bKy",
        )
    )
    assert [str(value.uri) for value in message.record_routes] == ["sip:p1;lr", "sip:p2;lr", "sip:x,y@p3;lr"]
    assert [via.host for via in message.vias] == ["192.0.2.1", "a.example", "2001:db8::1"]
    assert message.vias[2].port == 5070


def test_responses_with_any_reason(invite: Invite) -> None:
    for reason in ("OK", "", "= 2**3 * 9 = \u0440\u0444"):
        response = parse_message(invite(start=f"SIP/2.0 200 {reason}"))
        assert isinstance(response, Response) and (response.status, response.reason) == (200, reason)
    bare = parse_message(invite(start="SIP/2.0 100"))
    assert isinstance(bare, Response) and bare.status == 100


def test_bytes_that_are_no_text_survive(invite: Invite) -> None:
    data = invite("Subject: caf\u00e9").replace("\u00e9".encode(), b"\xe9\xff")
    assert b"caf\xe9\xff" in bytes(parse_message(data))
