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


@pytest.mark.parametrize("offset", [4, 40, 80, 156])
def test_a_talkspurt_at_an_odd_offset_is_played_in_whole_packets(kit: Any, offset: int) -> None:
    """The cursor moves to the edge of the talkspurt, so that it is not cut in two for the rest of the call."""
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()

    def schedule() -> Any:
        for n in range(100):
            if n == 50:
                talker.place += 4000 + offset
            yield talker.place / 8000, talker.packet

    heard = [frame for frame in kit.listen(stream, wire, schedule(), 3.0) if frame]
    starts = [kit.position(frame) for frame in heard]
    assert starts == [n * 160 + (4000 + offset if n >= 50 else 0) for n in range(100)]
