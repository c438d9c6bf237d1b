"""What strangers may send to be encrypted, broken: keys in session descriptions, packets, and handshakes."""

import datetime
import random
import struct

from softswitch.errors import RemoteError
from softswitch.rtp.dtls import HANDSHAKE_SECONDS, Handshake, Identity
from softswitch.rtp.srtp import MAX_SOURCES, PROFILES, SrtpReceiver, SrtpSender, secret_length
from softswitch.sdp.crypto import CryptoLine
from softswitch.sdp.fingerprint import Fingerprint
from softswitch.sdp.negotiate import Capabilities, Negotiation
from softswitch.sdp.protection import Dtls, Encryption, OwnKeys, Policy, Sdes
from tests.fuzz.target import Target

OURS = Identity(wall=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
THEIRS = Identity(wall=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
SECRETS = {suite: random.Random(suite).randbytes(sum(secret_length(suite))) for suite in PROFILES}
ALL = tuple(PROFILES)
POLICIES: tuple[Policy, ...] = ("none", "accept", "offer", "require")


def keys(data: bytes) -> None:
    """An offer and an answer with keys are agreed to or refused, under every policy, and agreed keys are whole."""
    for policy in POLICIES:
        own = OwnKeys(lambda count: bytes(count), lambda: Fingerprint("sha-256", OURS.digest("sha-256")))
        us = Negotiation(Capabilities(encryption=Encryption(policy, "both")), "192.0.2.1", 4, session_id=7, own=own)
        for take in (us.answer, us.accept):
            try:
                if take == us.accept:
                    us.offer()
                take(data)
            except RemoteError as error:
                assert error.status in (400, 488), error.status
                continue
            agreed = us.agreement.protection if us.agreement is not None else None
            assert agreed is None or policy != "none", "encrypted, and nobody wanted it"
            assert agreed is not None or policy != "require", "plain, and nobody wanted that"
            if isinstance(agreed, Sdes):
                SrtpSender(agreed.suite, agreed.ours)
                SrtpReceiver(agreed.suite, agreed.theirs, mki=agreed.mki)
            elif isinstance(agreed, Dtls):
                assert agreed.fingerprints
            assert us.repeat() == us.repeat()
            us.offer("sendonly")


def packets(data: bytes) -> None:
    """A datagram is opened only if its tag is right, costs no true packet its place, and makes nothing grow."""
    for suite, secret in SECRETS.items():
        sender, receiver = SrtpSender(suite, secret), SrtpReceiver(suite, secret, mki=b"\1" if b"\1" in data else b"")
        true = [sender.protect(_packet(number)) or b"" for number in range(3)]
        assert receiver.unprotect(true[0]) == _packet(0)
        opened = receiver.unprotect(data)
        assert opened is None or data in SEALED or data in true, "somebody without the key is heard"
        assert receiver.unprotect(true[2]) == _packet(2)
        assert len(receiver._sources) <= MAX_SOURCES


def handshake(data: bytes) -> None:
    """A handshake takes anything in any state, and brings no keys to who has not the certificate."""
    other = [("sha-256", bytes(32))]
    for active in (True, False):
        made = Handshake(OURS, active=active, suites=ALL, expected=other, now=0.0)
        for datagram in (data, FLIGHTS[1 if active else 0], data, FLIGHTS[2], data):
            made.receive(datagram, now=0.1)
            made.drain()
        made.handle_timer(now=HANDSHAKE_SECONDS)
        assert made.over and made.keys is None and made.failed


def _packet(number: int) -> bytes:
    return struct.pack("!HHII", 0x8000, number, number * 160, 1) + bytes(160)


def _flights() -> list[bytes]:
    """Return the datagrams of a handshake that goes well."""
    sides = []
    for identity, peer, active in ((THEIRS, OURS, True), (OURS, THEIRS, False)):
        expected = [("sha-256", peer.digest("sha-256"))]
        sides.append(Handshake(identity, active=active, suites=ALL, expected=expected, now=0.0))
    flights: list[bytes] = []
    for _ in range(3):
        for sender, receiver in (sides, sides[::-1]):
            for datagram in sender.drain():
                flights.append(datagram)
                receiver.receive(datagram, now=0.0)
    assert sides[0].keys and sides[1].keys, "the example itself is wrong"
    return flights


def _description(profile: str, *lines: str) -> bytes:
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    return (head + f"m=audio 4000 {profile} 0 101\r\n" + "".join(f"a={line}\r\n" for line in lines)).encode()


FLIGHTS = _flights()
SEALED = [SrtpSender(suite, secret).protect(_packet(7)) or b"" for suite, secret in SECRETS.items()]
_LINES = [f"crypto:{CryptoLine(tag, suite, secret).text()}" for tag, (suite, secret) in enumerate(SECRETS.items(), 1)]
_PRINT = f"fingerprint:{Fingerprint('sha-256', THEIRS.digest('sha-256'))}"
DESCRIPTIONS = [
    _description("RTP/SAVP", *_LINES),
    _description("RTP/AVP", _LINES[0] + "|2^20|1:4", _LINES[1] + " WSH=64 -X", "sendonly"),
    _description("UDP/TLS/RTP/SAVPF", _PRINT, "setup:actpass", "rtcp-mux"),
    _description("RTP/SAVP", _PRINT, "setup:passive", *_LINES[:2]),
    _description("RTP/AVP", "sendrecv") + b"m=audio 4002 RTP/SAVP 0\r\na=" + _LINES[0].encode() + b"\r\n",
]
TARGETS = {
    "encrypted descriptions": Target(DESCRIPTIONS, keys),
    "encrypted packets": Target(SEALED, packets),
    "handshakes for keys": Target(FLIGHTS, handshake),
}
