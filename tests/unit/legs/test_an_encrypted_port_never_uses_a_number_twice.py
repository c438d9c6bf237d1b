"""The port of an encrypted leg, over a socket that is none: keys, their counters, and who may shake hands."""

import datetime
import struct
from typing import Any

import pytest

from softswitch import clock
from softswitch.legs.secured import Keyring, Secured
from softswitch.rtp.dtls import Handshake, Identity
from softswitch.rtp.srtp import PROFILES, SrtpReceiver, SrtpSender
from softswitch.sdp.fingerprint import Fingerprint
from softswitch.sdp.protection import Dtls, Sdes

CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
PEER, STRANGER = ("192.0.2.7", 4000), ("198.51.100.9", 4000)
PHONE = Identity(wall=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
ALL = tuple(PROFILES)


class Wire:
    """Stands where the RTP socket stands: what is to be read, and what was sent where."""

    def __init__(self) -> None:
        self.arriving: list[tuple[bytes, tuple[str, int], float]] = []
        self.sent: list[tuple[bytes, tuple[str, int]]] = []

    def read(self) -> list[tuple[bytes, tuple[str, int], float]]:
        arrived, self.arriving = self.arriving, []
        return arrived

    def send(self, data: bytes, address: tuple[str, int]) -> bool:
        self.sent.append((data, address))
        return True


class Port:
    """An encrypted port of ours, and what became of it."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.failed: list[str] = []
        self.keyring = Keyring()
        self.secured = Secured("leg", self.wire, self.keyring, self.failed.append)  # type: ignore[arg-type]

    def follow(self, agreed: Sdes | Dtls, remote: tuple[str, int] = PEER) -> None:
        self.secured.follow(agreed, remote, "192.0.2.7", receiving=True)

    def hears(self, *datagrams: bytes, source: tuple[str, int] = PEER) -> list[bytes]:
        self.wire.arriving.extend((data, source, clock.now()) for data in datagrams)
        return [data for data, _, _ in self.secured.read()]


@pytest.fixture
def port() -> Port:
    return Port()


def packet(sequence: int) -> bytes:
    return struct.pack("!HHII", 0x8000, sequence, sequence * 160, 1) + bytes(160)


def sdes(letter: str, suite: str = CM, ours: bytes = b"") -> Sdes:
    length = 30 if suite == CM else 28
    return Sdes(1, suite, ours or b"o" * length, letter.encode() * length)


def handshake(*, fingerprint: Fingerprint | None = None, active: bool = False) -> Dtls:
    return Dtls((fingerprint or Fingerprint("sha-256", PHONE.digest("sha-256")),), active, ALL)


def test_the_counter_of_a_key_goes_on_when_suites_come_and_go(port: Port) -> None:
    port.follow(sdes("a"))
    assert port.secured.send(packet(5), PEER)
    port.follow(sdes("b", GCM))
    assert port.secured.send(packet(5), PEER), "another key may use the number"
    port.follow(sdes("c"))
    assert not port.secured.send(packet(5), PEER), "two packets under one key and number lay both open"
    assert port.secured.send(packet(6), PEER)
    port.follow(sdes("c", ours=b"n" * 30))
    assert port.secured.send(packet(5), PEER)
    assert len(port.wire.sent) == 4


def test_a_peer_that_keeps_its_key_keeps_its_counter(port: Port) -> None:
    sender = SrtpSender(CM, b"a" * 30)
    first, second = (sender.protect(packet(number)) or b"" for number in (1, 2))
    port.follow(sdes("a"))
    assert port.hears(first) == [packet(1)]
    port.follow(sdes("a", ours=b"n" * 30))
    assert port.hears(first, second) == [packet(2)], "what was heard is not heard again"
    assert (port.secured.replayed, port.secured.forged) == (1, 0)
    port.follow(sdes("b"))
    assert port.hears(second) == [] and (port.secured.replayed, port.secured.forged) == (1, 1)


def shake(port: Port, phone: Handshake, source: tuple[str, int] = PEER) -> None:
    for _ in range(4):
        port.hears(*phone.drain(), source=source)
        while port.wire.sent:
            data, address = port.wire.sent.pop(0)
            assert address == source
            phone.receive(data, now=0.0)


def phone_for(port: Port, *, active: bool = True) -> Handshake:
    ours = [("sha-256", port.keyring.identity.digest("sha-256"))]
    return Handshake(PHONE, active=active, suites=ALL, expected=ours, now=0.0)


@pytest.mark.parametrize("active", [True, False])
def test_a_handshake_brings_keys(port: Port, active: bool) -> None:
    port.follow(handshake(active=not active))
    port.secured.read()
    phone = phone_for(port, active=active)
    shake(port, phone)
    assert phone.keys and port.secured.suite == phone.keys.suite and not port.failed
    sealed = SrtpSender(phone.keys.suite, phone.keys.ours).protect(packet(1)) or b""
    assert port.hears(sealed) == [packet(1)]
    assert port.secured.send(packet(9), PEER)
    opened = SrtpReceiver(phone.keys.suite, phone.keys.theirs).unprotect(port.wire.sent[-1][0])
    assert opened == packet(9)


def test_before_there_are_keys_nothing_is_sent_and_nothing_heard(port: Port) -> None:
    port.follow(handshake())
    assert not port.secured.send(packet(1), PEER)
    assert port.hears(packet(1), packet(2)) == []
    assert port.secured.early == 2 and port.wire.sent == []


def test_who_calls_from_elsewhere_may_not_shake_hands(port: Port) -> None:
    port.follow(handshake())
    phone = phone_for(port)
    port.hears(*phone.drain(), source=STRANGER)
    assert port.wire.sent == [], "not a word to whom nobody has named"
    shake(port, phone_for(port), source=("192.0.2.7", 5555))  # behind a NAT the port may be another
    assert port.secured.suite


def test_the_wrong_certificate_fails_once_and_says_why(port: Port) -> None:
    port.follow(handshake(fingerprint=Fingerprint("sha-256", bytes(32))))
    shake(port, phone_for(port))
    port.hears(packet(1))
    assert len(port.failed) == 1 and "another fingerprint" in port.failed[0] and "192.0.2.7:4000" in port.failed[0]
    assert not port.secured.send(packet(1), PEER)


def test_once_there_are_keys_no_handshake_takes_them_away(port: Port) -> None:
    port.follow(handshake())
    phone = phone_for(port)
    shake(port, phone)
    assert phone.keys
    sender = SrtpSender(phone.keys.suite, phone.keys.ours)
    forger = Handshake(
        Identity(wall=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
        active=True, suites=ALL, expected=[("sha-256", port.keyring.identity.digest("sha-256"))], now=0.0,
    )  # fmt: skip
    shake(port, forger)
    assert not port.failed and port.hears(sender.protect(packet(3)) or b"") == [packet(3)]


def test_a_flood_of_hellos_is_answered_so_often_and_no_more(port: Port) -> None:
    port.follow(handshake())
    shake(port, phone_for(port))
    for _ in range(600):
        [hello] = phone_for(port).drain()
        broken = hello[:14] + bytes(len(hello) - 14)  # it ends at once, and another may begin
        port.hears(broken)
    assert port.secured._again <= 200 and not port.failed


def test_the_certificate_is_made_once(port: Port) -> None:
    port.keyring.prepare()
    assert port.keyring.identity is port.keyring.identity


def test_no_key_is_printed(port: Port) -> None:
    port.follow(sdes("a"))
    values: list[Any] = [port.secured, port.secured._sender, port.secured._receiver, port.secured._agreed]
    assert not [value for value in values if "aaaa" in repr(value) or "oooo" in repr(value)]
