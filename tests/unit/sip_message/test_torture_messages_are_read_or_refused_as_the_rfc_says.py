"""What RFC 4475 and RFC 5118 torture parsers with: sound messages in odd clothes are read, broken ones refused."""

from collections.abc import Callable

import pytest

from softswitch.sip.message import Request, Response
from softswitch.sip.parser import MessageError, parse_message

Invite = Callable[..., bytes]

WSINV = r"""INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv@192.0.2.1
Content-Length   : 4
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

v=0
"""


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    assert parse_message(bytes(message)) == message
    return message


def fault(data: bytes) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse_message(data)
    return caught.value


def test_white_space_everywhere() -> None:
    message = request(WSINV.replace("\n", "\r\n").encode())
    assert (message.to.tag, message.from_.tag, message.from_.display) == ("1918181833n", "98asjd8", 'J Rosenberg \\"')
    assert (message.max_forwards, message.cseq.number, message.headers.get("Subject")) == (68, 9, "")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.headers.all("UnknownHeaderWithUnusualValue") == [";;,,;;,;"]
    assert message.routes[0].uri.loose and message.routes[0].uri.param("unknown-no-value") == ""
    assert message.contacts[0].display == 'Quoted string ""' and message.contacts[0].param("q") == "0.33"


def test_a_wide_range_of_characters(invite: Invite) -> None:
    method = "!interesting-Method0123456789_*+`.%indeed'~"
    user, password = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    message = request(
        invite(
            "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
            f'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:{user}@example.com>',
            "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
            ";fromParam''~+*_!.-%=\"\u0440\u0430\";tag=_token~1'+`*%!-.",
            "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            f"CSeq: 139122385 {method}",
            "extensionHeader-!.%*+_`'~:\ufeff\u5927\u505c\u96fb",
            start=f"{method} sip:{user}:{password}@example.com SIP/2.0",
            without=("Via", "To", "From", "Call-ID", "CSeq"),
        )
    )
    assert (message.method, message.uri.user, message.uri.password) == (method, user, password)
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f" and message.to.uri.user == user
    assert message.from_.tag == "_token~1'+`*%!-." and message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff\u5927\u505c\u96fb"


def test_escapes_mean_their_character_in_uris_and_nothing_elsewhere(invite: Invite) -> None:
    message = request(
        invite(
            "To: sip:%75se%72@example.com",
            "Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
            'From: "%Z%45" <sip:I%20have%20spaces@example.net>;tag=938',
            start="INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
            without=("To", "Contact", "From"),
        )
    )
    assert (message.uri.username, message.uri.host) == ("sips:user@example.com", "example.net")
    assert (message.to.uri.username, message.from_.uri.username) == ("user", "I have spaces")
    assert message.from_.display == "%Z%45"
    assert message.contacts[0].uri.loose and message.contacts[0].uri.param("name") == "v%61lue%25%34%31"
    other = request(invite("CSeq: 1 RE%47IST%45R", start="RE%47IST%45R sip:a SIP/2.0", without=("CSeq",)))
    assert other.method != "REGISTER"


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


@pytest.mark.parametrize("transport", ["SCTP", "TLS", "UNKNOWN"])
def test_any_transport_may_stand_in_a_via(invite: Invite, transport: str) -> None:
    assert request(invite(f"Via: SIP/2.0/{transport} t;branch=x", without=("Via",))).via.transport == transport


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


def test_a_message_of_the_old_rfc(invite: Invite) -> None:
    message = request(invite("Via: SIP/2.0/UDP iftgw.example.com", without=("Via", "Max-Forwards", "Contact")))
    assert message.via.branch is None and message.max_forwards is None and message.contact is None


def test_foreign_schemes_are_left_to_whoever_answers_416(invite: Invite) -> None:
    for uri in ("soap.beep://192.0.2.103:3002", "nobodyknowsthisscheme:totallyopaquecontent", "tel:+1-201-555-0123"):
        message = request(invite(start=f"INVITE {uri} SIP/2.0"))
        assert str(message.uri) == uri and not message.uri.is_sip
    assert message.uri.username == "+12015550123"


def test_a_binary_body_survives(invite: Invite) -> None:
    body = bytes(range(256)) + b"\r\n\r\n--boundary"
    data = invite('Content-Type: multipart/mixed;boundary="7a9cbec02ceef655"', f"l: {len(body)}", body=body)
    assert request(data).body == body and bytes(request(data)).endswith(body)


def test_reasons_of_any_kind(invite: Invite) -> None:
    for start in ("SIP/2.0 200 = 2**3 * 9 \u043d\u043e \u0441\u0442", "SIP/2.0 100 "):
        assert isinstance(parse_message(invite(start=start)), Response)


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


def test_responses_with_huge_numbers_are_dropped(invite: Invite) -> None:
    for start, line in (
        ("SIP/2.0 4294967301 better not", ""),
        ("SIP/2.0 503 X", "CSeq: 9292394834772304023312 INVITE"),
    ):
        assert fault(invite(*[line] * bool(line), start=start, without=(line and "CSeq",))).request is None
