import random

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import BadMessage, RequestReceived, SipCore, Transmit
from softswitch.sip.flow import Flow
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri

UDP = Flow("UDP", ("192.0.2.2", 5060), ("192.0.2.1", 5060))
TCP = Flow("TCP", ("192.0.2.2", 5060), ("192.0.2.1", 40000), 3)
INVITE = (
    b"INVITE sip:600@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@192.0.2.1>;tag=a\r\nTo: <sip:600@192.0.2.2>\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\n"
    b"Contact: <sip:a@192.0.2.1>\r\nRecord-Route: <sip:p.example;lr>\r\nRequire: x\r\nContent-Length: 0\r\n\r\n"
)
PIECES = [
    b"\r\n",
    b"\n",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"<",
    b">",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
    b"\xe2\x82",
    b"%",
    b"=",
]
PIECES += [b"INVITE", b"ACK", b"CANCEL", b"BYE", b"SIP/2.0", b"SIP/3.0", b"200", b"1", b"99999999999999999999", b"-1"]
PIECES += [b"tag=", b"z9hG4bK", b"Via: ", b"v:", b"Content-Length: 5", b"[::1]", b"sip:", b"tel:+1", b"rport=x", b"*"]


def working_core() -> tuple[SipCore, list[bytes]]:
    """Return a core in the middle of things, and messages that fit what it does."""
    core = SipCore(CoreSettings(), token=seeded_token(1))
    pairs = [("From", "<sip:b@b>;tag=b"), ("To", "<sip:c@c>"), ("Call-ID", "two"), ("CSeq", "7 INVITE")]
    invite = Request("INVITE", Uri.of("c", "c"), Headers(pairs))
    core.send_request(invite, UDP, now=0.0)
    answers = [bytes(invite.reply(status, to_tag="c")) for status in (100, 180, 200, 486)]
    core.receive(INVITE.replace(b"one", b"up").replace(b"bK1", b"bK2").replace(b"Require: x\r\n", b""), UDP, now=0.0)
    core.drain()
    requests = [INVITE.replace(b"INVITE", method) for method in (b"INVITE", b"ACK", b"CANCEL", b"BYE", b"NEW")]
    return core, answers + requests + [request.replace(b"bK1", b"bK2") for request in requests]


def feed(core: SipCore, data: bytes, flow: Flow) -> None:
    core.receive(data, flow, now=1.0)
    for output in core.drain():
        assert not isinstance(output, Transmit) or isinstance(output.data, bytes)
        if isinstance(output, BadMessage):
            assert output.kind.isidentifier()
        if isinstance(output, RequestReceived):
            core.send_response(output.key, output.request.reply(200, to_tag="x"), now=1.0)
    core.handle_timer(now=100.0)
    core.drain()


@given(st.binary(max_size=400), st.sampled_from([UDP, TCP]))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes(data: bytes, flow: Flow) -> None:
    feed(SipCore(CoreSettings(), token=seeded_token(1)), data, flow)


@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([UDP, TCP]))
@settings(max_examples=400, deadline=None)
def test_messages_with_pieces_put_in_cut_out_and_doubled(seed: int, changes: int, flow: Flow) -> None:
    core, messages = working_core()
    chance = random.Random(seed)
    data = chance.choice(messages)
    for _ in range(changes):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.randrange(12))
        match chance.randrange(4):
            case 0:
                data = data[:at] + chance.choice(PIECES) + data[at:]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:at] + chance.choice(PIECES) + data[end:]
            case 3:
                data = data[:end] + data[at:]
    feed(core, data, flow)


def test_a_broken_request_is_answered_and_a_broken_ack_is_not() -> None:
    core = SipCore(CoreSettings(), token=seeded_token(1))
    broken = INVITE.replace(b"<sip:600@192.0.2.2>", b"<sip:600@")
    core.receive(broken, UDP, now=0.0)
    bad, answer = core.drain()
    assert isinstance(bad, BadMessage) and isinstance(answer, Transmit)
    assert answer.data.startswith(b"SIP/2.0 400 ")
    core.receive(broken.replace(b"INVITE", b"ACK"), UDP, now=0.0)
    assert [type(output) for output in core.drain()] == [BadMessage]
    core.receive(INVITE.replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), UDP, now=0.0)
    assert core.drain()[-1].data.startswith(b"SIP/2.0 505 ")
    assert len(core) == 0  # nothing is remembered of them
    assert sum(core.bad.values()) == 3


def test_a_keep_alive_is_nothing_bad() -> None:
    core = SipCore(CoreSettings(), token=seeded_token(1))
    for data in (b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0"):
        core.receive(data, UDP, now=0.0)
    assert core.drain() == [] and not core.bad
