from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import SipCore, Transmit
from softswitch.sip.flow import Flow
from softswitch.sip.message import Headers, Request
from softswitch.sip.parser import parse_message
from softswitch.sip.uri import Uri

FLOW = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
SAME = ("Via", "From", "Call-ID", "Route")


def transmitted(core: SipCore) -> list[Request]:
    messages = [parse_message(output.data) for output in core.drain() if isinstance(output, Transmit)]
    return [message for message in messages if isinstance(message, Request)]


def test_ack_and_cancel_repeat_what_names_the_invite() -> None:
    core = SipCore(CoreSettings(), token=seeded_token(1))
    pairs = [("Route", "<sip:p1;lr>, <sip:p2;lr>"), ("From", "<sip:a@a>;tag=a"), ("To", "<sip:b@b>")]
    pairs += [("Call-ID", "one"), ("CSeq", "7 INVITE"), ("Require", "x"), ("Contact", "<sip:a@a>")]
    key = core.send_request(Request("INVITE", Uri.of("b", "b"), Headers(pairs)), FLOW, now=0.0)
    [invite] = transmitted(core)

    assert not core.cancel(key, now=0.1)  # nothing came yet (RFC 3261 section 9.1)
    core.receive(bytes(invite.reply(180, to_tag="b")), FLOW, now=0.2)
    assert core.cancel(key, now=0.3)
    assert not core.cancel(key, now=0.3)
    core.receive(bytes(invite.reply(487, to_tag="b")), FLOW, now=0.4)
    cancel, ack = transmitted(core)
    for made, method in ((cancel, "CANCEL"), (ack, "ACK")):
        assert made.method == method and made.uri == invite.uri and str(made.cseq) == f"7 {method}"
        assert [made.headers.all(name) for name in SAME] == [invite.headers.all(name) for name in SAME]
        assert "Require" not in made.headers
    # section 17.1.1.3: the ACK has the To of the answer; section 9.1: the CANCEL that of the INVITE
    assert (cancel.to.tag, ack.to.tag) == (None, "b")


def test_the_owner_may_change_its_request_afterwards() -> None:
    core = SipCore(CoreSettings(), token=seeded_token(1))
    pairs = [("From", "<sip:a@a>;tag=a"), ("To", "<sip:b@b>"), ("Call-ID", "one"), ("CSeq", "7 INVITE")]
    request = Request("INVITE", Uri.of("b", "b"), Headers(pairs))
    core.send_request(request, FLOW, now=0.0)
    [invite] = transmitted(core)
    request.headers.set("CSeq", "8 INVITE")  # as for a second attempt with credentials
    request.headers.remove("Via")
    core.receive(bytes(invite.reply(401, to_tag="b")), FLOW, now=0.2)
    [ack] = transmitted(core)
    assert str(ack.cseq) == "7 ACK" and ack.via == invite.via
