"""Everything of ours that reads what strangers send, with good examples to break, and what must hold of any bytes."""

import random

from softswitch.clock import seeded_token
from softswitch.errors import RemoteError
from softswitch.net import stun
from softswitch.rtp import packet, rtcp
from softswitch.rtp.profile import Profile
from softswitch.rtp.reports import MAX_ROUND_TRIP, Counts, Reports
from softswitch.rtp.stream import RtpStream
from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiate import Capabilities, Negotiation
from softswitch.sip.admission import CoreSettings
from softswitch.sip.auth import Challenge, Credentials, DigestClient, challenges_in
from softswitch.sip.core import RequestReceived, SipCore, Transmit
from softswitch.sip.dtmf_info import read_key
from softswitch.sip.flow import Flow
from softswitch.sip.framing import StreamFramer
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.parser import MAX_HEAD_BYTES, MAX_MESSAGE_BYTES, MessageError, parse_message
from softswitch.sip.uri import Uri
from tests.data.torture import MESSAGES
from tests.fuzz import encrypted, registrations, transfers
from tests.fuzz.header_targets import HEADER_TARGETS
from tests.fuzz.target import Target

FLOW = Flow("UDP", ("203.0.113.1", 5060), ("203.0.113.9", 5062))


def message(data: bytes) -> None:
    """Parsing returns or raises MessageError; what was read prints to what reads the same."""
    try:
        read = parse_message(data)
    except MessageError as error:
        if error.request is not None:
            bytes(error.request.reply(error.status, to_tag="t"))
        return
    printed = bytes(read)
    head = printed.partition(b"\r\n\r\n")[0]
    if (
        len(printed) <= MAX_MESSAGE_BYTES and len(head) <= MAX_HEAD_BYTES
    ):  # names in full, and a length, may add too much
        assert parse_message(printed) == read, "it prints to something else"


def transactions(data: bytes) -> None:
    """A core that is in the middle of a call takes anything, and answers nobody but the sender."""
    core = SipCore(CoreSettings(), token=seeded_token(1))
    asked = Request("INVITE", Uri.of("c", "c"), Headers([("From", "<sip:b@b>;tag=b"), ("To", "<sip:c@c>")]))
    asked.headers.add("Call-ID", "two")
    asked.headers.add("CSeq", "7 INVITE")
    core.send_request(asked, FLOW, now=0.0)
    for flow in (FLOW, FLOW._replace(transport="TCP", connection=3)):
        core.receive(data, flow, now=1.0)
        for output in core.drain():
            assert not isinstance(output, Transmit) or output.flow.remote[0] == FLOW.remote[0], "sent to somebody else"
            if isinstance(output, RequestReceived):
                core.send_response(output.key, output.request.reply(486, to_tag="x"), now=1.0)
    for now in (100.0, 200.0):
        core.handle_timer(now=now)
        core.drain()
    assert len(core) == 0, "something stays for ever"


def stream(data: bytes) -> None:
    """However a stream is cut, the same messages come out of it."""
    chance = random.Random(len(data))
    cuts = sorted(chance.randint(0, len(data)) for _ in range(5))
    assert _framed([data]) == _framed([data[i:j] for i, j in zip([0, *cuts], [*cuts, len(data)], strict=True)])


def _framed(pieces: list[bytes]) -> tuple[list[bytes], str]:
    framer, found = StreamFramer(), list[bytes]()
    for piece in [*pieces, b""]:
        try:
            found += framer.feed(piece)
        except RemoteError:
            break
    return found, framer.fault.kind if framer.fault else ""


def description(data: bytes) -> None:
    """A session description is agreed to or refused with 400 or 488, as an offer and as an answer."""
    us = Negotiation(Capabilities(), "192.0.2.1", 20_000, session_id=7)
    for take in (us.answer, us.accept):
        try:
            if take == us.accept:
                us.offer()
            take(data)
        except RemoteError as error:
            assert error.status in (400, 488), error.status
    try:
        read = SessionDescription.parse(data)
    except RemoteError:
        return
    assert SessionDescription.parse(str(read)) == read, "it prints to something else"


def sound(data: bytes) -> None:
    """A datagram on an RTP port is a packet, or not; a stream survives it and still plays what follows."""
    try:
        read = packet.parse(data)
    except RemoteError:
        read = None
    assert read is None or len(read.payload) <= packet.MAX_PAYLOAD_BYTES
    profile = Profile("PCMU", 0, 20, ((0, "PCMU"),), 101, (101,))
    heard = RtpStream(profile, ("203.0.113.9", 4000), ssrc=1, sequence=1, timestamp=1, now=0.0)
    for number, datagram in enumerate([data, *RTP_SEEDS[:3], data]):
        heard.receive(datagram, ("203.0.113.9", 4000), 0.02 * number, now=0.02 * number)
        heard.take(0.02 * number)
    heard.drain()


def reports(data: bytes) -> None:
    """A datagram of reports is read, and writes as it reads, or is counted; what is said next is read as ever."""
    peer = Reports(ssrc=1, first=1, cname="x", wall=1e9, now=0.0, chance=0.5)
    peer.receive(data, 1.0)
    said = peer.look(Counts(7, 5, 5, 0, 0, 5, 800, 800), now=9.0, chance=0.5)
    assert isinstance(rtcp.parse(said)[0], rtcp.SenderReport)
    try:
        read = rtcp.parse(data)
    except RemoteError:
        return
    assert not read or rtcp.parse(rtcp.compound(read)) == read, "it writes to something else"
    assert peer.round_trip is None or 0 <= peer.round_trip <= MAX_ROUND_TRIP


