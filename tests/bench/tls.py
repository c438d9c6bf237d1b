"""What TLS costs: a handshake by kind of key, what a burst of them does to the loop, and what a connection holds.

The handshakes of the burst come from a process of its own; the loop that accepts them counts how late its ticks are,
once with the worker thread that does them, once with the loop doing them itself.

python tests/bench/tls.py --burst 200
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from softswitch.net import loop
from softswitch.net.patience import StreamLimits
from softswitch.net.sip_socket import SipSockets
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from softswitch.net.tls_link import Workshop
from softswitch.net.tls_machine import TlsMachine
from tests.tools.certificates import Authority

KINDS = {"ECDSA P-256": 0, "RSA 2048": 2048, "RSA 4096": 4096}
MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nContent-Length: 0\r\n\r\n"


class OnTheLoop(Workshop):
    """Does handshakes where they come, as without a worker thread."""

    def do(self, work: Callable[[], bytes], done: Callable[["asyncio.Future[bytes]"], None]) -> None:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        outcome: Future[bytes] = Future()
        try:
            outcome.set_result(work())
            future.set_result(outcome.result())
        except Exception as error:
            future.set_exception(error)
        future.add_done_callback(done)


def contexts(folder: Path, bits: int) -> TlsContexts:
    """Return contexts for a server with such a key, and a client that verifies it."""
    authority = Authority()
    pair = authority.sign("sip:a.example", rsa_bits=bits).write(folder, f"key-{bits}")
    return TlsContexts(ServerTls(pair), {"acme": PeerTls(ca=authority.write(folder, f"ca-{bits}"))})


def handshake(made: TlsContexts) -> tuple[list[float], list[float]]:
    """Shake hands once; return the seconds of each step of the server and of the client."""
    asked = made.client("a.example", "acme")
    assert made.server is not None
    server, client = TlsMachine(made.server, serving=True), TlsMachine(asked.context, expected=asked.expected)
    spent: dict[TlsMachine, list[float]] = {server: [], client: []}
    data = b""
    for turn in (client, server) * 4:
        if turn.open:
            continue
        began = time.perf_counter()
        data = turn.handshake(data)
        spent[turn].append(time.perf_counter() - began)
    return spent[server], spent[client]


def print_costs(folder: Path, times: int) -> None:
    """Print what a handshake costs by kind of key."""
    print(f"{'a handshake, TLS 1.3, ms':<28}{'server':>10}{'longest step':>15}{'client':>10}{'longest step':>15}")
    for name, bits in KINDS.items():
        made = contexts(folder, bits)
        runs = [handshake(made) for _ in range(times)]
        row = [
            statistics.median(f(side) for side in sides) * 1000 for sides in zip(*runs, strict=True) for f in (sum, max)
        ]
        print(f"{name:<28}{row[0]:>10.2f}{row[1]:>15.2f}{row[2]:>10.2f}{row[3]:>15.2f}")


def phones(port: int, count: int) -> None:
    """Connect so many times at once and say something on each, in a process of its own."""
    loop.run(_phones(port, count, secure=True))


def plain_phones(port: int, count: int) -> None:
    """The same over TCP."""
    loop.run(_phones(port, count, secure=False))


async def _phones(port: int, count: int, *, secure: bool) -> None:
    async def one() -> None:
        context = None
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError):  # a handshake that came too late
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(MESSAGE)
            await asyncio.sleep(2.0)
            writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(count)))


def half_open(port: int, count: int) -> None:
    """Connect so many times and say half a hello, in a process of its own."""
    ends = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for end in ends:
        with contextlib.suppress(OSError):
            end.sendall(b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + bytes(100))
    time.sleep(1.5)


async def burst(made: TlsContexts, count: int, workshop: Workshop, work: Callable[[int, int], None]) -> str:
    """Return how late ticks of 1 ms were while so many connections came, and what came of them."""
    heard: list[bytes] = []
    limits = StreamLimits(per_host=10_000, handshakes_per_host=10_000, handshakes=10_000)
    sockets = SipSockets(lambda data, _flow: heard.append(data), lambda _flow: None, limits=limits, tls=made)
    sockets.streams._workshop = workshop
    listen = sockets.listen_tcp if work is plain_phones else sockets.listen_tls
    _, port = await listen("127.0.0.1", 0)
    before = resident_kib()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(port, count))
    process.start()
    late: list[float] = []
    most, held = 0, before
    while process.is_alive():
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        if sockets.connections and len(heard) < count and len(late) < 1500:
            late.append(time.perf_counter() - due)
        if sockets.connections >= most:
            most, held = sockets.connections, resident_kib()
    process.join()
    await sockets.close()
    late.sort()
    ms = [late[min(len(late) - 1, int(len(late) * share))] * 1000 for share in (0.5, 0.9, 1.0)]
    kib = (held - before) / max(1, most)
    return f"{ms[0]:>9.2f}{ms[1]:>9.2f}{ms[2]:>9.2f}{len(heard):>9}{most:>9}{kib:>11.1f}"


def resident_kib() -> int:
    """Return the memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


ROWS = {
    "TCP": (0, Workshop, plain_phones),
    "half-open": (0, Workshop, half_open),
    **{f"{kind}, worker thread": (bits, Workshop, phones) for kind, bits in KINDS.items()},
    **{f"{kind}, on the loop": (bits, OnTheLoop, phones) for kind, bits in KINDS.items()},
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=300, help="handshakes of each kind")
    parser.add_argument("--burst", type=int, default=200, help="connections at once")
    parser.add_argument("--row", help="only this line of the second table")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.row:
            bits, workshop, work = ROWS[given.row]
            print(f"{given.row:<30}{loop.run(burst(contexts(folder, bits), given.burst, workshop(), work))}")
            return
        print_costs(folder, given.times)
    print(f"\n{given.burst} connections at once; how late ticks of 1 ms were until all were heard, ms")
    print(f"{'':<30}{'p50':>9}{'p90':>9}{'max':>9}{'heard':>9}{'open':>9}{'KiB each':>11}", flush=True)
    for row in ROWS:  # each in a process of its own: memory that was given back is used again without a trace
        subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--burst", str(given.burst), "--row", row], check=True
        )


if __name__ == "__main__":
    main()
