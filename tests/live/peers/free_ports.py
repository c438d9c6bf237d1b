"""Ports that nobody uses, for peers on loopback."""

import os
import random
import socket
import threading

LOOPBACK = "127.0.0.1"
#: All below the range from which Linux hands out ports by itself (32768 up), so that nobody sits down there by chance.
FIRST_RTP, LAST_RTP = 12_000, 30_000
FIRST_OTHER, LAST_OTHER = 30_000, 32_767

#: Ports handed out already: what one peer is about to bind must not be given to the next.
_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """Return a port that is free for UDP and for TCP, another one each time, and hold it no longer."""
    with _lock:
        # Anywhere in the range, so that two test runs side by side seldom look at the same port.
        for port in random.sample(range(FIRST_OTHER, LAST_OTHER), LAST_OTHER - FIRST_OTHER):
            if port not in _given and _is_free(port, socket.SOCK_DGRAM) and _is_free(port, socket.SOCK_STREAM):
                _given.add(port)
                return port
        _given.clear()
    return free_port()


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as candidate:
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def rtp_block(width: int, number: int = 0) -> tuple[int, int]:
    """Return the first and last of `width` ports: another block for each process and `number`."""
    blocks = (LAST_RTP - FIRST_RTP) // width
    first = FIRST_RTP + (os.getpid() * 7 + number) % blocks * width
    return first, first + width - 1