def stun_answer(data: bytes) -> None:
    """A STUN answer is read or refused."""
    try:
        stun.read(data)
    except RemoteError as error:
        assert error.kind == "bad_stun"


def challenge(data: bytes) -> None:
    """A challenge is answered or not; credentials hold no line end, and never the password."""
    text = data.decode("utf-8", "surrogateescape").replace("\r", " ").replace("\n", " ")
    request = Request("REGISTER", Uri.of(None, "h"), Headers([("CSeq", "1 REGISTER"), ("Call-ID", "x")]), b"body")
    response = Response(401, "Unauthorized", Headers([("CSeq", "1 REGISTER"), ("WWW-Authenticate", text)]))
    assert all(isinstance(found, Challenge) for found in challenges_in(response))
    client = DigestClient(Credentials("alice", "s3cret-pa55"), token=seeded_token(1))
    client.challenged(request, response)
    client.authorize(request)
    assert b"s3cret-pa55" not in bytes(request)


def info_key(data: bytes) -> None:
    """The body of an INFO names a key, or none."""
    for kind in ("application/dtmf-relay", "application/dtmf"):
        key = read_key(Request("INFO", Uri.of(None, "h"), Headers([("Content-Type", kind)]), data))
        assert key is None or key in "0123456789*#ABCD"


SIP_SEEDS = [torture.wire for torture in MESSAGES]
SDP_SEEDS = [torture.wire.partition(b"\r\n\r\n")[2] for torture in MESSAGES if b"m=audio" in torture.wire]
SDP_SEEDS += [
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\na=ptime:30\r\n"
    b"m=audio 4000 RTP/AVP 8 97 101\r\na=rtpmap:97 PCMU/8000/1\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\na=sendonly\r\na=maxptime:60\r\n"
]
RTP_SEEDS = [bytes(packet.Packet(0, False, n, 160 * n, 9, bytes(160))) for n in range(1, 4)] + [
    bytes(packet.Packet(101, True, 4, 640, 9, b"\x05\x8a\x03\x20")),
    b"\xb3\x00\x00\x05" + bytes(8) + bytes(12) + b"\xbe\xde\x00\x01" + bytes(4) + bytes(20) + b"\x04",
    b"\x80\xc8\x00\x06" + bytes(24),
]
REPORT_SEEDS = [
    rtcp.compound(
        [rtcp.SenderReport(7, 1 << 60, 5, 6, 7, (rtcp.Block(1, 9, 5, 500, 8, 1, 1),)), rtcp.Description(7, "a@b")]
    ),
    rtcp.compound([rtcp.ReceiverReport(7), rtcp.Bye((7, 8))]),
    rtcp.compound(
        [rtcp.Extended(7, (rtcp.ReferenceTime(1 << 50), rtcp.LastReference(((1, 2, 3),)), rtcp.Voip(1, loss=9)))]
    ),
]
STUN_SEEDS = [
    stun.request(bytes(12)),
    b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + bytes(12) + b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43",
    b"\x01\x01\x00\x18\x21\x12\xa4\x42" + bytes(12) + b"\x00\x20\x00\x14\x00\x02\xa1\x47" + bytes(16),
    b"\x01\x11\x00\x10\x21\x12\xa4\x42" + bytes(12) + b"\x00\x09\x00\x0c\x00\x00\x04\x14Unknown!",
]
CHALLENGE_SEEDS = [
    b'Digest realm="a", nonce="b", qop="auth,auth-int", opaque="c", algorithm=MD5-sess, stale=true',
    b'Digest realm="a\\"b", nonce="x", algorithm=SHA-256, qop="auth", userhash=false, domain="sip:a sip:b"',
    b'Digest realm="r", nonce="n", algorithm=SHA-512-256, Digest realm="r", nonce="m", Basic realm="z"',
    b"NoOneKnowsThisScheme opaque-data=here",
]
INFO_SEEDS = [b"Signal=5\r\nDuration=160\r\n", b"Signal= *\r\nDuration=\r\n", b"#", b"Signal=11\nDuration=250", b"hf"]

TARGETS = {
    "sip messages": Target(SIP_SEEDS, message),
    "sip transactions": Target(SIP_SEEDS, transactions),
    "sip streams": Target([*SIP_SEEDS, b"".join(SIP_SEEDS[:3]), b"\r\n\r\n" + SIP_SEEDS[0]], stream),
    "session descriptions": Target(SDP_SEEDS, description),
    "rtp": Target(RTP_SEEDS, sound),
    "reports": Target(REPORT_SEEDS, reports),
    "stun": Target(STUN_SEEDS, stun_answer),
    "challenges": Target(CHALLENGE_SEEDS, challenge),
    "registrations": Target(registrations.SEEDS, registrations.registration),
    "keys in INFO": Target(INFO_SEEDS, info_key),
    "values of transfers": Target(transfers.VALUE_SEEDS, transfers.values),
    "transfers in a call": Target(transfers.DIALOG_SEEDS, transfers.dialog),
    **HEADER_TARGETS,
    **encrypted.TARGETS,
}
