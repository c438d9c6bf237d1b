"""What a lossy, jittery, duplicating wire delivers is heard once, in order and in place; nothing else is."""

from typing import Any

import pytest


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize(
    ("loss", "jitter", "duplicate"), [(0.0, 0.0, 0.0), (0.05, 0.0, 0.1), (0.0, 0.06, 0.0), (0.2, 0.06, 0.05)]
)
def test_what_the_wire_delivers_is_heard(kit: Any, ptime_ms: int, loss: float, jitter: float, duplicate: float) -> None:
    stream, talker = kit.stream(), kit.Talker(ptime_ms=ptime_ms)
    wire = kit.Wire(seed=ptime_ms, loss=loss, jitter=jitter, duplicate=duplicate)
    heard = kit.listen(stream, wire, kit.even(talker, 0.0, 12.0), 12.5)
    places = kit.positions(heard)
    assert all(later > earlier for earlier, later in zip(places, places[1:], strict=False))
    delivered = talker.place - wire.lost * ptime_ms * 8
    # A straggler may be lost before the buffer knows the jitter: three packets of them at most.
    assert delivered - 3 * ptime_ms * 8 <= 4 * len(places) <= delivered
    stats = stream.stats
    assert stats.lost <= wire.lost and stats.received == talker.place // (ptime_ms * 8) - wire.lost
    assert stats.bad == stats.foreign == 0


def test_a_lost_packet_leaves_a_hole_of_its_own_length(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    packets = [talker.packet() for _ in range(100)]
    schedule = [(i * 0.020, lambda p=p: p) for i, p in enumerate(packets) if i not in (40, 41, 70)]
    heard = kit.listen(stream, wire, schedule, 2.0)
    first = next(i for i, frame in enumerate(heard) if frame)
    expected = [None if i in (40, 41, 70) else kit.sound(i * 160, 160) for i in range(100 - first)]
    assert heard[first:] == expected
    assert stream.stats.lost == 3


def test_an_even_stream_loses_nothing_in_an_hour_and_waits_at_most_two_frames(kit: Any) -> None:
    stream, payload = kit.stream(), bytes(160)
    pack, receive, take = kit.HEADER.pack, stream.receive, stream.take
    missing = 0
    for i in range(180_000):
        now = i * 0.020
        data = pack(0x8000, i & 0xFFFF, (0xFFFF0000 + i * 160) & 0xFFFFFFFF, 9) + payload
        receive(data, kit.PEER, now - 0.003, now=now)
        missing += take(now) is None
    assert missing <= 2
    assert stream.stats[:6] == (180_000, 0, 0, 0, 0, 0)
    assert 20.0 <= stream.stats.delay_ms <= 40.0


@pytest.mark.parametrize("lengths", [(20, 30, 20), (60, 10, 40), (10, 60, 10), (30, 20, 30)])
def test_the_packet_length_may_change_in_mid_call(kit: Any, lengths: tuple[int, ...]) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=0.005)

    def schedule() -> Any:
        now = 0.0
        for ptime_ms in lengths:
            talker.ptime_ms = ptime_ms
            for _ in range(2400 // ptime_ms):
                yield now, talker.packet
                now += ptime_ms / 1000

    places = kit.positions(kit.listen(stream, wire, schedule(), 8.0))
    assert places == list(range(0, talker.place, 4))
