"""RFC 4733 receiving: the timestamp tells presses apart; first, last or most of their packets may be missing."""

import random
import struct
from typing import Any

import pytest

from softswitch.rtp.dtmf import KEYS, EventReceiver
from softswitch.rtp.profile import KeyPressed, Profile

EVENT = struct.Struct("!BBH")


def press(key: str, timestamp: int, steps: int = 5, ends: int = 3) -> list[tuple[int, bytes, bool]]:
    """Return (timestamp, payload, marker) of every packet of one press."""
    code = KEYS.index(key)
    durations = [(step * 160, 0) for step in range(1, steps)] + [(steps * 160, 0x80)] * ends
    return [
        (timestamp & 0xFFFFFFFF, EVENT.pack(code, flags | 10, duration), index == 0)
        for index, (duration, flags) in enumerate(durations)
    ]


def heard(packets: list[tuple[int, bytes, bool]]) -> str:
    receiver = EventReceiver()
    return "".join(
        key for timestamp, payload, marker in packets if (key := receiver.hear(timestamp, payload, marker=marker))
    )


def test_every_key_is_known() -> None:
    assert heard([packet for n, key in enumerate(KEYS) for packet in press(key, n * 2000)]) == KEYS


@pytest.mark.parametrize("kept", [slice(0, 1), slice(1, 5), slice(5, 7), slice(6, 7), slice(2, 4), slice(0, 7)])
def test_any_one_packet_of_a_press_is_enough(kept: slice) -> None:
    packets = [packet for n in range(20) for packet in press("55*5"[n % 4], 0xFFFFF000 + n * 1440)[kept]]
    assert heard(packets) == "55*5" * 5


def test_the_marker_does_not_matter() -> None:
    digits = "1122334455"
    packets = [packet for n, key in enumerate(digits) for packet in press(key, n * 1440)]
    assert heard([(timestamp, payload, False) for timestamp, payload, _ in packets]) == digits
    assert heard([(timestamp, payload, True) for timestamp, payload, _ in packets]) == digits


@pytest.mark.parametrize("seed", range(20))
def test_loss_duplicates_and_reordering_press_nothing_twice(seed: int) -> None:
    chance = random.Random(seed)
    digits = "".join(chance.choice(KEYS) for _ in range(40))
    arrivals = []
    for n, key in enumerate(digits):
        for index, packet in enumerate(press(key, 0xFFFFA000 + n * 1440)):
            if chance.random() >= 0.2:
                for _ in range(chance.choice((1, 1, 2))):
                    arrivals.append((n * 0.180 + index * 0.020 + chance.random() * 0.060, len(arrivals), packet))
    assert heard([packet for _, _, packet in sorted(arrivals)]) == digits


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_a_press_longer_than_a_segment_is_one_press(kept: float) -> None:
    """20 s of one key: RFC 4733 section 2.5.1.3 begins a new segment, with a new timestamp, every 8.19 s."""
    chance = random.Random(3)
    packets: list[tuple[int, bytes, bool]] = []
    for segment in range(3):
        begun = 0xFFFFF000 + segment * 0xFFFF
        durations = [*range(160, 0xFFFF, 160), 0xFFFF] if segment < 2 else [*range(160, 30_000, 160)]
        packets += [(begun & 0xFFFFFFFF, EVENT.pack(5, 10, d), segment == 0 and not i) for i, d in enumerate(durations)]
    packets += [((0xFFFFF000 + 2 * 0xFFFF) & 0xFFFFFFFF, EVENT.pack(5, 0x8A, 30_000), False)] * 3
    packets += press("5", 0xFFFFF000 + 4 * 0xFFFF)
    assert heard([packet for packet in packets if chance.random() < kept]) == "55"


def test_a_sender_that_moves_the_timestamp_with_every_packet_presses_once() -> None:
    packets = []
    for n, key in enumerate("7733"):
        for index, (timestamp, payload, _) in enumerate(press(key, n * 1600)):
            packets.append((timestamp + min(index, 4) * 160, payload, index == 0))
    assert heard(packets) == "7733"


def test_what_is_no_key_presses_nothing() -> None:
    receiver = EventReceiver()
    for payload in (b"", b"\x01", b"\x01\x0a\x00", EVENT.pack(16, 10, 160), EVENT.pack(255, 10, 160)):
        assert receiver.hear(1, payload) is None
    assert receiver.hear(1, EVENT.pack(1, 10, 160)) == "1"


def test_the_payload_type_may_change_within_a_press(kit: Any) -> None:
    """A renegotiation moves telephone-event to another number while a key is down: it is still one press."""
    stream = kit.stream()
    for index, (timestamp, payload, marker) in enumerate(press("8", 1000, steps=20)):
        number = 101 if index < 10 else 97
        if index == 10:
            stream.redirect(kit.PEER, Profile("PCMA", 8, 20, ((8, "PCMA"),), 97, (97,)), now=1.0)
        word = 0x8000 | 0x80 * marker | number
        stream.receive(kit.HEADER.pack(word, index, timestamp, 5) + payload, kit.PEER, 1.0, now=1.0)
    assert [event for event in stream.drain() if isinstance(event, KeyPressed)] == [KeyPressed("8")]


def test_a_flood_of_keys_is_bounded(kit: Any) -> None:
    stream = kit.stream()
    for index in range(1000):
        data = kit.HEADER.pack(0x8000 | 101, index, index * 1000, 5) + EVENT.pack(1, 10, 160)
        stream.receive(data, kit.PEER, 1.0, now=1.0)
    assert len(stream.events) <= 64
