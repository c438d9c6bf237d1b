"""Time and randomness enter the switch here and nowhere else.

Every other module takes `now: float` (seconds, monotonic) or `token: Token` as an argument, which is what
lets a test run an hour of calls in milliseconds and a recorded call be replayed.
"""

import datetime
import random
import secrets
import time
from collections.abc import Callable

#: Makes a fresh unguessable token: tags, branches, call ids, nonces (RFC 3261 section 19.3 asks for 32 random bits).
Token = Callable[[], str]


#: Returns the monotonic time in seconds, the `now` of every machine. The function itself, not one around it: a frame
#: asks four times.
now: Callable[[], float] = time.monotonic


def wall() -> datetime.datetime:
    """Return the wall-clock time, UTC and aware, for records and logs only."""
    return datetime.datetime.now(datetime.UTC)


def wall_seconds() -> float:
    """Return the wall-clock time as seconds since the epoch, on the scale of kernel time stamps."""
    return time.time()


def cpu_seconds() -> float:
    """Return the CPU time that this process has used, all threads, in seconds."""
    return time.process_time()


def token() -> str:
    """Return 64 random bits as 16 hexadecimal digits."""
    return secrets.token_hex(8)


def random_bits(bits: int) -> int:
    """Return an unguessable integer below 2**bits: SSRC, first sequence number and timestamp (RFC 3550 section 5.1)."""
    return secrets.randbits(bits)


def random_bytes(count: int) -> bytes:
    """Return so many unguessable octets: keys."""
    return secrets.token_bytes(count)


def fraction() -> float:
    """Return a random number from 0 up to 1, without 1: weighted choices, jitter of timers."""
    return secrets.randbits(53) / (1 << 53)


def pause(seconds: float) -> None:
    """Let other threads run for a while; never on the loop."""
    time.sleep(seconds)


def seeded_token(seed: int) -> Token:
    """Return a repeatable source of tokens for replay and tests."""
    source = random.Random(seed)  # noqa: S311 - repeatable on purpose
    return lambda: f"{source.getrandbits(64):016x}"
