"""Drift, jumps, other packet lengths, another source: in minutes of a tone no click (hours of it: tests/live/legs)."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from softswitch.rtp.packet import Packet
from tests.unit.legs.line import PEAK, Line, click, steady, talk, tone


@pytest.mark.parametrize("ppm", [200.0, -200.0])
def test_drift_is_followed_without_a_click(ppm: float) -> None:
    """Five minutes: three frames too many, or too few."""
    line = Line()
    talk(line, steady(ppm), range(15_000))
    jitter = line.stream._jitter
    assert (jitter.skipped_frames if ppm > 0 else jitter.grown) >= 1, "or the peer was not followed"
    assert line.empty <= 3 and jitter.late == 0
    assert line.stream.stats.delay_ms <= 90
    assert click(line.samples(5)) < 0.2


def test_any_packet_length_and_any_change_of_it() -> None:
    """10, 20, 30, 40, 60 ms in turn, on one clock: nothing is missing, nothing clicks."""

    def packets() -> Iterator[tuple[float, bytes]]:
        place = number = 0
        while True:
            count = (80, 160, 240, 320, 480, 160, 80)[number // 40 % 7]
            place += count
            # A packet is sent when its last sample was said.
            yield place / 8000, bytes(Packet(0, not number, number, place - count, 9, tone(place - count, count)))
            number += 1

    line = Line()
    talk(line, packets(), range(700))
    assert line.stream.stats.late == line.stream.stats.lost == 0
    assert line.empty <= 4 and click(line.samples(8)) < 0.2


@pytest.mark.parametrize("what", ["ssrc", "timestamp", "sequence", "all"])
def test_a_peer_that_begins_anew_is_joined(what: str) -> None:
    """A transfer at the far end: another SSRC, other numbers, another clock, and the tone in another phase."""

    def packets() -> Iterator[tuple[float, bytes]]:
        for number in range(1_000_000):
            turn = number // 100
            ssrc = 9 + turn if what in ("ssrc", "all") else 9
            sequence = number + (turn * 9000 if what in ("sequence", "all") else 0)
            timestamp = number * 160 + (turn * 1_000_000 if what in ("timestamp", "all") else 0)
            sound = tone(number * 160 + turn * 7, 160)
            yield number * 0.020, bytes(Packet(0, False, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, sound))

    line = Line()
    talk(line, packets(), range(900))
    assert line.empty <= 3 and line.stream.stats.bad <= 8
    assert click(line.samples(5)) < 0.2
    loud = np.abs(line.samples(5).reshape(-1, 160)).max(axis=1) > PEAK / 3
    assert loud.mean() > 0.98, "what is missing at each turn is concealed"


def test_duplicates_and_stragglers_are_not_heard_twice() -> None:
    def packets() -> Iterator[tuple[float, bytes]]:
        chance, waiting = random.Random(3), list[tuple[float, bytes]]()
        for when, data in steady():
            waiting.append((when, data))
            if chance.random() < 0.2:
                waiting.append((when + chance.choice([0.001, 0.021, 0.300]), data))
            waiting.sort()
            while waiting and waiting[0][0] <= when - 0.5:
                yield waiting.pop(0)

    line = Line()
    talk(line, packets(), range(1000))
    assert line.stream.stats.duplicate > 100 and line.stream.stats.lost == 0
    assert line.ear.concealed == 0 and click(line.samples(35)) < 0.2
