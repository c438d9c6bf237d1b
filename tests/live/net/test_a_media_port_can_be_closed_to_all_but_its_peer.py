"""The kernel drops what comes from elsewhere, by address and by port, over IPv4 and IPv6, until told otherwise."""

import socket
from collections.abc import Iterator

import pytest

from softswitch.net import rtp_filter
from softswitch.net.rtp_socket import RtpPorts, RtpSocket


@pytest.fixture(params=["127.0.0.1", "::1"])
def ports(request: pytest.FixtureRequest) -> Iterator[RtpPorts]:
    made = RtpPorts(request.param, 42100, 42199, 0.0)
    yield made
    made.close()


def peer(host: str) -> socket.socket:
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(kind, socket.SOCK_DGRAM)
    made.bind((host, 0))
    return made


def heard(rtp: RtpSocket) -> list[bytes]:
    return [data for _ in range(4) for data, _, _ in rtp.read()]


def test_only_the_peer_is_heard(ports: RtpPorts) -> None:
    with peer(ports.host) as friend, peer(ports.host) as stranger:
        rtp = ports.open()
        assert rtp.listen_only(friend.getsockname()[:2])
        for _ in range(500):  # more than the socket holds: nothing of it may take room
            stranger.sendto(b"flood", (rtp.host, rtp.port))
        friend.sendto(b"hello", (rtp.host, rtp.port))
        assert heard(rtp) == [b"hello"]
        assert rtp.listen_only(None) and rtp.only is None
        stranger.sendto(b"later", (rtp.host, rtp.port))
        assert heard(rtp) == [b"later"]
        rtp.close()
        assert not rtp.listen_only(friend.getsockname()[:2])


def test_another_address_with_the_same_port_is_not_heard() -> None:
    ports = RtpPorts("0.0.0.0", 42200, 42299, 0.0)
    try:
        with peer("127.0.0.1") as friend, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", friend.getsockname()[1]))
            rtp = ports.open()
            assert rtp.listen_only(friend.getsockname())
            stranger.sendto(b"flood", ("127.0.0.1", rtp.port))
            friend.sendto(b"hello", ("127.0.0.1", rtp.port))
            assert heard(rtp) == [b"hello"]
    finally:
        ports.close()


def test_what_is_no_address_closes_nothing(ports: RtpPorts) -> None:
    rtp = ports.open()
    assert not rtp.listen_only(("example.com", 5))
    assert rtp_filter.program(("example.com", 5)) == b""
    with peer(ports.host) as friend:
        friend.sendto(b"hello", (rtp.host, rtp.port))
        assert heard(rtp) == [b"hello"]


def test_a_port_that_rests_hears_everybody_again(ports: RtpPorts) -> None:
    with peer(ports.host) as friend, peer(ports.host) as stranger:
        rtp = ports.open()
        rtp.listen_only(friend.getsockname()[:2])
        rtp.close()
        stranger.sendto(b"late", (rtp.host, rtp.port))
        ports.sweep()
        assert ports.counts["late_packets"] == 1
