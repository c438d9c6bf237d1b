"""A gate in virtual time, and what comes to it."""

from collections.abc import Callable

import pytest

from softswitch.net.gate import Gate, GateSettings, Standing

INVITE = b"INVITE sip:600@192.0.2.1 SIP/2.0\r\nTo: <sip:600@192.0.2.1>\r\nUser-Agent: Linphone/5\r\n\r\n"
REINVITE = b"INVITE sip:600@192.0.2.1 SIP/2.0\r\nTo: <sip:600@192.0.2.1>;tag=7\r\n\r\n"
RESPONSE = b"SIP/2.0 200 OK\r\n\r\n"


class Door:
    """A gate, the time before it, and what it was told of bans."""

    def __init__(self, settings: GateSettings) -> None:
        self.now = 1000.0
        self.bans: list[tuple[str, str, float]] = []
        self.standings: dict[str, Standing] = {}
        self.gate = Gate(
            settings,
            now=self.now,
            on_ban=lambda host, kind, words, seconds: self.bans.append((host, kind, seconds)),
        )
        self.gate.standing = lambda host: self.standings.get(host, Standing.STRANGER)

    def admitted(self, host: str, message: bytes = INVITE, *, a_second: float = 0.0, seconds: float = 1.0) -> int:
        """Return how many messages pass; a_second: so many for some seconds, 0: one, now."""
        if not a_second:
            return int(self.gate.admit(host, message, now=self.now))
        passed = 0
        for _ in range(round(a_second * seconds)):
            self.now += 1 / a_second
            passed += self.gate.admit(host, message, now=self.now)
        return passed


@pytest.fixture
def door() -> Callable[..., Door]:
    """Make a door: `door(requests=5)`."""
    return lambda **settings: Door(GateSettings(**settings))
