"""What strangers may send of transfers, broken: the values, and whole messages into a call that is up."""

import asyncio
import contextlib
import logging
import re

from softswitch.errors import RemoteError
from softswitch.sip.history import DIVERSION, HISTORY, Diversions, Forward, onward
from softswitch.sip.message import Headers, Request
from softswitch.sip.refer import Fragment, Replaces, SubscriptionState, event, read_refer, refer_to, referred_by
from softswitch.sip.uri import Uri
from tests.unit.legs.recorder import Recorder

OURS, THEIRS = "203.0.113.1:5060", "203.0.113.9:5062"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
)
#: Takes the place of our tag in a seed: it is known once the call is up.
TAG = "0123456789abcdef"


def values(data: bytes) -> None:
    """Headers and bodies of transfers are read or refused; what goes on into messages of ours breaks none of them."""
    text = data.decode("utf-8", "surrogateescape").replace("\r", " ").replace("\n", " ")
    names = ("Refer-To", "Referred-By", "Refer-Sub", "Event", "Subscription-State", "Privacy", DIVERSION, HISTORY)
    request = Request("REFER", Uri.of("600", "h"), Headers([(name, text) for name in names]))
    ours = [("Referred-By", f"<{referred_by(request)}>"), ("Event", ";".join(event(request)))]
    ours.append(("Subscription-State", str(SubscriptionState.of(request))))
    past, forward = Diversions.of(request), Forward(Uri.of("1", "h"), Uri.of("2", "h"))
    for trusted in (True, False):
        ours.extend(onward(past, (DIVERSION, HISTORY), forward, trusted=trusted))
    with contextlib.suppress(RemoteError):
        asked = read_refer(request)
        ours.append(("Refer-To", refer_to(asked.target, asked.replaces)))
        assert not asked.target.headers, "a peer says what our call says"
    with contextlib.suppress(RemoteError):
        ours.append(("Replaces", str(Replaces.parse(text))))
    with contextlib.suppress(RemoteError):
        assert 100 <= Fragment.parse(data).status <= 699
    printed = bytes(Request("INVITE", Uri.of("600", "h"), Headers(ours)))
    assert printed.count(b"\r\n") == len(ours) + 3, "a line was added"


class _Faults(logging.Handler):
    """Keeps what was raised and caught on the way: a leg's fault is logged, so that the others live on."""

    def __init__(self) -> None:
        super().__init__()
        self.raised: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.raised.append(record.exc_info[1])


def dialog(data: bytes) -> None:
    """A call that is up, with a REFER of either side open, takes anything, answers only its peer, and ends."""
    faults, logger = _Faults(), logging.getLogger("softswitch.sip")
    logger.addHandler(faults)
    try:
        asyncio.run(_in_a_call(data))
    finally:
        logger.removeHandler(faults)
    if faults.raised:
        raise faults.raised[0]


async def _in_a_call(data: bytes) -> None:
    rig = Recorder()
    try:
        said = rig.hears(request("INVITE", 1, SDP, tag="", kind="application/sdp"))
        tag = re.search(r";tag=(\w+)", said[-1].all("To")[0])
        assert tag is not None and said[-1].status == 200, "the call does not come up"
        rig.hears(request("ACK", 1, tag=tag[1]))
        rig.legs[0].refer("sip:somebody@192.0.2.7")
        rig.hears(request("REFER", 2, lines="Refer-To: <sip:x@192.0.2.7>\r\n", tag=tag[1]))
        for answer in (*rig.hears(data.replace(TAG.encode(), tag[1].encode())), *rig.hears(data)):
            assert answer.flow.remote[0] == THEIRS.partition(":")[0], "sent to somebody else"
        rig.legs[0].refer_progress(200)
    finally:
        await rig.close()


def request(method: str, cseq: int, body: str = "", *, lines: str = "", tag: str = TAG, kind: str = "") -> bytes:
    """Return a request of the peer in the call."""
    to = f";tag={tag}" if tag else ""
    typed = f"Content-Type: {kind or 'message/sipfrag;version=2.0'}\r\n" if body else ""
    return (
        f"{method} sip:600@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {THEIRS};branch=z9hG4bK-{method}-{cseq}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:alice@{THEIRS}>;tag=alice\r\nTo: <sip:600@{OURS}>{to}\r\nCall-ID: fuzz\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:alice@{THEIRS}>\r\nAllow: INVITE, ACK, BYE, REFER, NOTIFY\r\n"
        f"{lines}{typed}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


REPLACES = "fuzz;to-tag=" + TAG + ";from-tag=alice"
VALUE_SEEDS = [
    b"<sip:1002@192.0.2.7;method=INVITE?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x>;q=1",
    b"<sips:a@h:5061?Replaces=x%3Bto-tag%3D0%3Bfrom-tag%3D0%3Bearly-only>",
    b"<tel:+49-30-1234;phone-context=+49>",
    b"a84b4c76e66710@pc33;to-tag=7743;from-tag=6472;early-only",
    b'"Alice, A" <sip:alice@h?Privacy=history>;cid="20398823@h"',
    b"refer;id=93809823",
    b"terminated;reason=noresource;expires=60",
    b"SIP/2.0 486 Busy Here\r\nTo: <sip:a@h>\r\n\r\n",
    b'"A" <sip:1@h>;reason=user-busy;counter=1;privacy="full", <sip:2@h>;index=1, <sip:3@h;cause=302>;index=1.1;mp=1',
    b"false",
]
DIALOG_SEEDS = [
    request("REFER", 3, lines=f"Refer-To: <sip:x@h?Replaces={REPLACES.replace(';', '%3B').replace('=', '%3D')}>\r\n"),
    request("REFER", 3, lines="r: <tel:+4930>\r\nReferred-By: <sip:a@h>\r\nRefer-Sub: false\r\n"),
    request("NOTIFY", 3, "SIP/2.0 200 OK\r\n", lines="Event: refer\r\nSubscription-State: terminated\r\n"),
    request("NOTIFY", 3, "SIP/2.0 180 Ringing\r\n", lines="o: refer;id=1\r\nSubscription-State: active;expires=60\r\n"),
    request("NOTIFY", 3, lines="Event: refer;id=2\r\nSubscription-State: terminated;reason=timeout\r\n"),
    request("SUBSCRIBE", 3, lines="Event: refer;id=2\r\nExpires: 60\r\n"),
    request("SUBSCRIBE", 3, lines="Event: refer\r\nExpires: 0\r\n"),
    request("INVITE", 1, SDP, lines=f"Replaces: {REPLACES}\r\n", tag="", kind="application/sdp").replace(
        b"Call-ID: fuzz", b"Call-ID: other"
    ),
    request("INVITE", 1, SDP, lines="Diversion: <sip:1@h>\r\nHistory-Info: <sip:1@h>;index=1\r\n", tag=""),
    b"SIP/2.0 202 Accepted\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK0000000000000000\r\n"
    b"From: <sip:600@h>;tag="
    + TAG.encode()
    + b"\r\nTo: <sip:alice@h>;tag=alice\r\nCall-ID: fuzz\r\nCSeq: 1 REFER\r\n\r\n",
]
