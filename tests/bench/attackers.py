"""What an open port meets, each from a source address of its own on loopback: bounded, and cheap for who sends it.

    python tests/bench/attackers.py invites 127.0.0.1:5060 --source 127.0.0.23 --seconds 10

Prints one JSON line: how much was sent, what came back, and the CPU time it took.
"""

import argparse
import hashlib
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator

from switch import address

#: Datagrams of one burst; between two of them the sender sleeps, so that a core is left for the switch.
BURST = 20
CONNECTIONS = 200


def message(method: str, number: int, source: tuple[str, int], *lines: str, uri: str = "600@127.0.0.1") -> bytes:
    """Return a request that looks like any telephone's."""
    body = ""
    if method == "INVITE":
        body = (
            f"v=0\r\no=- {number} 1 IN IP4 {source[0]}\r\ns=-\r\nc=IN IP4 {source[0]}\r\nt=0 0\r\n"
            "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        lines = (*lines, "Content-Type: application/sdp")
    head = (
        f"{method} sip:{uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {source[0]}:{source[1]};branch=z9hG4bK-{number}-{source[1]}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:x@{source[0]}>;tag={number}\r\nTo: <sip:{uri}>\r\n"
        f"Call-ID: {number}-{source[1]}@{source[0]}\r\nCSeq: 1 {method}\r\nContact: <sip:x@{source[0]}:{source[1]}>\r\n"
    )
    more = "".join(f"{line}\r\n" for line in lines)
    return f"{head}{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def opened(source: str) -> socket.socket:
    """Return a socket that sends from an address and lets what comes back be lost."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    raw.setblocking(False)
    raw.bind((source, 0))
    return raw


def send(
    raw: socket.socket, target: tuple[str, int], made: Iterator[bytes], rate: int, seconds: float
) -> dict[str, int]:
    """Send at a rate for so long, and count what comes back."""
    began, sent, back = time.monotonic(), 0, 0
    while (now := time.monotonic() - began) < seconds:
        for _ in range(min(int(now * rate) - sent, 10 * BURST)):
            try:
                raw.sendto(next(made), target)
            except BlockingIOError:
                pass
            sent += 1
        back += drained(raw)
        time.sleep(BURST / rate)
    return {"sent": sent, "back": back}


def drained(raw: socket.socket) -> int:
    """Throw away what came; return how much it was."""
    for count in range(1000):
        try:
            raw.recv(65535)
        except BlockingIOError:
            return count
    return 1000


def scanner(target: tuple[str, int], source: str, seconds: float) -> dict[str, int]:
    """Ask for extension after extension, as SIPVicious does."""
    raw = opened(source)
    own = raw.getsockname()
    agent = "User-Agent: friendly-scanner"
    made = (
        message("OPTIONS" if n % 2 else "REGISTER", n, own, agent, uri=f"{100 + n}@{target[0]}") for n in range(10**9)
    )
    return send(raw, target, made, 500, seconds)


def invites(target: tuple[str, int], source: str, seconds: float) -> dict[str, int]:
    """Call an open number 2 000 times a second, and never acknowledge anything."""
    raw = opened(source)
    own = raw.getsockname()
    return send(raw, target, (message("INVITE", n, own) for n in range(10**9)), 2000, seconds)


def headers(target: tuple[str, int], source: str, seconds: float) -> dict[str, int]:
    """Send headers of nearly 64 KiB: half of them one long one, half of them thousands."""
    raw = opened(source)
    own = raw.getsockname()
    long, many = "Subject: " + "x" * 64_000, "\r\n".join("X: y" for _ in range(10_000))
    kinds = [message("INVITE", 1, own, text) for text in (long, many)]
    return send(raw, target, (kinds[n % 2] for n in range(10**9)), 200, seconds)


def rtp(target: tuple[str, int], source: str, seconds: float) -> dict[str, int]:
    """Send 10 000 packets a second to a media port, as good as real ones."""
    raw = opened(source)

    def made() -> Iterator[bytes]:
        for n in range(10**9):
            yield struct.pack("!BBHII", 0x80, 0, n & 0xFFFF, n * 160 & 0xFFFFFFFF, 0xBAD) + b"\x55" * 160

    return send(raw, target, made(), 10_000, seconds)


def guesses(target: tuple[str, int], source: str, seconds: float) -> dict[str, int]:
    """Guess passwords: take each challenge, and answer it wrongly, some 500 times a second."""
    raw = opened(source)
    own = raw.getsockname()
    began, sent, back, refused = time.monotonic(), 0, 0, 0
    uri = f"alice@{target[0]}"
    while (now := time.monotonic() - began) < seconds:
        for _ in range(min(int(now * 250) - sent, 100)):
            raw.sendto(message("REGISTER", 2 * sent, own, uri=uri), target)
            sent += 1
        for _ in range(1000):
            try:
                answer = raw.recv(65535).decode("utf-8", "replace")
            except BlockingIOError:
                break
            back += 1
            challenge = re.search(r'nonce="([^"]+)"', answer)
            if challenge is None:
                continue
            if "Authorization" in answer or re.search(r"^CSeq: 2 ", answer, re.M):
                refused += 1
            digest = hashlib.md5(f"guess {back}".encode()).hexdigest()  # noqa: S324 - what SIP has
            line = (
                f'Authorization: Digest username="alice", realm="softswitch", nonce="{challenge[1]}", '
                f'uri="sip:{target[0]}", '
                f'response="{digest}", algorithm=MD5, qop=auth, nc=00000001, cnonce="0a4f113b"'
            )
            raw.sendto(message("REGISTER", 2 * back + 1, own, line, uri=uri), target)
        time.sleep(0.02)
    return {"sent": sent, "back": back, "refused": refused}


def hold_open(target: tuple[str, int], source: str, seconds: float, first: bytes, drip: bytes) -> dict[str, int]:
    """Keep connections open: begin each with `first`, then send an octet of `drip` a second; open anew what is lost."""
    began, opened_, lost = time.monotonic(), 0, 0
    sockets: list[socket.socket] = []
    at = 0
    while (now := time.monotonic() - began) < seconds:
        while len(sockets) < CONNECTIONS and opened_ < (now + 1) * CONNECTIONS:
            raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            raw.bind((source, 0))
            raw.settimeout(0.2)
            opened_ += 1
            try:
                raw.connect(target)
                raw.sendall(first)
                sockets.append(raw)
            except OSError:
                raw.close()
                lost += 1
        for raw in list(sockets):
            try:
                raw.sendall(drip[at % len(drip) : at % len(drip) + 1])
                raw.setblocking(False)
                gone = raw.recv(1000) == b""
            except BlockingIOError:
                gone = False
            except OSError:
                gone = True
            if gone:
                raw.close()
                sockets.remove(raw)
                lost += 1
        at += 1
        time.sleep(1.0)
    for raw in sockets:
        raw.close()
    return {"sent": opened_, "lost": lost}


def slow(target: tuple[str, int], source: str, seconds: float) -> dict[str, int]:
    """Send a request an octet a second, on many connections."""
    return hold_open(target, source, seconds, b"", message("OPTIONS", 1, (source, 1)))


def half_open(target: tuple[str, int], source: str, seconds: float) -> dict[str, int]:
    """Begin TLS handshakes that never end, on many connections."""
    return hold_open(target, source, seconds, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00")


ATTACKS: dict[str, Callable[[tuple[str, int], str, float], dict[str, int]]] = {
    "scanner": scanner,
    "guesses": guesses,
    "invites": invites,
    "slow": slow,
    "half-open": half_open,
    "headers": headers,
    "rtp": rtp,
}


def main() -> None:
    """Run one attack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attack", choices=ATTACKS)
    parser.add_argument("target", type=address)
    parser.add_argument("--source", default="127.0.0.20")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    if not given.target[0].startswith("127."):
        raise SystemExit("only a switch on this machine is attacked")
    found = ATTACKS[given.attack](given.target, given.source, given.seconds)
    print(json.dumps({**found, "cpu_seconds": round(time.process_time(), 2)}))


if __name__ == "__main__":
    main()
