"""The far end of many calls: plain sockets that send speech as PCMU every 20 ms and note when each echo came.

Independent of the switch's code: its own SIP messages, its own packets, its own clock; arrival times are the
kernel's (SO_TIMESTAMPNS), so that what this process itself is late by does not count.
"""

import audioop
import base64
import os
import random
import re
import socket
import struct
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path

from pylibsrtp import Policy, Session

PTIME = 0.020
PHASES = 20
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@ll")
#: Profile of libsrtp, and octets of master key and salt.
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}


def speech(path: Path) -> list[bytes]:
    """Return a WAV file's 8 kHz sound as 160-octet µ-law payloads, its pauses filled with the noise of a quiet room.

    So whatever comes back that is none of these was put in where sound was lost.
    """
    source = random.Random(1)
    with wave.open(str(path)) as file:
        pcm, rate = file.readframes(file.getnframes()), file.getframerate()
    if rate != 8000:
        pcm = audioop.ratecv(pcm, 2, 1, rate, 8000, None)[0]
    room = struct.pack(f"<{len(pcm) // 2}h", *(source.randint(-24, 24) for _ in range(len(pcm) // 2)))
    coded = audioop.lin2ulaw(audioop.add(pcm, room, 2), 2)
    return [coded[at : at + 160] for at in range(0, len(coded) - 159, 160)]


@dataclass
class Line:
    """One call: an RTP socket, and what came back to it."""

    number: int
    media: socket.socket
    call_id: str
    to: str = ""
    remote: tuple[str, int] = ("", 0)
    sequence: int = 0
    sent: int = 0
    received: int = 0
    last_at: float = 0.0
    gaps_ms: list[float] = field(default_factory=list)
    last_sequence: int = -1
    missing: int = 0
    replaced: int = 0
    sealing: Session | None = None
    opening: Session | None = None


class FarEnd:
    """Places calls to one number and talks on all of them."""

    def __init__(self, sip: tuple[str, int], number: str, suite: str = "") -> None:
        """suite: of SRTP, empty for plain calls."""
        self.sip, self.number, self.suite = sip, number, suite
        self.signalling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.signalling.bind(("127.0.0.1", 0))
        self.signalling.settimeout(2.0)
        self.port = self.signalling.getsockname()[1]
        self.lines: list[Line] = []
        self.known: frozenset[bytes] = frozenset()

    def open(self, calls: int) -> None:
        """Place calls, one after the other, until so many are up."""
        while len(self.lines) < calls:
            self._call(len(self.lines))

    def _message(self, method: str, line: Line, cseq: int, body: str = "") -> bytes:
        host = f"127.0.0.1:{self.port}"
        content = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:{self.number}@{self.sip[0]}:{self.sip[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host};branch=z9hG4bK-{line.number}-{method}-{cseq};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:bench@{host}>;tag=f{line.number}\r\nTo: {line.to or f'<sip:{self.number}@{self.sip[0]}>'}\r\n"
            f"Call-ID: {line.call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:bench@{host}>\r\n"
            f"{content}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _call(self, number: int) -> None:
        media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        media.setblocking(False)
        media.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        media.bind(("127.0.0.1", 0))
        line = Line(number, media, f"bench-{number}-{self.port}@127.0.0.1")
        sdp = (
            f"v=0\r\no=- {number} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {media.getsockname()[1]} RTP/{'SAVP' if self.suite else 'AVP'} 0 101\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
        )
        secret = os.urandom(SUITES[self.suite][1]) if self.suite else b""
        if secret:
            sdp += f"a=crypto:1 {self.suite} inline:{base64.b64encode(secret).decode()}\r\n"
        self.signalling.sendto(self._message("INVITE", line, 1, sdp), self.sip)
        answer = self._final(line)
        if not answer.startswith("SIP/2.0 200"):
            raise SystemExit(f"call {number} was not answered: {answer.splitlines()[0]}")
        line.to = re.search(r"^To: (.*)\r$", answer, re.M).group(1)  # type: ignore[union-attr]
        line.remote = ("127.0.0.1", int(re.search(r"^m=audio (\d+)", answer, re.M).group(1)))  # type: ignore[union-attr]
        if secret:
            theirs = re.search(r"^a=crypto:1 \S+ inline:(\S+)", answer, re.M).group(1)  # type: ignore[union-attr]
            line.sealing = self._session(secret, Policy.SSRC_ANY_OUTBOUND)
            line.opening = self._session(base64.b64decode(theirs), Policy.SSRC_ANY_INBOUND)
        self.signalling.sendto(self._message("ACK", line, 1), self.sip)
        self.lines.append(line)

    def _session(self, secret: bytes, kind: int) -> Session:
        return Session(Policy(key=secret, ssrc_type=kind, srtp_profile=SUITES[self.suite][0]))

    def _final(self, line: Line) -> str:
        while True:
            text = self.signalling.recv(65535).decode()
            if line.call_id in text and not text.startswith("SIP/2.0 1"):
                return text

    def talk(self, seconds: float, payloads: list[bytes], *, measure: bool) -> None:
        """Send on every line for so long, and read what comes back."""
        self.known = frozenset(payloads)
        start = time.monotonic()
        phases = [self.lines[phase::PHASES] for phase in range(PHASES)]
        tick = 0
        while (due := start + tick * PTIME / PHASES) - start < seconds:
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            frame = tick // PHASES
            for line in phases[tick % PHASES]:
                self._send(line, payloads[(frame + line.number * 7) % len(payloads)], frame)
                self._read(line, measure)
            tick += 1
        # What comes from here on is the echo's silence: nobody speaks any more.
        for line in self.lines:
            self._read(line, measure)

    def _send(self, line: Line, payload: bytes, frame: int) -> None:
        line.sequence = (line.sequence + 1) & 0xFFFF
        header = struct.pack("!BBHII", 0x80, 0, line.sequence, line.sequence * 160 & 0xFFFFFFFF, line.number + 1)
        packet = header + payload
        if line.sealing is not None:
            packet = line.sealing.protect(packet)
        try:
            line.media.sendto(packet, line.remote)
            line.sent += 1
        except BlockingIOError:
            pass

    def _read(self, line: Line, measure: bool) -> None:
        while True:
            try:
                data, ancillary, _flags, _source = line.media.recvmsg(2048, 64)
            except BlockingIOError:
                return
            if 192 <= data[1] <= 223:
                continue  # a report for the line whose port is one less (RFC 5761 section 4)
            if line.opening is not None:
                data = line.opening.unprotect(data)
            if not measure:
                continue
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2][: TIMESPEC.size])
            at = seconds + nanoseconds / 1e9
            if line.last_at:
                line.gaps_ms.append((at - line.last_at) * 1000)
            line.last_at = at
            line.received += 1
            sequence = struct.unpack_from("!H", data, 2)[0]
            if line.last_sequence >= 0:
                line.missing += (sequence - line.last_sequence - 1) & 0xFFFF
            line.last_sequence = sequence
            line.replaced += data[12:] not in self.known

    def close(self) -> None:
        """Hang up everything."""
        for line in self.lines:
            self.signalling.sendto(self._message("BYE", line, 2), self.sip)
            line.media.close()
            time.sleep(0.001)
        self.lines = []
        self.signalling.close()
