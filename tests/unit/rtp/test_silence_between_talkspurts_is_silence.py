"""Silence suppression and comfort noise: gaps in the timestamps are heard as gaps, every talkspurt whole."""

import random
from typing import Any

import pytest


@pytest.mark.parametrize("jitter", [0.0, 0.030])
def test_talkspurts_are_heard_whole_at_any_offset(kit: Any, jitter: float) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=jitter)
    chance = random.Random(8)
    sent: list[int] = []

    def schedule() -> Any:
        while talker.place < 20 * 8000:
            talker.place += chance.randrange(20, 6000) * 4
            talker.marker = True
            for _ in range(chance.randrange(5, 60)):
                sent.append(talker.place)
                yield talker.place / 8000, talker.packet

    heard = kit.listen(stream, wire, schedule(), 27.0)
    places = set(kit.positions(heard))
    assert all(place in places for start in sent for place in range(start, start + 160, 4))
    assert stream.stats.late == 0
    assert stream.stats.delay_ms < 80


def test_comfort_noise_is_silence_and_loses_no_sequence(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    for i in range(150):
        talker.payload_type = 13 if 50 <= i < 100 else 0
        wire.send(talker.packet(), i * 0.020)
        frame = kit.hear(stream, wire, i * 0.020 + 0.004)
        if 55 <= i < 100:
            assert frame is None
    assert stream.stats.received >= 149 and stream.stats.lost == 0 and stream.stats.bad == 0


def test_a_frame_that_is_half_there_is_filled_with_silence(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(ptime_ms=30), kit.Wire()
    heard = kit.listen(stream, wire, [(0.0, talker.packet)], 0.3)
    assert [frame for frame in heard if frame] == [kit.sound(0, 160), kit.sound(160, 80) + b"\xff" * 80]
