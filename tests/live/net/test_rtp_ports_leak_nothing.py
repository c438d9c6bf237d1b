"""Sockets opened and closed 10 000 times leave no descriptor behind, and a port in use elsewhere is passed over."""

import asyncio
import os
import socket
from collections.abc import Callable

import pytest

from softswitch.errors import ResourceError
from softswitch.net import loop
from softswitch.net.rtp_socket import RtpPorts


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def free_range(pairs: int) -> tuple[int, int]:
    """Find a range of ports that nobody uses now."""
    for first in range(30000, 59000, 2 * pairs):
        held = []
        try:
            for port in range(first, first + 2 * pairs):
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind(("127.0.0.1", port))
        except OSError:
            continue
        else:
            return first, first + 2 * pairs - 1
        finally:
            for item in held:
                item.close()
    raise AssertionError("no free range of ports")


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the switch's clock."""

    def at(now: float) -> None:
        monkeypatch.setattr("softswitch.clock.now", lambda: now)

    return at


def test_opened_and_closed_ten_thousand_times_leaks_nothing(clock_at: Callable[[float], None]) -> None:
    before = descriptors()
    ports = RtpPorts("127.0.0.1", *free_range(40), quiet_seconds=2.0)
    now = 0.0
    clock_at(now)
    for index in range(10_000):
        opened = ports.open()
        opened.close()
        if index % 30 == 29:
            now += 2.0
            clock_at(now)
            ports.sweep()
    assert ports.sockets == ports.pool.quarantined <= 30
    clock_at(now + 2.0)
    ports.sweep()
    assert (ports.sockets, ports.pool.free) == (0, 40)
    assert descriptors() == before
    ports.close()


def test_a_port_rests_until_its_old_peer_is_quiet() -> None:
    async def main() -> None:
        before = descriptors()
        ports = RtpPorts("127.0.0.1", *free_range(1), quiet_seconds=0.6)
        opened = ports.open()
        address = (opened.host, opened.port)
        opened.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for _ in range(20):
                peer.sendto(b"late", address)
                await asyncio.sleep(0.1)
            with pytest.raises(ResourceError, match="1 waiting until their old peers are quiet"):
                ports.open()
        await asyncio.sleep(1.5)  # swept by its own timer
        assert ports.sockets == 0
        assert ports.counts["late_packets"] >= 15
        again = ports.open()
        assert (again.host, again.port) == address
        assert again.read() == []
        ports.close()
        assert descriptors() == before

    loop.run(main())


def test_a_port_that_another_program_holds_is_passed_over() -> None:
    first, last = free_range(3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first))
        ports = RtpPorts("127.0.0.1", first, last)
        assert [ports.open().port, ports.open().port] == [first + 2, first + 4]
        with pytest.raises(ResourceError, match="held by other programs|in use"):
            ports.open()
    assert ports.open().port == first
    ports.close()


def test_an_address_that_is_not_ours_is_a_sentence() -> None:
    ports = RtpPorts("192.0.2.1", 30000, 30003)
    with pytest.raises(ResourceError, match=r"^RTP 192\.0\.2\.1:30000 is not an address of this machine; .*--rtp"):
        ports.open()
    assert ports.pool.free == 2
    with pytest.raises(ResourceError, match="is not an IP address"):
        RtpPorts("example.com", 30000, 30003)


def test_two_switches_with_one_range_do_not_starve_each_other() -> None:
    first, last = free_range(400)
    one, other = (RtpPorts("127.0.0.1", first, last, quiet_seconds=0.0) for _ in range(2))
    opened = [one.open() for _ in range(150)]
    opened += [other.open() for _ in range(150)]
    assert len({item.port for item in opened}) == 300
    for item in opened:
        item.close()
    one.close()
    other.close()


def test_a_flood_to_a_whole_range_takes_no_port_away(clock_at: Callable[[float], None]) -> None:
    before = descriptors()
    first, last = free_range(4)
    ports = RtpPorts("127.0.0.1", first, last, quiet_seconds=2.0)
    clock_at(0.0)
    for opened in [ports.open() for _ in range(4)]:
        opened.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooder:
        for second in range(40):
            for port in range(first, last, 2):
                flooder.sendto(b"x" * 100, ("127.0.0.1", port))
            clock_at(float(second))
            ports.sweep()
        assert (ports.pool.free, ports.pool.quarantined) == (0, 4)
        taken = [ports.open() for _ in range(4)]
        assert sorted(one.port for one in taken) == list(range(first, last, 2))
        assert not any(one.read() for one in taken), "what was sent before belongs to nobody"
        assert ports.counts["reclaimed_ports"] == 4
    with pytest.raises(ResourceError):
        ports.open()
    ports.close()
    assert descriptors() == before
