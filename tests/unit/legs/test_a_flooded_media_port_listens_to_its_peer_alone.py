"""When the socket is closed to strangers, and when it opens again: so many a second, and so long a silence."""

import pytest

from softswitch.legs.media_flood import FLOOD_PACKETS, SILENCE_SECONDS, MediaFlood

PEER = ("192.0.2.7", 4000)


class FakeSocket:
    """As much of a socket as the watch looks at."""

    def __init__(self) -> None:
        self.received = 0
        self.only: tuple[str, int] | None = None
        self.able = True

    def listen_only(self, source: tuple[str, int] | None) -> bool:
        if self.able:
            self.only = source
        return self.able


class FakeStream:
    """As much of a stream as the watch looks at."""

    def __init__(self) -> None:
        self.received = 0
        self.heard_at: float | None = 0.0
        self.source: tuple[str, int] | None = PEER

    def locked(self, *, now: float) -> tuple[str, int] | None:
        return self.source


class Second:
    """A leg whose seconds are told one by one."""

    def __init__(self) -> None:
        self.socket, self.stream, self.now = FakeSocket(), FakeStream(), 0.0
        self.flood = MediaFlood("leg", self.socket)  # type: ignore[arg-type]

    def passes(self, *, useful: int = 50, useless: int = 0) -> tuple[str, int] | None:
        self.now += 1.0
        self.socket.received += useful + useless
        self.stream.received += useful
        if useful:
            self.stream.heard_at = self.now
        self.flood.look(self.stream, now=self.now)  # type: ignore[arg-type]
        return self.socket.only


def test_a_few_strays_close_nothing() -> None:
    leg = Second()
    assert [leg.passes(useless=FLOOD_PACKETS) for _ in range(20)] == [None] * 20


def test_a_flood_closes_the_port_and_the_end_of_it_does_not_open_it() -> None:
    leg = Second()
    assert leg.passes(useless=FLOOD_PACKETS + 1) == PEER
    assert [leg.passes() for _ in range(60)] == [PEER] * 60


def test_a_peer_that_is_silent_for_long_may_come_from_elsewhere() -> None:
    leg = Second()
    leg.passes(useless=1000)
    seen = [leg.passes(useful=0) for _ in range(int(SILENCE_SECONDS) + 2)]
    assert seen == [PEER] * int(SILENCE_SECONDS) + [None] * 2


def test_nothing_is_closed_while_nobody_is_locked_on() -> None:
    leg = Second()
    leg.stream.source = None
    assert leg.passes(useless=5000) is None


def test_another_description_opens_it() -> None:
    leg = Second()
    leg.passes(useless=1000)
    leg.flood.open()
    assert leg.socket.only is None


@pytest.mark.parametrize("times", [1, 5])
def test_where_the_kernel_cannot_nothing_is_lost(times: int) -> None:
    leg = Second()
    leg.socket.able = False
    assert [leg.passes(useless=1000) for _ in range(times)] == [None] * times
