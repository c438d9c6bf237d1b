"""What registered telephones cost: 1 000 of them refresh every 60 s, with digest and one nonce for hours.

This process is the telephones, each with a socket of its own. First all of them register at once, as after a restart of
the switch, then they refresh evenly. The switch is measured from outside, beside itself with nothing to do.

python tests/bench/registrar.py --phones 1000 --every 60 --seconds 60
"""

import argparse
import asyncio
import hashlib
import re
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

from switch import cpu_seconds, percentile, print_runs, resident_kib, start_switch

from softswitch.sip.digest_server import DigestServer, DigestSettings
from softswitch.sip.flow import Flow
from softswitch.sip.location import Location, LocationSettings
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri

REALM = "softswitch"
IDLE_SECONDS = 10.0
#: Telephones that begin in one go, when all register at once: their sockets must not overflow.
AT_ONCE = 50

REGISTER = (
    "REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{name}x{cseq};rport\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:{name}@{host}>;tag={name}\r\nTo: <sip:{name}@{host}>\r\n"
    "Call-ID: {name}@127.0.0.1\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{name}@127.0.0.1:{port}>\r\n"
    "Expires: {expires}\r\nUser-Agent: bench telephone\r\n{auth}Content-Length: 0\r\n\r\n"
)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Telephone(asyncio.DatagramProtocol):
    """One telephone: refreshes when it is told, and answers a challenge."""

    def __init__(self, name: str, host: str, expires: int, answered: "list[tuple[int, float]]") -> None:
        self.name, self.host, self.expires, self.answered = name, host, expires, answered
        self.key = _md5(f"{name}:{REALM}:secret of {name}")
        self.nonce, self.count, self.cseq, self.port = "", 0, 0, 0
        self.done = asyncio.Event()
        self._began = 0.0
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def refresh(self) -> None:
        self._began = time.monotonic()
        self.done.clear()
        self._send()

    def close(self) -> None:
        self._transport.close()

    def _send(self) -> None:
        self.cseq += 1
        auth = ""
        if self.nonce:
            self.count += 1
            uri, nc = f"sip:{self.host}", f"{self.count:08x}"
            digest = _md5(f"{self.key}:{self.nonce}:{nc}:c0ffee:auth:{_md5(f'REGISTER:{uri}')}")
            auth = (
                f'Authorization: Digest username="{self.name}", realm="{REALM}", nonce="{self.nonce}", uri="{uri}", '
                f'response="{digest}", algorithm=MD5, cnonce="c0ffee", qop=auth, nc={nc}\r\n'
            )
        text = REGISTER.format(
            host=self.host, name=self.name, port=self.port, cseq=self.cseq, expires=self.expires, auth=auth
        )
        self._transport.sendto(text.encode())

    def datagram_received(self, data: bytes, _addr: object) -> None:
        status = int(data[8:11])
        self.answered.append((status, time.monotonic() - self._began))
        if status == 401:
            found = re.search(rb'nonce="([^"]*)"', data)
            assert found is not None
            self.nonce, self.count = found[1].decode(), 0
            self._send()
        elif status >= 200:
            self.done.set()


async def _open(
    count: int, address: tuple[str, int], expires: int, answered: list[tuple[int, float]]
) -> list[Telephone]:
    loop, phones = asyncio.get_running_loop(), []
    for number in range(count):
        phone = Telephone(f"phone{number}", address[0], expires, answered)
        await loop.create_datagram_endpoint(lambda phone=phone: phone, remote_addr=address)  # type: ignore[misc]
        phones.append(phone)
    return phones


async def _all_at_once(phones: list[Telephone]) -> float:
    """Let all register, return the seconds until the last one is."""
    began = time.monotonic()
    for first in range(0, len(phones), AT_ONCE):
        lot = phones[first : first + AT_ONCE]
        for phone in lot:
            phone.refresh()
        async with asyncio.timeout(10):
            await asyncio.gather(*(phone.done.wait() for phone in lot))
    return time.monotonic() - began


