"""Telephones that mean no good: their calls are real, and then what they say is broken."""

import random
import re
from dataclasses import dataclass, field

from tests.data.torture import MESSAGES
from tests.fuzz.encrypted import DESCRIPTIONS
from tests.fuzz.header_targets import REFER_SEEDS, SIPFRAG_SEEDS
from tests.fuzz.mutate import mutant

LOOPBACK = "127.0.0.1"
SDP = (
    "v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)
SDP_SEEDS = [SDP.format(port=4000).encode(), *DESCRIPTIONS]
TORTURE = [message.wire for message in MESSAGES]
#: What is asked of the switch: methods, with the body that they usually have.
BODIES: dict[str, tuple[str, list[bytes]]] = {
    "INVITE": ("application/sdp", SDP_SEEDS),
    "UPDATE": ("application/sdp", SDP_SEEDS),
    "PRACK": ("application/sdp", SDP_SEEDS),
    "ACK": ("application/sdp", SDP_SEEDS),
    "INFO": ("application/dtmf-relay", [b"Signal=5\r\nDuration=160\r\n", b"5"]),
    "NOTIFY": ("message/sipfrag;version=2.0", SIPFRAG_SEEDS),
    "REFER": ("", [b""]),
    "SUBSCRIBE": ("", [b""]),
    "MESSAGE": ("text/plain", [b"hello"]),
    "REGISTER": ("", [b""]),
    "OPTIONS": ("", [b""]),
    "CANCEL": ("", [b""]),
    "BYE": ("", [b""]),
}
#: Header lines of which one or two stand in a request besides, whole or broken.
LINES = [
    b"Replaces: fuzz-1@h;to-tag=a;from-tag=b",
    b"Session-Expires: 90;refresher=uas",
    b"Min-SE: 90",
    b"Require: 100rel",
    b"Supported: replaces, timer, 100rel, path, outbound",
    b"RAck: 1 1 INVITE",
    b"Event: refer;id=1",
    b"Subscription-State: terminated;reason=noresource",
    b"Diversion: <sip:+49301@h>;reason=unconditional;counter=2",
    b"History-Info: <sip:a@h?Reason=SIP%3Bcause%3D302>;index=1.1",
    b"P-Asserted-Identity: <sip:+49301@h>",
    b"Identity: eyJhbGciOiJFUzI1NiJ9.eyJ4IjoxfQ.AAAA;info=<https://h/c>;alg=ES256;ppt=shaken",
    b'Authorization: Digest username="alice", realm="softswitch", nonce="0", uri="sip:h", response="0", nc=00000001',
    b"Record-Route: <sip:127.0.0.1:5062;lr>, <sip:127.0.0.1:5063>",
    b"Route: <sip:127.0.0.1;lr>",
    b"Path: <sip:127.0.0.1:5062;lr>",
    b"Expires: 60",
    b"Max-Forwards: 0",
    b'Reason: Q.850;cause=16;text="x"',
    b"Content-Encoding: gzip",
]

#: What we answer: a good part of it as we should.
STATUSES = (100, 180, 183, 200, 200, 200, 200, 202, 302, 401, 404, 407, 422, 481, 486, 491, 503)

_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])")
_TAG = re.compile(rb"^To:[^\r]*;tag=([^;\r>]+)", re.MULTILINE | re.IGNORECASE)
_CALL_ID = re.compile(rb"^Call-ID:\s*([^\r]*)", re.MULTILINE | re.IGNORECASE)
_CSEQ = re.compile(rb"^CSeq:\s*(\d+) (\w+)", re.MULTILINE | re.IGNORECASE)
_MEDIA = re.compile(rb"^m=audio (\d+) ", re.MULTILINE)
_ECHOED = re.compile(rb"^((?:Via|From|To|Call-ID|CSeq|Record-Route):[^\r]*)\r$", re.MULTILINE | re.IGNORECASE)


@dataclass
class Call:
    """One call that was begun. tag: of the switch, once it has answered. media: where it wants to hear."""

    name: str
    number: str
    cseq: int = 1
    tag: str = ""
    media: int = 0
    answered: bool = False


