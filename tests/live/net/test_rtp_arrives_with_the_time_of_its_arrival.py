"""A read long after the packet came gives the time at which it came, never one that is impossible."""

import socket
import time
from collections.abc import Iterator

import pytest

from softswitch import clock
from softswitch.net import rtp_socket
from softswitch.net.rtp_socket import FRESH_SECONDS, RtpPorts, RtpSocket


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[RtpSocket, RtpSocket]]:
    ports = RtpPorts(request.param, 30000, 59999)
    opened = ports.open(), ports.open()
    # The kernel begins to stamp a moment after the first socket of the machine asks for it, by a job in the background;
    # a datagram that comes earlier is stamped when it is read.
    time.sleep(0.2)
    yield opened
    ports.close()


def test_rtp_arrives_with_the_time_of_its_arrival(pair: tuple[RtpSocket, RtpSocket]) -> None:
    ours, theirs = pair
    assert ours.read() == []
    before = time.monotonic()
    assert theirs.send(b"one", (ours.host, ours.port))
    time.sleep(0.05)
    assert theirs.send(b"two", (ours.host, ours.port))
    after = time.monotonic()
    time.sleep(0.05)
    (one, source, first), (two, _, second) = ours.read()
    assert (one, two) == (b"one", b"two")
    assert source == (theirs.host, theirs.port)
    assert before - 0.002 <= first <= second <= after + 0.002
    assert 0.045 <= second - first
    assert (ours.received, theirs.sent) == (2, 2)
    assert ours.read() == []


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_step_of_the_wall_clock_moves_no_arrival_out_of_its_read(
    pair: tuple[RtpSocket, RtpSocket], step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pair
    ours.read()
    before = time.monotonic()
    theirs.send(b"x", (ours.host, ours.port))
    time.sleep(0.02)
    monkeypatch.setattr(clock, "wall_seconds", lambda: time.time() + step)
    ((_, _, arrived),) = ours.read()
    assert before - 0.001 <= arrived <= time.monotonic()


def test_a_flood_is_read_in_bounded_portions(pair: tuple[RtpSocket, RtpSocket]) -> None:
    ours, theirs = pair
    for index in range(50):
        theirs.send(bytes([index]), (ours.host, ours.port))
    time.sleep(2 * FRESH_SECONDS)  # what has just come is left for the next tick
    assert [data[0] for data, _, _ in ours.read()] == list(range(32))
    assert [data[0] for data, _, _ in ours.read(limit=5)] == list(range(32, 37))
    for _ in range(20_000):  # more than the buffer holds: the kernel drops, nothing grows
        theirs.send(bytes(172), (ours.host, ours.port))
    time.sleep(2 * FRESH_SECONDS)
    waiting = 0
    while portion := ours.read():
        waiting += len(portion)
    assert 50 <= waiting <= 1000


def test_what_is_left_for_the_next_read_keeps_the_time_of_its_arrival(
    pair: tuple[RtpSocket, RtpSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtp_socket, "FRESH_SECONDS", 0.5)  # so that a busy machine is not too slow for the test
    ours, theirs = pair
    ours.read()
    before = time.monotonic()
    for data in (b"one", b"two", b"three"):
        theirs.send(data, (ours.host, ours.port))
    after = time.monotonic()
    time.sleep(0.01)
    ((first, _, _),) = ours.read()
    time.sleep(0.6)
    (second, _, at_second), (third, _, at_third) = ours.read()
    assert (first, second, third) == (b"one", b"two", b"three")
    assert before - 0.001 <= at_second <= at_third <= after + 0.001


def test_without_stamps_everything_is_read_at_once(
    pair: tuple[RtpSocket, RtpSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtp_socket, "_ANCILLARY_BYTES", 0)
    ours, theirs = pair
    for index in range(3):
        theirs.send(bytes([index]), (ours.host, ours.port))
    before = time.monotonic()
    datagrams = ours.read()
    assert [data[0] for data, _, _ in datagrams] == [0, 1, 2]
    assert all(before <= arrived <= time.monotonic() for _, _, arrived in datagrams)


def test_empty_and_oversized_datagrams_do_no_harm(pair: tuple[RtpSocket, RtpSocket]) -> None:
    ours, theirs = pair
    for data in (b"", bytes(1500), bytes(1501), bytes(9000), b"", b"last"):
        theirs.send(data, (ours.host, ours.port))
    time.sleep(2 * FRESH_SECONDS)
    assert [len(data) for data, _, _ in ours.read()] == [0, 1500, 0, 4]


def test_what_cannot_be_sent_is_counted_and_never_raised(pair: tuple[RtpSocket, RtpSocket]) -> None:
    ours, _ = pair
    other_family = "127.0.0.1" if ":" in ours.host else "::1"
    refused = [("example.com", 4000), (ours.host, 0), (ours.host, 70000), (ours.host, -1), ("", 1), ("a\0b", 5)]
    for address in [*refused, (other_family, 4000)]:
        assert ours.send(b"x", address) is False
    with socket.socket(socket.AF_INET6 if ":" in ours.host else socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((ours.host, 0))
        nobody = gone.getsockname()[:2]
    for _ in range(3):
        ours.send(b"x", nobody)
    assert ours.send(bytes(70_000), nobody) is False
    assert ours.send_errors == len(refused) + 2
    assert ours.read() == []


def test_a_closed_socket_reads_and_sends_nothing(pair: tuple[RtpSocket, RtpSocket]) -> None:
    ours, theirs = pair
    assert ours.send(b"x", (theirs.host, theirs.port))
    ours.close()
    ours.close()
    assert ours.send(b"x", (theirs.host, theirs.port)) is False
    assert ours.read() == []
