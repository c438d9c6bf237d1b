"""The reports of a leg on their way: one port or two, encrypted or not, and nobody but the peer is believed."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from softswitch.legs.media_control import MediaControl
from softswitch.rtp.packet import HEADER
from softswitch.rtp.profile import Profile
from softswitch.rtp.rtcp import Block, Bye, ReceiverReport, SenderReport, compound, parse
from softswitch.rtp.srtp import SrtpReceiver, SrtpSender
from softswitch.rtp.stream import RtpStream
from softswitch.sdp.control import Control

PEER = ("192.0.2.7", 4000)
BESIDE = ("192.0.2.7", 4001)
STRANGER = ("203.0.113.9", 4001)
SUITE, SECRET = "AES_CM_128_HMAC_SHA1_80", bytes(range(30))
SSRC = 0x12345678


@dataclass
class Socket:
    """A socket whose datagrams a test brings and takes."""

    port: int
    waiting: list[tuple[bytes, tuple[str, int], float]] = field(default_factory=list)
    sent: list[tuple[bytes, tuple[str, int]]] = field(default_factory=list)
    closed: bool = False

    def read(self, limit: int = 32) -> list[tuple[bytes, tuple[str, int], float]]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def send(self, data: bytes, address: tuple[str, int]) -> bool:
        self.sent.append((data, address))
        return True

    def close(self) -> None:
        self.closed = True


class Ports:
    """Opens the upper ports."""

    def __init__(self) -> None:
        self.opened: list[Socket] = []

    def open_beside(self, port: int) -> Socket:
        self.opened.append(Socket(port + 1))
        return self.opened[-1]


class Ciphers:
    """Encrypts reports as an encrypted leg does."""

    def __init__(self) -> None:
        self.sender, self.receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)

    def seal(self, report: bytes) -> bytes | None:
        return self.sender.protect_rtcp(report)

    def opened(self, report: bytes) -> bytes | None:
        return self.receiver.unprotect_rtcp(report)


class Leg:
    """A stream that has heard its peer for a moment, and its reports."""

    def __init__(self, *, mux: bool, ciphers: Any = None, apart: bool = True) -> None:
        self.ports, self.socket = Ports(), Socket(20_000)
        profile = Profile("PCMU", 0, 20, ((0, "PCMU"),))
        self.stream = RtpStream(profile, PEER, ssrc=SSRC, sequence=100, timestamp=0, now=0.0)
        for number in range(50):
            self.stream.receive(
                HEADER.pack(0x8000, number, number * 160, 7) + bytes(160), PEER, number / 50, now=number / 50
            )
            self.stream.packets(bytes(160), number / 50)
        ports: Any = self.ports
        socket: Any = self.socket
        self.control = MediaControl(ports, socket, self.stream, now=0.0)
        self.control.follow(Control(mux, PEER if mux else BESIDE), ciphers, apart=apart)

    def run(self, seconds: int) -> None:
        for second in range(1, seconds + 1):
            self.control.look(self.stream, now=float(second))


def said(loss: int) -> bytes:
    return compound([ReceiverReport(7, (Block(SSRC, 0, loss, 149),))])


def test_on_one_port_they_are_told_from_sound() -> None:
    leg = Leg(mux=True)
    leg.stream.receive(said(5), PEER, 1.0, now=1.0)
    leg.run(10)
    assert leg.control.reports.heard is not None
    assert leg.control.reports.heard.loss_percent == 10.0
    assert not leg.ports.opened, "a second port is open that nobody needs"
    assert leg.socket.sent and {address for _, address in leg.socket.sent} == {PEER}
    first = parse(leg.socket.sent[0][0])[0]
    assert isinstance(first, SenderReport) and first.packets == 50
    assert first.blocks[0][:4] == (7, 0, 0, 49)


def test_on_one_port_a_stranger_is_not_believed() -> None:
    leg = Leg(mux=True)
    leg.stream.receive(said(50), STRANGER, 1.0, now=1.0)
    leg.run(2)
    assert leg.control.reports.heard is None
    assert leg.control.heard_at is None


def test_a_port_of_their_own_is_open_where_the_peer_has_one() -> None:
    leg = Leg(mux=False)
    [beside] = leg.ports.opened
    assert beside.port == 20_001
    beside.waiting = [(said(50), STRANGER, 1.0), (b"\x80", BESIDE, 1.0), (said(5), BESIDE, 1.0)]
    leg.run(10)
    assert leg.control.reports.heard is not None and leg.control.reports.heard.lost == 5
    assert (leg.control.foreign, leg.control.reports.bad) == (1, 1)
    assert not leg.socket.sent
    assert {address for _, address in beside.sent} == {BESIDE}


def test_reports_follow_a_nat_to_where_the_peers_come_from() -> None:
    leg = Leg(mux=False)
    [beside] = leg.ports.opened
    beside.waiting = [(said(0), (PEER[0], 61_234), 1.0)]
    leg.run(10)
    assert {address for _, address in beside.sent} == {(PEER[0], 61_234)}


def test_a_flood_of_reports_is_read_no_faster_than_any_peer_speaks() -> None:
    leg = Leg(mux=False)
    [beside] = leg.ports.opened
    beside.waiting = [(said(1), BESIDE, 1.0)] * 1000
    leg.run(10)
    assert leg.control.reports.received <= 80
    for _ in range(1000):
        leg.stream.receive(said(1), PEER, 1.0, now=1.0)
    assert len(leg.stream.reports) <= 8


@pytest.mark.parametrize("mux", [True, False])
def test_on_an_encrypted_leg_they_are_encrypted(mux: bool) -> None:
    leg, theirs = Leg(mux=mux, ciphers=Ciphers()), Ciphers()
    if not mux:
        sealed = theirs.seal(said(5))
        assert sealed is not None
        leg.ports.opened[0].waiting = [(said(50), BESIDE, 1.0), (sealed, BESIDE, 1.0)]
    leg.run(10)
    [data, *_] = [data for data, _ in (leg.socket if mux else leg.ports.opened[0]).sent]
    opened = theirs.opened(data)
    assert opened is not None and isinstance(parse(opened)[0], SenderReport)
    if not mux:
        assert leg.control.reports.heard is not None and leg.control.reports.heard.lost == 5
        assert leg.control.foreign == 1, "what was not encrypted is nobody's"


def test_where_a_handshake_makes_the_keys_there_is_no_second_port() -> None:
    leg = Leg(mux=False, ciphers=Ciphers(), apart=False)
    leg.run(10)
    assert not leg.ports.opened and not leg.socket.sent


def test_the_end_is_a_farewell_and_a_closed_port() -> None:
    leg = Leg(mux=False)
    leg.run(10)
    leg.control.close(leg.stream, now=11.0)
    [beside] = leg.ports.opened
    assert parse(beside.sent[-1][0])[-1] == Bye((SSRC,))
    assert beside.closed


def test_who_changes_to_one_port_gives_the_other_back() -> None:
    leg = Leg(mux=False)
    leg.control.follow(Control(True, PEER), None, apart=True)
    leg.run(10)
    assert leg.ports.opened[0].closed
    assert {address for _, address in leg.socket.sent} == {PEER}