@dataclass
class Phones:
    """Makes messages. port: where answers go. calls: those that may still be up."""

    chance: random.Random
    port: int
    numbers: tuple[str, ...]
    calls: dict[bytes, Call] = field(default_factory=dict)
    made: int = 0

    def begin(self) -> bytes:
        """Return the INVITE of a new call; what it offers may be broken."""
        self.made += 1
        call = Call(f"fuzz-{self.chance.getrandbits(32):x}-{self.made}", self.chance.choice(self.numbers))
        if len(self.calls) > 200:
            del self.calls[next(iter(self.calls))]
        self.calls[call.name.encode()] = call
        whole = self.chance.random() < 0.7
        return self._request("INVITE", call, SDP_SEEDS[0] if whole else None)

    def ask(self) -> bytes:
        """Return a request inside one of the calls, or as if there were one."""
        answered = [call for call in self.calls.values() if call.tag]
        call = self.chance.choice(answered) if answered else Call("fuzz-none", "600", tag="none")
        method = self.chance.choice(list(BODIES))
        if method != "ACK":
            call.cseq += 1
        return self._request(method, call)

    def noise(self) -> bytes:
        """Return a message that belongs to nobody."""
        return mutant(self.chance, TORTURE)

    def take(self, data: bytes) -> bytes:
        """Take what the switch sent; return what we say to it: mostly as we should, sometimes broken, or nothing."""
        call = self.calls.get(_found(_CALL_ID, data))
        status = _found(_STATUS, data)
        if not status:
            return self._answer(data)
        if call is None or b"INVITE" not in _found(_CSEQ, data, 2):
            return b""
        call.tag = _found(_TAG, data).decode("latin-1") or call.tag
        call.media = int(_found(_MEDIA, data)[:5] or call.media)
        if status < b"200":
            return b""
        call.answered = status < b"300"
        return self._request("ACK", call, b"", number=int(_found(_CSEQ, data)[:9] or 1))

    def _answer(self, data: bytes) -> bytes:
        """Answer a request of the switch: its call to us, or something inside a call of ours."""
        if data.startswith((b"ACK", b"\r\n")) or self.chance.random() < 0.1:
            return b""
        status = self.chance.choice(STATUSES)
        lines = [_tagged(line) for line in _ECHOED.findall(data)]
        body = b""
        if data.startswith(b"INVITE") and status in (183, 200):
            body = SDP_SEEDS[0] if self.chance.random() < 0.7 else mutant(self.chance, SDP_SEEDS)
        head = [b"SIP/2.0 %d Whatever" % status, *lines, b"Contact: <sip:far@127.0.0.1:%d>" % self.port]
        head += self._lines(0.2)
        if body:
            head.append(b"Content-Type: application/sdp")
        head.append(b"Content-Length: %d" % len(body))
        return self._maybe_broken(b"\r\n".join(head) + b"\r\n\r\n" + body, 0.1)

    def _request(self, method: str, call: Call, body: bytes | None = None, number: int = 0) -> bytes:
        kind, seeds = BODIES[method]
        if body is None:
            body = mutant(self.chance, seeds) if kind else b""
        to = f"<sip:{call.number}@{LOOPBACK}>" + (f";tag={call.tag}" if call.tag else "")
        head = [
            f"{method} sip:{call.number}@{LOOPBACK} SIP/2.0".encode(),
            f"Via: SIP/2.0/UDP {LOOPBACK}:{self.port};rport;branch=z9hG4bK{self.chance.getrandbits(48):x}".encode(),
            f"From: <sip:fuzz@{LOOPBACK}>;tag=f".encode(),
            f"To: {to}".encode("latin-1"),
            f"Call-ID: {call.name}".encode(),
            f"CSeq: {number or call.cseq} {method}".encode(),
            f"Contact: <sip:fuzz@{LOOPBACK}:{self.port}>".encode(),
            b"Max-Forwards: 70",
        ]
        if method == "REFER":
            seed = self.chance.choice(REFER_SEEDS)
            broken = mutant(self.chance, [seed]) if self.chance.random() < 0.7 else seed
            head.append(b"Refer-To: " + broken.replace(b"\r", b" ").replace(b"\n", b" "))
        if method == "NOTIFY":
            head += [b"Event: refer", b"Subscription-State: active;expires=60"]
        head += self._lines(0.3)
        if body:
            head.append(f"Content-Type: {kind}".encode())
        head.append(b"Content-Length: %d" % len(body))
        data = b"\r\n".join(head) + b"\r\n\r\n" + body
        return data if method == "INVITE" and not call.tag else self._maybe_broken(data, 0.15)

    def _lines(self, share: float) -> list[bytes]:
        found = []
        while self.chance.random() < share:
            line = self.chance.choice(LINES)
            found.append(line if self.chance.random() < 0.5 else mutant(self.chance, [line]).replace(b"\r\n\r\n", b" "))
        return found

    def _maybe_broken(self, data: bytes, share: float) -> bytes:
        return mutant(self.chance, [data]) if self.chance.random() < share else data


def _tagged(line: bytes) -> bytes:
    return line + b";tag=far" if line.lower().startswith(b"to:") and b"tag=" not in line else line


def _found(pattern: "re.Pattern[bytes]", data: bytes, group: int = 1) -> bytes:
    found = pattern.search(data)
    return found[group] if found else b""
