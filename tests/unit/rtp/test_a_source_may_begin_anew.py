"""A change of SSRC, sequence or timestamps in mid-call is followed with hardly a packet lost; one odd packet is not."""

from typing import Any

import pytest


@pytest.mark.parametrize("change", ["ssrc", "sequence", "forward", "back", "a little back", "all"])
def test_a_jump_is_followed(kit: Any, change: str) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=0.010)

    def schedule() -> Any:
        for i in range(500):
            if i == 250:
                talker.ssrc += change in ("ssrc", "all")
                talker.sequence += 20_000 if change in ("sequence", "all") else 0
                talker.base += {"forward": 10**9, "all": 10**9, "back": -(10**7), "a little back": -3200}.get(change, 0)
            yield i * 0.020, talker.packet

    places = kit.positions(kit.listen(stream, wire, schedule(), 10.5))
    assert all(later > earlier for earlier, later in zip(places, places[1:], strict=False))
    assert len(places) >= 40 * 498
    assert stream.stats.lost == 0 and stream.stats.received == 500


@pytest.mark.parametrize("odd", ["ssrc", "sequence", "timestamp"])
def test_one_odd_packet_moves_nothing(kit: Any, odd: str) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    stray = {
        "ssrc": kit.HEADER.pack(0x8000, 7, 1000, 77),
        "sequence": kit.HEADER.pack(0x8000, (talker.sequence + 30_000) & 0xFFFF, talker.base, talker.ssrc),
        "timestamp": None,
    }[odd]

    def schedule() -> Any:
        for i in range(200):
            if i == 100 and stray:
                yield i * 0.020, lambda: stray + b"\x10" * 160
            if i == 100 and not stray:
                talker.base += 500_000
                yield i * 0.020, talker.packet
                talker.base -= 500_000
                continue
            yield i * 0.020, talker.packet

    heard = kit.listen(stream, wire, schedule(), 4.2)
    places = kit.positions(heard)
    assert all(frame is None or frame[:4] != b"\x10" * 4 for frame in heard)
    assert len(places) >= 40 * 198


def test_a_talkspurt_whose_clock_stood_still_in_the_silence_is_heard(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    times = [i * 0.020 for i in range(50)] + [4.0 + i * 0.020 for i in range(50)]
    places = kit.positions(kit.listen(stream, wire, ((when, talker.packet) for when in times), 6.0))
    assert places == list(range(0, 16_000, 4))


@pytest.mark.parametrize("still", [0.15, 0.3, 0.7])
def test_a_short_silence_in_which_the_clock_stood_still_costs_nothing(kit: Any, still: float) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    times = [i * 0.020 for i in range(50)] + [1.0 + still + i * 0.020 for i in range(50)]
    places = kit.positions(kit.listen(stream, wire, ((when, talker.packet) for when in times), 4.0))
    assert places == list(range(0, 16_000, 4))


def test_sequence_and_timestamp_run_over(kit: Any) -> None:
    stream, wire = kit.stream(), kit.Wire(jitter=0.03)
    talker = kit.Talker(sequence=65_500, base=0xFFFFFFFF - 8000)
    places = kit.positions(kit.listen(stream, wire, kit.even(talker, 0.0, 4.0), 4.5))
    assert len(places) == 40 * 200
    assert stream.stats.lost == stream.stats.late == 0


def test_a_stream_that_was_not_asked_for_a_minute_goes_on(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    kit.listen(stream, wire, kit.even(talker, 0.0, 2.0), 2.0)
    for i in range(100, 3100):
        for data, source, arrived in [(talker.packet(), kit.PEER, i * 0.020)]:
            stream.receive(data, source, arrived, now=i * 0.020)
    heard = kit.listen(stream, wire, ((i * 0.020 - 62.0, talker.packet) for i in range(3100, 3200)), 0.0)
    for i in range(3100, 3200):
        wire.send(talker.packet(), i * 0.020)
        heard.append(kit.hear(stream, wire, i * 0.020 + 0.004))
    assert sum(frame is not None for frame in heard) >= 96
    assert stream.stats.delay_ms <= 200
