"""Broken messages over real sockets to `softswitch run`; `fuzz.py` starts it where loopback is all the network.

UDP from a trusted and from an unknown address, TCP and TLS streams, a carrier that answers nonsense, RTP: at a bounded
rate, for a while. The switch must live, log no traceback, answer its HTTP, and be back to nothing afterwards, with no
more memory than it had after a first part of the same.
"""

import argparse
import collections
import contextlib
import random
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.header_targets import KEY_SEEDS
from tests.fuzz.mutate import mutant
from tests.fuzz.phones import LOOPBACK, Phones
from tests.fuzz.targets import RTP_SEEDS
from tests.live.peers.closed_network import close_the_network
from tests.live.peers.free_ports import free_port
from tests.live.peers.switch import SwitchProcess, running_switch

#: Messages a second: a tenth of what the switch bears, so that what is slow is its fault and not ours.
RATE = 400
#: Streams that are open at once, of each kind.
STREAMS = 12
#: The last messages, kept for whoever must find out.
KEPT = 4000
#: 64*T1 for a transaction, twice, for a BYE that nobody answers; and a port's quarantine.
SETTLE_SECONDS = 150.0
CLOSING_SECONDS = 10.0
#: What an allocator may keep between two parts of the same length.
GROWTH_KIB = 12 * 1024
NUMBERS = ("600", "601", "602", "605", "606", "610", "611", "612", "999")
RULES = """
rules:
  - {number: 600, steps: [answer, echo]}
  - {number: 601, steps: [answer, {wait: 1}, hangup]}
  - {number: 602, steps: [answer, {wait: 0.5}, hangup]}
  - {number: 605, steps: [{reject: 486}]}
  - {number: 606, steps: [{ring: 2}, {reject: 480}]}
  - {number: 610, steps: [{dial: {to: 'sip:far@127.0.0.1:@PEER@', seconds: 2}}]}
  - {number: 611, steps: [answer, {dial: {to: '+493012345', carrier: far, seconds: 2}}]}
  - {number: 612, steps: [progress, {wait: 1}, answer, {wait: 1}, hangup]}
"""
CARRIERS = """
- {name: far, host: 127.0.0.1, port: @PEER@, health_seconds: 2, try_seconds: 1, caller_id: '+49301',
   username: account, password: not-the-peers, register: true, expires: 30}
"""
SETTINGS = """
carriers: carriers.yaml
dialplans: plan.yaml
sip: {trusted: [127.0.0.1/32], tls: {listen: '127.0.0.1:@TLS@'}}
users:
  - {name: alice, password: correct-horse-7, number: '101'}
rtp: {media_timeout: 2, srtp: accept}
limits: {max_call_seconds: 20}
observability: {trace_mib: 1, recent_calls: 20}
"""
#: Pieces of what must never stand in a log: the carrier's password, and keys that descriptions bring.
SECRETS = ("not-the-peers", "correct-horse-7", *(seed.partition(b"inline:")[2][:14].decode() for seed in KEY_SEEDS[:2]))
COUNTS = ("calls_active", "sip_legs", "sip_transactions", "rtp_ports_open")


