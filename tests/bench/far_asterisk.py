"""Asterisk 22 as the yardstick: the same calls on the same machine. docker/asterisk.sh makes its folder."""

import os
import socket
import subprocess
import time
from pathlib import Path

CONFIG = Path(__file__).resolve().parent / "asterisk"
#: Ports of its sound, out of the way of ours.
RTP_PORTS = (40000, 59998)
READY_SECONDS = 30.0


def start_asterisk(folder: str) -> tuple["subprocess.Popen[bytes]", tuple[str, int], Path]:
    """Start it on a free port; return the process, its SIP address, and the file of its call records."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(cache) / "softswitch" / "asterisk-sid"
    if not (home / "ready").exists():
        raise SystemExit("Asterisk 22 is not set up: run docker/asterisk.sh (as root, or with sudo)")
    [modules] = (home / "usr" / "lib").glob("*/asterisk/modules")
    [loader] = (home / "usr" / "lib").glob("*/ld-linux-*.so.*")
    port = _free_port()
    run = Path(folder)
    for name in ("config", "var", "log/cdr-csv", "run"):
        (run / name).mkdir(parents=True)
    words = {
        "RUN": folder,
        "MODULES": str(modules),
        "DATA": str(home / "usr" / "share" / "asterisk"),
        "SIP": str(port),
        "RTP_FIRST": str(RTP_PORTS[0]),
        "RTP_LAST": str(RTP_PORTS[1]),
    }
    for file in CONFIG.iterdir():
        text = file.read_text(encoding="utf-8")
        for name, value in words.items():
            text = text.replace(f"@{name}@", value)
        (run / "config" / file.name).write_text(text, encoding="utf-8")
    program = [str(home / "usr" / "sbin" / "asterisk"), "-f", "-C", f"{folder}/config/asterisk.conf"]
    process = subprocess.Popen(
        [str(loader), "--library-path", str(loader.parent), *program],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_ready(process, ("127.0.0.1", port))
    return process, ("127.0.0.1", port), run / "log" / "cdr-csv" / "Master.csv"


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_ready(process: "subprocess.Popen[bytes]", address: tuple[str, int]) -> None:
    """Wait until it answers an OPTIONS with anything at all."""
    deadline = time.monotonic() + READY_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(0.3)
        ours = f"127.0.0.1:{probe.getsockname()[1]}"
        number = 0
        while time.monotonic() < deadline and process.poll() is None:
            number += 1
            probe.sendto(
                f"OPTIONS sip:{address[0]}:{address[1]} SIP/2.0\r\nVia: SIP/2.0/UDP {ours};branch=z9hG4bK{number}\r\n"
                f"From: <sip:x@{ours}>;tag=1\r\nTo: <sip:x@{ours}>\r\nCall-ID: ready-{number}\r\n"
                f"CSeq: {number} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode(),
                address,
            )
            try:
                probe.recv(4096)
                return
            except OSError:  # nobody listens yet
                time.sleep(0.1)
    raise SystemExit("Asterisk did not get ready")
