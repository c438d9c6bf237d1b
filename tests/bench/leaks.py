"""What calls leave behind, by the way they end: so many of each, in two batches, and what is more after the second.

    python -m tests.bench.leaks --calls 2000

All calls come by a carrier, so that its slots are seen too. After each batch the switch is given the time that RFC 3261
gives its transactions; then sockets, files, threads, tasks, legs, transactions, ports and slots must be what they were,
and memory within what an allocator keeps. `--calls 50` takes some minutes.
"""

import argparse
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.live.peers.free_ports import LOOPBACK, free_port
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess, running_switch

RULES = """
rules:
  - {number: 600, strangers: true, steps: [answer, echo]}
  - {number: 602, strangers: true, steps: [answer, {tone: {hz: 1004}}]}
  - {number: 605, strangers: true, steps: [{reject: 486}]}
  - {number: 606, strangers: true, steps: [{ring: 60}, {reject: 480}]}
  - {number: 616, strangers: true, steps: [{ring: 1}, {reject: 480}]}
"""
CARRIERS = "- {name: office, host: 127.0.0.1, port: 9, health_seconds: 0, allow: [127.0.0.0/8]}\n"
SETTINGS = """
carriers: carriers.yaml
dialplans: plan.yaml
sip: {tls: {listen: '127.0.0.1:@TLS@'}}
rtp: {media_timeout: 1}
observability: {trace_mib: 1, recent_calls: 10}
"""
COUNTS = ("calls_active", "sip_legs", "sip_transactions", "rtp_ports_open", "records_waiting")
SLOTS = 'softswitch_trunk_calls{carrier="office"}'
#: 64*T1 for a 200 or a BYE that nobody answers, and as much again to spare.
SETTLE_SECONDS = 130.0
#: Calls a second of one kind.
RATE = 40
#: What an allocator keeps of a batch as large as the one before.
RSS_MARGIN_KIB = 8 * 1024


def by_sipp(scenario: str, number: str, *options: str) -> Callable[[SwitchProcess, Sipp, int, int], None]:
    """Return what makes calls of one scenario."""

    def make(_switch: SwitchProcess, sipp: Sipp, calls: int, _tls: int) -> None:
        seconds = calls / RATE + 60.0
        settings = {"number": number, "calls": calls, "seconds": seconds, "messages": False}
        sipp.start(scenario, "-r", str(RATE), *options, **settings).finish()  # type: ignore[arg-type]

    return make


def reset_over_tls(switch: SwitchProcess, _sipp: Sipp, calls: int, port: int) -> None:
    """Call over TLS, be answered, and break the connection without a word."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    for number in range(calls):
        name = f"{number}-{time.monotonic_ns()}"
        with socket.create_connection((LOOPBACK, port), timeout=10) as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with context.wrap_socket(plain) as stream:
                stream.sendall(
                    (
                        f"INVITE sip:600@{LOOPBACK} SIP/2.0\r\nVia: SIP/2.0/TLS {LOOPBACK};branch=z9hG4bK{name}\r\n"
                        f"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:600@{LOOPBACK}>\r\nCall-ID: {name}\r\n"
                        f"CSeq: 1 INVITE\r\nContact: <sip:a@{LOOPBACK};transport=tls>\r\n"
                        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                    ).encode()
                )
                heard = b""
                while b"SIP/2.0 200" not in heard:
                    more = stream.recv(4096)
                    assert more, f"the switch closed the connection:\n{heard.decode(errors='replace')}"
                    heard += more


KINDS: dict[str, Callable[[SwitchProcess, Sipp, int, int], None]] = {
    "answered": by_sipp("600-echo", "600", "-d", "200"),
    "refused": by_sipp("605-busy", "605"),
    "cancelled": by_sipp("606-ringing-cancelled", "606"),
    "unanswered": by_sipp("606-no-answer", "616"),
    "dead media": by_sipp("601-prompt", "602"),
    "TLS reset": reset_over_tls,
}


def look(switch: SwitchProcess) -> dict[str, float]:
    """Wait until nothing lingers; return what is held then."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        metrics = switch.metrics()
        left = {name: metrics[f"softswitch_{name}"] for name in COUNTS}
        if not any(left.values()) or time.monotonic() > end:
            break
        time.sleep(0.5)
    time.sleep(1.0)  # the connection of the question itself
    return {**switch.holdings()._asdict(), "tasks": metrics["softswitch_tasks"], "slots": metrics[SLOTS], **left}


def growth(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Return what is more than it was, and what must be zero and is not."""
    margins = {"rss_kib": RSS_MARGIN_KIB}
    more = {name: after[name] - before[name] for name in after if after[name] - before[name] > margins.get(name, 0)}
    return more | {name: after[name] for name in (*COUNTS, "slots") if after[name]}


def main() -> int:
    """Print a row for each kind; return 1 if any leaves something behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--only", choices=list(KINDS), action="append")
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder, tls = Path(name), free_port()
        for file, text in (("plan.yaml", RULES), ("carriers.yaml", CARRIERS), ("softswitch.yaml", SETTINGS)):
            (folder / file).write_text(text.replace("@TLS@", str(tls)))
        with running_switch(folder, options=("--config", str(folder / "softswitch.yaml"))) as switch:
            sipp = Sipp(switch.address, folder / "sipp")
            heads = (("calls", 7), ("sockets", 9), ("tasks", 7), ("threads", 9), ("slots", 7), ("KiB more", 10))
            print(f"{'':12}" + "".join(f"{head:>{width}}" for head, width in heads), flush=True)
            for kind in given.only or KINDS:
                KINDS[kind](switch, sipp, given.calls // 2, tls)
                before = look(switch)
                KINDS[kind](switch, sipp, given.calls - given.calls // 2, tls)
                after = look(switch)
                cells = "".join(
                    f"{after[name]:>{width}.0f}"
                    for name, width in (("sockets", 9), ("tasks", 7), ("threads", 9), ("slots", 7))
                )
                left = growth(before, after)
                print(
                    f"{kind:12}{given.calls:>7}{cells}{after['rss_kib'] - before['rss_kib']:>10.0f}"
                    f"  {f'LEFT BEHIND: {left}' if left else 'ok'}",
                    flush=True,
                )
                wrong += bool(left)
            sipp.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