class Wire:
    """All sockets, and what goes over them."""

    def __init__(self, switch: SwitchProcess, peer: socket.socket, chance: random.Random, tls_port: int) -> None:
        """peer: a bound socket, which is a telephone and the gateway of the carrier in one."""
        self._switch = switch
        self._chance = chance
        self._tls_port = tls_port
        self.log: collections.deque[tuple[str, bytes]] = collections.deque(maxlen=KEPT)
        self.sent = 0
        self._peer = peer
        self._stranger = _udp("127.0.0.2")
        self._media = _udp(LOOPBACK)
        self.phones = Phones(chance, peer.getsockname()[1], NUMBERS)
        self._strangers = Phones(chance, self._stranger.getsockname()[1], NUMBERS)
        self._streams: list[socket.socket] = []
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def run(self, seconds: float) -> None:
        """Say broken things for so long; raise AssertionError where the switch is gone."""
        steps: list[tuple[int, Callable[[], None]]] = [
            (6, self._noise),
            (3, self._call),
            (10, self._ask),
            (1, self._unknown),
            (2, self._sound),
            (3, self._stream),
            (1, self._tls),
        ]
        weights = [weight for weight, _ in steps]
        end, began, count = time.monotonic() + seconds, time.monotonic(), 0
        while time.monotonic() < end:
            [(_, step)] = self._chance.choices(steps, weights)
            with contextlib.suppress(OSError):
                step()
            count += 1
            self._listen(until=began + count / RATE)
            if count % (RATE * 2) == 0:
                assert self._switch.process.poll() is None, "the switch has ended"
                assert self._switch.get("/healthz")[0] == 200, "the switch does not answer HTTP"
        self.sent += count

    def leave(self) -> None:
        """Close what is open, without a word."""
        while self._streams:
            self._streams.pop().close()
        self.phones.calls.clear()

    def close(self) -> None:
        self.leave()
        for raw in (self._peer, self._stranger, self._media):
            raw.close()

    def answer_for(self, seconds: float) -> None:
        """Answer what still comes, as any telephone would, until nothing more is to come."""
        self._listen(until=time.monotonic() + seconds)

    # One step each

    def _noise(self) -> None:
        self._say(self.phones.noise())

    def _call(self) -> None:
        self._say(self.phones.begin())

    def _ask(self) -> None:
        self._say(self.phones.ask())

    def _unknown(self) -> None:
        data = self._chance.choice((self._strangers.noise, self._strangers.begin, self._strangers.ask))()
        self.log.append(("stranger", data))
        self._stranger.sendto(data[:60_000], (LOOPBACK, self._switch.sip_port))

    def _sound(self) -> None:
        ports = [call.media for call in self.phones.calls.values() if call.media]
        if ports:
            data = mutant(self._chance, RTP_SEEDS)[:1500]
            self._media.sendto(data, (LOOPBACK, self._chance.choice(ports)))

    def _stream(self) -> None:
        """Open a connection, or say something on one, or close it: whole messages, pieces, and nonsense."""
        if len(self._streams) < STREAMS and self._chance.random() < 0.3:
            self._streams.append(self._connected(self._switch.sip_port))
        elif self._streams:
            stream = self._chance.choice(self._streams)
            data = self._chance.choice((self.phones.noise, self.phones.begin, self.phones.ask))()
            cut = self._chance.choice((len(data), len(data), self._chance.randint(0, len(data))))
            self.log.append(("stream", data[:cut]))
            try:
                stream.send(data[:cut])
            except OSError:
                self._streams.remove(stream)
                stream.close()
            if self._chance.random() < 0.05 and stream in self._streams:
                self._streams.remove(stream)
                if self._chance.random() < 0.5:  # RST instead of FIN
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                stream.close()

    def _tls(self) -> None:
        """Say something to the port for TLS that is no handshake, or a broken one, or a handshake and then nonsense."""
        if not self._tls_port:
            return
        stream = self._connected(self._tls_port)
        with contextlib.closing(stream):
            match self._chance.randrange(4):
                case 0:
                    data = self.phones.noise()
                case 1:
                    data = mutant(self._chance, [self._hello()])
                case 2:
                    data = self._hello()[: self._chance.randint(0, 300)]
                case _:
                    stream.settimeout(2.0)
                    with self._context.wrap_socket(stream) as wrapped:
                        wrapped.send(self._chance.choice((self.phones.noise, self.phones.begin, self.phones.ask))())
                    return
            self.log.append(("tls", data))
            stream.send(data)

    def _hello(self) -> bytes:
        """Return how a client begins."""
        to, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            self._context.wrap_bio(to, out).do_handshake()
        return out.read()

    def _connected(self, port: int) -> socket.socket:
        stream = socket.create_connection((LOOPBACK, port), timeout=1.0)
        stream.setblocking(False)
        return stream

    def _say(self, data: bytes) -> None:
        self.log.append(("udp", data))
        self._peer.sendto(data[:60_000], (LOOPBACK, self._switch.sip_port))

    def _listen(self, *, until: float) -> None:
        """Take all that comes, and answer it, until a time; what has come already in any case."""
        while True:
            sockets = [self._peer, self._stranger, self._media, *self._streams]
            ready = select.select(sockets, [], [], max(0.0, until - time.monotonic()))[0]
            if not ready:
                return
            for raw in ready:
                try:
                    data = raw.recv(65_535)
                except OSError:
                    data = b""
                if raw is self._peer and (reply := self.phones.take(data)):
                    self._say(reply)
                if not data and raw in self._streams:
                    self._streams.remove(raw)
                    raw.close()


