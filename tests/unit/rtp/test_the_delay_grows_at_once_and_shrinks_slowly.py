"""The jitter buffer follows the jitter within 20 to 200 ms, and a stall of the loop leaves no delay."""

from typing import Any

import pytest


def test_a_late_packet_is_played_after_a_pause_when_nothing_younger_was(kit: Any) -> None:
    """All packets come 50 ms later from the 50th on: one pause, nothing lost."""
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    schedule = ((i * 0.020 + (0.050 if i >= 50 else 0.0), talker.packet) for i in range(100))
    places = kit.positions(kit.listen(stream, wire, schedule, 2.5))
    assert places == list(range(0, talker.place, 4))
    assert stream.stats.late == 0


def test_one_straggler_costs_a_frame_and_no_delay(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    packets = [talker.packet() for _ in range(200)]
    late = {100: 0.090}
    schedule = sorted((i * 0.020 + late.get(i, 0.0), i) for i in range(200))
    heard = kit.listen(stream, wire, [(when, lambda i=i: packets[i]) for when, i in schedule], 4.0)
    stats = stream.stats
    assert (stats.late, stats.reordered, stats.lost) == (1, 1, 0)
    assert stats.delay_ms <= 40
    assert 16000 not in kit.positions(heard)


def test_stragglers_that_repeat_are_waited_for(kit: Any) -> None:
    """Every tenth packet is overtaken by three: after two of them they are all heard."""
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    packets = [talker.packet() for _ in range(400)]
    schedule = sorted((i * 0.020 + (0.070 if i % 10 == 5 else 0.0), i) for i in range(400))
    heard = kit.listen(stream, wire, [(when, lambda i=i: packets[i]) for when, i in schedule], 8.5)
    places = kit.positions(heard)
    assert stream.stats.late == 2
    assert places == [p for p in range(0, talker.place, 4) if p // 160 not in (5, 15)]


def test_the_delay_comes_back_when_the_jitter_is_over(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=0.150)
    kit.listen(stream, wire, kit.even(talker, 0.0, 5.0), 5.0)
    wire.jitter = 0.001
    delays = []
    for i in range(250, 2250):
        now = i * 0.020 + 0.004
        wire.send(talker.packet(), i * 0.020)
        kit.hear(stream, wire, now)
        delays.append(stream.stats.delay_ms)
    assert 100 < max(delays[:50]) <= 200
    assert delays[-1] <= 65
    shrinks = [i for i, (a, b) in enumerate(zip(delays, delays[1:], strict=False)) if b < a - 15]
    assert min(b - a for a, b in zip(shrinks, shrinks[2:], strict=False)) >= 99, "at most two frames in two seconds"


def test_after_growing_the_delay_is_kept_for_a_while(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    delays = []
    for i in range(1500):
        if i == 100:
            wire.delay = 0.090
        if i == 106:
            wire.delay = 0.010
        wire.send(talker.packet()[:12] + b"\xfe" * 160, i * 0.020)
        kit.hear(stream, wire, i * 0.020 + 0.004)
        delays.append(stream.stats.delay_ms)
    assert max(delays[:100]) <= 40
    grown = delays[120]
    assert grown >= 70
    assert delays[490] == pytest.approx(grown), "kept for eight seconds"
    assert delays[-1] <= 45


def test_quiet_is_left_out_before_speech(kit: Any) -> None:
    """With pauses in the speech, no loud sample is lost when the delay shrinks."""
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=0.120, seed=4)
    loud: list[int] = []
    heard = []
    for i in range(3000):
        if i == 300:
            wire.jitter = 0.0
        now, packet = i * 0.020, talker.packet()
        if i % 50 < 20:
            packet = packet[:12] + b"\xfe" * 160
        else:
            loud.append(i * 160)
        wire.send(packet, now)
        heard.append(kit.hear(stream, wire, now + 0.004))
    frames = {kit.position(f) for f in heard if f and f[0] < 64}
    missing = [place for place in loud if place not in frames]
    assert stream.stats.delay_ms <= 65
    assert all(place > 2990 * 160 or place < 300 * 160 for place in missing)
    assert len([place for place in missing if place < 300 * 160]) <= 3


def stalled(kit: Any, ticks: range, times: int, late: float = 0.0) -> tuple[list[int], list[float]]:
    """Return what is heard, and the delay at each tick.

    `ticks` are left out; the one after them is `late`, and done so many times.
    """
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=0.002)
    heard, delays = [], []
    schedule = kit.even(talker, 0.0, 30.0)
    upcoming = next(schedule)
    for tick in range(1490):
        if tick in ticks:
            continue
        now = 0.004 + tick * 0.020 + (late if tick == ticks.stop else 0.0)
        while upcoming[0] <= now:
            wire.send(upcoming[1](), upcoming[0])
            upcoming = next(schedule)
        for _ in range(times if tick == ticks.stop else 1):
            heard.append(kit.hear(stream, wire, now))
        delays.append(stream.stats.delay_ms)
    places = kit.positions(heard)
    assert all(later > earlier for earlier, later in zip(places, places[1:], strict=False))
    return places, delays


@pytest.mark.parametrize("late", [0.0, 0.007, 0.019])
@pytest.mark.parametrize("frames", [4, 8, 15, 40])
def test_a_loop_that_stalled_for_long_loses_the_sound_of_the_stall_and_leaves_no_delay(
    kit: Any, frames: int, late: float
) -> None:
    """Nobody asked for that sound while it was fresh; the far end of ours has a gap of the same length."""
    places, delays = stalled(kit, range(500, 500 + frames), 1, late)
    assert max(delays[:500] + delays[501:]) <= 45, "at once, not after seconds"
    missing = set(range(490, 560)) - {place // 160 for place in places}
    assert len(missing) == frames and max(missing) - min(missing) == frames - 1


@pytest.mark.parametrize("frames", [1, 2])
def test_a_loop_that_stalled_for_a_moment_loses_nothing(kit: Any, frames: int) -> None:
    """The clock makes good up to two ticks (net/tick_plan.py)."""
    places, delays = stalled(kit, range(500, 500 + frames), 1 + frames)
    assert set(range(490, 560)) <= {place // 160 for place in places}
    assert max(delays) <= 45


def test_a_peer_whose_clock_is_wrong_by_300_ppm_is_followed(kit: Any) -> None:
    for factor in (1.0003, 0.9997):
        stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=0.003)
        schedule = ((i * 0.020 * factor, talker.packet) for i in range(8_000))
        places = kit.positions(kit.listen(stream, wire, schedule, 160))
        assert len(places) >= 40 * (8_000 - 20)
        assert stream.stats.delay_ms <= 70
        assert stream.stats.late == 0


def test_a_flood_of_timestamps_is_bounded(kit: Any) -> None:
    stream = kit.stream()
    for i in range(5000):
        data = kit.HEADER.pack(0x8000, i & 0xFFFF, i * 7, 9) + bytes(160)
        stream.receive(data, kit.PEER, 1.0 + i * 1e-5, now=1.0 + i * 1e-5)
    assert len(stream._jitter._packets) <= 128
    taken = [stream.take(1.1 + i * 0.020) for i in range(300)]
    assert all(frame is None or len(frame) == 160 for frame in taken)
    assert taken[-1] is None


def test_a_flood_of_crumbs_amid_a_good_stream_is_bounded(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(sequence=0), kit.Wire()
    kit.listen(stream, wire, kit.even(talker, 0.0, 1.2), 1.0)
    for crumb in range(1000):
        data = kit.HEADER.pack(0x8000, talker.sequence, (talker.base + talker.place + crumb) & 0xFFFFFFFF, talker.ssrc)
        stream.receive(data + b"\x10", kit.PEER, 1.0 + crumb * 1e-6, now=1.0)
        talker.sequence += 1
    assert len(stream._jitter._packets) <= 128


def test_a_burst_after_an_outage_is_heard_up_to_the_limit(kit: Any) -> None:
    """The network holds packets back for 500 ms and delivers them at once."""
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    schedule = ((max(i * 0.020, 2.0 if 75 <= i <= 100 else 0.0), talker.packet) for i in range(300))
    places = kit.positions(kit.listen(stream, wire, schedule, 6.5))
    assert all(later > earlier for earlier, later in zip(places, places[1:], strict=False))
    frames = {p // 160 for p in places}
    assert set(range(75)) <= frames and set(range(93, 190)) <= frames
