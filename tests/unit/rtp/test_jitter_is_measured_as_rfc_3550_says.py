"""Interarrival jitter, section 6.4.1 and appendix A.8, against the appendix's own few lines."""

import random
from typing import Any


def test_jitter_follows_the_appendix(kit: Any) -> None:
    stream, talker, chance = kit.stream(), kit.Talker(marker=False), random.Random(2)
    jitter, before = 0.0, None
    for i in range(500):
        arrived = 100 + i * 0.020 + chance.random() * 0.018
        stream.receive(talker.packet(), kit.PEER, arrived, now=arrived)
        stream.take(arrived)
        transit = arrived * 8000 - i * 160
        if before is not None:
            jitter += (abs(transit - before) - jitter) / 16
        before = transit
        assert abs(stream.stats.jitter_ms - jitter / 8) < 1e-6
    assert 4.0 < stream.stats.jitter_ms < 8.0


def test_silence_and_keys_are_no_jitter(kit: Any) -> None:
    stream, talker = kit.stream(), kit.Talker()
    for i in range(200):
        now = 100 + i * 0.020
        if i == 100:
            talker.place += 800_000
        arrived = now + (100.0 if i >= 100 else 0.0)
        stream.receive(talker.packet(), kit.PEER, arrived, now=arrived)
        event = kit.HEADER.pack(0x8000 | 101, talker.sequence & 0xFFFF, 77, talker.ssrc) + b"\x01\x0a\x00\xa0"
        talker.sequence += 1
        stream.receive(event, kit.PEER, arrived, now=arrived)
    assert stream.stats.jitter_ms < 0.01