def _udp(host: str) -> socket.socket:
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    raw.bind((host, 0))
    raw.setblocking(False)
    return raw


def configure(folder: Path, peer: int, tls: int) -> list[str]:
    """Write the files of the switch; return its options."""
    for name, text in (("plan.yaml", RULES), ("carriers.yaml", CARRIERS), ("softswitch.yaml", SETTINGS)):
        (folder / name).write_text(text.replace("@PEER@", str(peer)).replace("@TLS@", str(tls)))
    return ["--config", str(folder / "softswitch.yaml")]


def settle(switch: SwitchProcess, wire: Wire) -> dict[str, float]:
    """Wait until nothing of what was is left; return what is left all the same.

    The registration of our carrier, which is refused again and again, and its checks are transactions too.
    """
    wire.leave()
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        wire.answer_for(1.0)
        metrics = switch.metrics()
        allowed = {"sip_transactions": 64.0}
        left = {name: value for name in COUNTS if (value := metrics[f"softswitch_{name}"]) > allowed.get(name, 0.0)}
        if not left or time.monotonic() > end:
            return left


def faults(switch: SwitchProcess) -> str:
    """Return the first traceback of the switch's log, or a secret that stands in it; empty for none."""
    log = switch.output
    head, traceback, tail = log.partition("Traceback (most recent call last)")
    if traceback:
        return f"{head[-400:]}{traceback}{tail[:3000]}"
    shown = [secret for secret in SECRETS if secret in log]
    return f"the log shows secrets: {shown}" if shown else ""


def play(folder: Path, seconds: float, seed: int) -> str:
    """Fuzz a switch; return what was wrong, empty for nothing."""
    peer = _udp(LOOPBACK)
    tls = free_port()
    options = configure(folder, peer.getsockname()[1], tls)
    with running_switch(folder, options=options) as switch:
        wire = Wire(switch, peer, random.Random(seed), tls)
        try:
            return _judge(switch, wire, seconds)
        finally:
            wire.close()
            (folder / "messages.txt").write_text("\n".join(f"{way}: {data!r}" for way, data in wire.log))


def _judge(switch: SwitchProcess, wire: Wire, seconds: float) -> str:
    wire.run(seconds / 2)
    if left := settle(switch, wire):
        return f"left behind after {SETTLE_SECONDS:.0f} s: {left}"
    before = switch.holdings()
    wire.run(seconds / 2)
    if left := settle(switch, wire):
        return f"left behind after {SETTLE_SECONDS:.0f} s: {left}"
    # The connection over which we asked for metrics is closed a moment after it was answered.
    end = time.monotonic() + CLOSING_SECONDS
    while (after := switch.holdings()).sockets > before.sockets and time.monotonic() < end:
        wire.answer_for(0.5)
    print(f"{'over sockets':24} {wire.sent:>9,} messages, {before.rss_kib} KiB, then {after.rss_kib} KiB", flush=True)
    if after.rss_kib - before.rss_kib > GROWTH_KIB:
        return f"memory grew: {before} before, {after} after"
    if after.sockets > before.sockets or after.threads > before.threads or after.children > before.children:
        return f"something grew: {before} before, {after} after"
    return faults(switch)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    close_the_network()
    wrong = play(given.folder, given.seconds, given.seed)
    print(f"{'over sockets':24} {'FAILED: ' + wrong if wrong else 'ok'}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
