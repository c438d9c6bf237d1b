"""`sips:` is TLS on every hop: refused in the clear, and what it makes is secure (RFC 3261 26.2.2, RFC 5630)."""

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import BadMessage, RequestReceived, SipCore, Transmit
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow, default_port
from softswitch.sip.message import Request, Response
from softswitch.sip.parser import parse_message
from softswitch.sip.uri import Uri

OURS, THEIRS = ("192.0.2.2", 5061), ("192.0.2.1", 40000)


def invite(transport: str, uri: str, method: str = "INVITE") -> bytes:
    lines = (
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} 192.0.2.1;branch=z9hG4bK1",
        "From: <sip:alice@192.0.2.1>;tag=a",
        f"To: <{uri}>",
        "Call-ID: one",
        f"CSeq: 1 {method}",
        "Contact: <sip:alice@192.0.2.1;transport=tls>",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def outputs(transport: str, uri: str, method: str = "INVITE") -> list[object]:
    core = SipCore(CoreSettings(), token=seeded_token(1))
    core.receive(invite(transport, uri, method), Flow(transport, OURS, THEIRS, int(transport != "UDP")), now=0.0)
    return list(core.drain())


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "BYE"])
def test_a_request_for_sips_in_the_clear_is_refused(transport: str, method: str) -> None:
    found = outputs(transport, "sips:bob@192.0.2.2", method)
    [answer] = [parse_message(one.data, stream=True) for one in found if isinstance(one, Transmit)]
    assert isinstance(answer, Response) and answer.status == 480
    assert answer.headers.get("Warning") == '380 softswitch "SIPS Not Allowed"'
    assert [one.kind for one in found if isinstance(one, BadMessage)] == ["sips_in_the_clear"]
    assert not [one for one in found if isinstance(one, RequestReceived)]


@pytest.mark.parametrize(
    ("transport", "uri"), [("TLS", "sips:bob@192.0.2.2"), ("TLS", "sip:bob@192.0.2.2"), ("UDP", "sip:bob@192.0.2.2")]
)
def test_any_other_goes_up(transport: str, uri: str) -> None:
    assert [one for one in outputs(transport, uri) if isinstance(one, RequestReceived)]


def test_our_via_says_tls() -> None:
    core = SipCore(CoreSettings(), token=seeded_token(1))
    request = parse_message(invite("TLS", "sips:bob@192.0.2.1"), stream=True)
    assert isinstance(request, Request)
    request.headers.remove("Via")
    core.send_request(request, Flow("TLS", OURS, ("192.0.2.1", 5061), 0, "bob.example"), now=0.0)
    [sent] = [one for one in core.drain() if isinstance(one, Transmit)]
    assert b"\r\nVia: SIP/2.0/TLS 192.0.2.2:5061;branch=" in sent.data


@pytest.mark.parametrize(("uri", "secure"), [("sips:bob@192.0.2.2", True), ("sip:bob@192.0.2.2;transport=tls", False)])
def test_what_begins_with_sips_is_a_secure_dialog_on_either_side(uri: str, secure: bool) -> None:
    request = parse_message(invite("TLS", uri), stream=True)
    assert isinstance(request, Request)
    assert Dialog.answering(request, "b").secure is secure
    assert Dialog.calling(request, request.reply(200, to_tag="b")).secure is secure


@pytest.mark.parametrize(
    ("uri", "transport"),
    [
        ("sip:a@h", ""),
        ("sip:a@h;transport=TLS", "tls"),
        ("sip:a@h;transport=tcp", "tcp"),
        ("sips:a@h", "tls"),
        ("sips:a@h;transport=tcp", "tls"),  # TLS over TCP (RFC 5630 section 3.1.4)
    ],
)
def test_a_uri_says_which_transport_it_wants(uri: str, transport: str) -> None:
    assert Uri.parse(uri).transport == transport


def test_tls_has_a_port_of_its_own() -> None:
    assert [default_port(one) for one in ("udp", "TCP", "tls", "TLS")] == [5060, 5060, 5061, 5061]