async def _evenly(phones: list[Telephone], every: float, seconds: float) -> int:
    """Let each refresh every `every` seconds, one after the other; return how many refreshes that were."""
    began, count = time.monotonic(), 0
    while (at := count * every / len(phones)) < seconds:
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        phones[count % len(phones)].refresh()
        count += 1
    await asyncio.sleep(0.5)
    return count


def _configured(folder: str, phones: int) -> str:
    lines = [f"  - {{name: phone{n}, password: secret of phone{n}, number: {1000 + n}}}" for n in range(phones)]
    config = Path(folder, "softswitch.yaml")
    config.write_text("observability: {level: warning}\nusers:\n" + "\n".join(lines) + "\n")
    return str(config)


async def _measure(phones: int, every: float, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        process, address, ready = start_switch(f"{folder}/data", "--config", _configured(folder, phones))
        try:
            await asyncio.sleep(3.0)  # the speech workers have loaded their models by now
            idle = sum(cpu_seconds(process.pid))
            await asyncio.sleep(IDLE_SECONDS)
            idle_percent = 100 * (sum(cpu_seconds(process.pid)) - idle) / IDLE_SECONDS
            before_kib = resident_kib(process.pid)
            answered: list[tuple[int, float]] = []
            made = await _open(phones, address, 2 * int(every), answered)
            cpu = sum(cpu_seconds(process.pid))
            registered = await _all_at_once(made)
            burst = sum(cpu_seconds(process.pid)) - cpu
            statuses = [status for status, _ in answered]
            answered.clear()
            cpu = sum(cpu_seconds(process.pid))
            began = time.monotonic()
            refreshes = await _evenly(made, every, seconds)
            elapsed = time.monotonic() - began
            used = sum(cpu_seconds(process.pid)) - cpu
            after_kib = resident_kib(process.pid)
            for phone in made:
                phone.close()
        finally:
            process.terminate()
            process.wait(20)
    took = [1000 * seconds for status, seconds in answered if status == 200]
    return {
        "phones": phones,
        "start_to_ready_s": ready,
        "all_at_once_s": registered,
        "all_at_once_cpu_s": burst,
        "all_at_once_wrong": sum(status not in (200, 401) for status in statuses),
        "refreshes": refreshes,
        "refreshed": len(took),
        "challenged_again": sum(status == 401 for status, _ in answered),
        "cpu_percent": 100 * used / elapsed,
        "cpu_percent_idle": idle_percent,
        "cpu_ms_a_refresh": 1000 * (used - idle_percent / 100 * elapsed) / refreshes,
        "answer_ms_p50": percentile(took, 0.5),
        "answer_ms_p99": percentile(took, 0.99),
        "mib_more_at_the_end": (after_kib - before_kib) / 1024,
        "binding_kib": _binding_kib(),
    }


def _binding_kib(count: int = 2000) -> float:
    """Return what one binding keeps, with the nonce of its telephone, without a switch around."""
    location = Location(LocationSettings())
    digest = DigestServer(DigestSettings(REALM), secret=b"bench")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(count):
        name, port = f"phone{number}", 10_000 + number
        pairs = [
            ("Call-ID", f"{name}@127.0.0.1"),
            ("CSeq", "2 REGISTER"),
            ("Contact", f"<sip:{name}@127.0.0.1:{port};transport=UDP>"),
            ("User-Agent", "bench telephone 1.0"),
        ]
        request = Request("REGISTER", Uri.parse("sip:127.0.0.1"), Headers(pairs))
        flow = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", port))
        location.register(name, request, flow, by_flow=lambda _: True, now=1000.0)
        nonce = dict(digest.challenge(now=1000.0))["WWW-Authenticate"].partition('nonce="')[2].partition('"')[0]
        digest._use(nonce, 1, 1000.0)
        location.drain()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return kept / count / 1024


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--every", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    runs = [asyncio.run(_measure(given.phones, given.every, given.seconds)) for _ in range(given.runs)]
    limits = {
        "all_at_once_wrong": "0",
        "refreshed": "as refreshes",
        "challenged_again": "0",
        "cpu_percent": "<= 5",
    }
    title = f"{given.phones} telephones that refresh every {given.every:g} s, for {given.seconds:g} s"
    print_runs(title, runs, limits)


if __name__ == "__main__":
    main()
