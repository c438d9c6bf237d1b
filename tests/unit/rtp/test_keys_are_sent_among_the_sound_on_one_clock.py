"""RFC 4733 sending, and both ends of it over a bad wire."""

from typing import Any

import pytest

from softswitch.errors import LocalError
from softswitch.rtp.packet import parse
from softswitch.rtp.profile import KeyPressed, KeysSent, Profile

SOUND = bytes(160)


def run(stream: Any, ticks: int, payload: bytes | None = SOUND, start: int = 0) -> list[tuple[int, Any]]:
    """Return (tick, packet) of everything sent."""
    return [(tick, parse(d)) for tick in range(start, start + ticks) for d in stream.packets(payload, 5 + tick * 0.020)]


@pytest.mark.parametrize("payload", [SOUND, None])
def test_two_keys_packet_by_packet(kit: Any, payload: bytes | None) -> None:
    stream = kit.stream()
    run(stream, 10)
    stream.send_digits("1#", on_ms=100, off_ms=60)
    sent = run(stream, 30, payload, start=10)
    clock = {tick: (0xFFFFFF00 + tick * 160) & 0xFFFFFFFF for tick in range(40)}
    keys = [(tick, p) for tick, p in sent if p.payload_type == 101]
    for key, first in ((1, 10), (11, 18)):
        event = [(tick, p) for tick, p in keys if first <= tick < first + 8]
        assert [tick for tick, _ in event] == list(range(first, first + 7))
        assert [p.timestamp for _, p in event] == [clock[first]] * 7
        assert [p.marker for _, p in event] == [True] + [False] * 6
        assert [p.payload for _, p in event] == [
            bytes((key, 10 | (0x80 if n >= 4 else 0))) + (min(n + 1, 5) * 160).to_bytes(2) for n in range(7)
        ]
    if payload:
        audio = [(tick, p) for tick, p in sent if p.payload_type == 0]
        assert [tick for tick, _ in audio] == list(range(26, 40))
        assert [p.timestamp for _, p in audio] == [clock[tick] for tick in range(26, 40)]
        assert [p.marker for _, p in audio] == [True] + [False] * 13
    assert [p.sequence for _, p in sent] == [(65530 + 10 + n) & 0xFFFF for n in range(len(sent))]
    assert stream.drain() == [KeysSent()]


def test_forgotten_keys_are_not_sent_but_the_present_one_ends(kit: Any) -> None:
    stream = kit.stream()
    stream.send_digits("123")
    stream.stop_digits()
    assert stream.drain() == [KeysSent()]
    assert all(p.payload_type == 0 for _, p in run(stream, 5))
    stream.send_digits("123")
    run(stream, 2, start=5)
    stream.stop_digits()
    keys = [p for _, p in run(stream, 40, start=7) if p.payload_type == 101]
    assert {p.payload[0] for p in keys} == {1} and sum(p.payload[1] >> 7 for p in keys) == 3
    assert stream.drain() == [KeysSent()]


def test_what_cannot_be_sent_is_our_own_fault(kit: Any) -> None:
    stream = kit.stream()
    for digits, times in (("12w", {}), ("é", {}), ("1", {"on_ms": 20}), ("1", {"off_ms": 0}), ("1" * 2000, {})):
        with pytest.raises(LocalError):
            stream.send_digits(digits, **times)
    stream.send_digits("")
    assert [p.payload_type for _, p in run(stream, 3)] == [0, 0, 0]
    with pytest.raises(LocalError):
        kit.stream(Profile("PCMU", 0, 20, ((0, "PCMU"),))).send_digits("1")


def test_keys_are_over_when_the_peer_takes_them_no_more(kit: Any) -> None:
    stream = kit.stream()
    stream.send_digits("123")
    run(stream, 3)
    stream.redirect(kit.PEER, Profile("PCMU", 0, 20, ((0, "PCMU"),)), now=6.0)
    assert stream.drain() == [KeysSent()]
    assert {p.payload_type for _, p in run(stream, 20, start=3)} == {0}


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.2])
def test_digits_arrive_once_and_in_order_over_a_bad_wire(kit: Any, loss: float) -> None:
    sender, receiver = kit.stream(), kit.stream()
    wire = kit.Wire(seed=11, loss=loss, jitter=0.060, duplicate=0.05)
    digits = "0123456789*#ABCD" * 4 + "1111222233334444"
    sender.send_digits(digits)
    pressed = ""
    for tick in range(1000):
        now = tick * 0.020
        for data in sender.packets(SOUND, now):
            wire.send(data, now)
        kit.hear(receiver, wire, now + 0.001)
        pressed += "".join(event.digit for event in receiver.drain() if isinstance(event, KeyPressed))
    assert pressed == digits
    assert sender.drain() == [KeysSent()]
