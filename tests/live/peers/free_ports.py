"""Ports that nobody uses, for peers on loopback."""

import os
import socket

LOOPBACK = "127.0.0.1"
#: Below the range from which Linux hands out ports by itself (32768 up), so that nobody sits down there by chance.
FIRST_RTP, LAST_RTP = 12_000, 30_000

#: Ports handed out already: what one peer is about to bind must not be given to the next.
_given: set[int] = set()


def free_port() -> int:
    """Return a port that is free for UDP and for TCP, another one each time, and hold it no longer."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind((LOOPBACK, 0))
            port: int = datagrams.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
                try:
                    stream.bind((LOOPBACK, port))
                except OSError:
                    continue
            if port not in _given:
                _given.add(port)
                return port
    raise RuntimeError("no port is free for both UDP and TCP")


def rtp_block(width: int, number: int = 0) -> tuple[int, int]:
    """Return the first and last of `width` ports: another block for each process and `number`."""
    blocks = (LAST_RTP - FIRST_RTP) // width
    first = FIRST_RTP + (os.getpid() * 7 + number) % blocks * width
    return first, first + width - 1
