"""Sending: one clock through silence, stalls and packet lengths; the marker after every silence."""

from typing import Any

import pytest

from softswitch.rtp.packet import parse
from softswitch.rtp.profile import Profile

FIRST = 0xFFFFFF00


def test_the_clock_runs_through_silence_and_the_marker_follows_it(kit: Any) -> None:
    stream, sent = kit.stream(), []
    for tick in range(60):
        payload = None if 20 <= tick < 40 else kit.sound(tick * 160, 160)
        sent += [(tick, parse(data)) for data in stream.packets(payload, 1.0 + tick * 0.020)]
    assert [tick for tick, _ in sent] == [*range(20), *range(40, 60)]
    for n, (tick, packet) in enumerate(sent):
        assert packet.timestamp == (FIRST + tick * 160) & 0xFFFFFFFF
        assert packet.sequence == (65530 + n) & 0xFFFF
        assert packet.marker == (tick in (0, 40))
        assert packet.payload == kit.sound(tick * 160, 160) and packet.ssrc == 0x1234
    assert stream.stats.sent == 40


def test_the_clock_runs_while_nobody_calls(kit: Any) -> None:
    stream = kit.stream()
    times = [n * 0.020 for n in range(10)] + [0.5 + n * 0.020 for n in range(10)]
    sent = [parse(data) for now in times for data in stream.packets(bytes(160), now)]
    assert [p.timestamp - FIRST for p in sent[:1]] == [0]
    assert [(p.timestamp - FIRST) & 0xFFFFFFFF for p in sent] == [round(now * 50) * 160 for now in times]
    assert [n for n, p in enumerate(sent) if p.marker] == [0, 10]


def test_late_ticks_and_catching_up_do_not_move_the_clock(kit: Any) -> None:
    """Every tenth tick is 40 ms late and the missed ones follow at once, for a minute."""
    stream = kit.stream()
    stamps = []
    for tick in range(3000):
        now = tick * 0.020 + (0.040 if tick % 10 == 5 else 0.020 if tick % 10 == 6 else 0.0)
        stamps += [parse(data).timestamp for data in stream.packets(bytes(160), now)]
    assert stamps == [(FIRST + tick * 160) & 0xFFFFFFFF for tick in range(3000)]


@pytest.mark.parametrize("ptime_ms", [10, 20, 25, 30, 40, 50, 60])
def test_any_packet_length_carries_every_sample(kit: Any, ptime_ms: int) -> None:
    stream = kit.stream(Profile("PCMU", 0, ptime_ms, ((0, "PCMU"),)))
    sent = [parse(d) for n in range(30) for d in stream.packets(kit.sound(n * 160, 160), n * 0.020)]
    sent += [parse(data) for data in stream.packets(None, 0.6)]
    assert b"".join(p.payload for p in sent) == kit.sound(0, 4800)
    assert all(len(p.payload) == ptime_ms * 8 for p in sent[:-1])
    place = 0
    for packet in sent:
        assert packet.timestamp == (FIRST + place) & 0xFFFFFFFF
        place += len(packet.payload)
    assert [p.marker for p in sent] == [True] + [False] * (len(sent) - 1)


def test_a_renegotiated_length_loses_no_sample(kit: Any) -> None:
    stream, sent = kit.stream(Profile("PCMU", 0, 30, ((0, "PCMU"),))), []
    for n in range(33):
        if n == 11:
            stream.redirect(kit.PEER, Profile("PCMU", 0, 20, ((0, "PCMU"),)), now=n * 0.020)
        if n == 22:
            stream.redirect(kit.PEER, Profile("PCMU", 0, 60, ((0, "PCMU"),)), now=n * 0.020)
        sent += [parse(data) for data in stream.packets(kit.sound(n * 160, 160), n * 0.020)]
    sent += [parse(data) for data in stream.packets(None, 0.66)]
    assert b"".join(p.payload for p in sent) == kit.sound(0, 33 * 160)


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_one_end_hears_what_the_other_says(kit: Any, ptime_ms: int) -> None:
    profile = Profile("PCMU", 0, ptime_ms, ((0, "PCMU"),))
    sender, receiver, wire = kit.stream(profile), kit.stream(profile), kit.Wire(jitter=0.015)
    heard = []
    for tick in range(500):
        now = tick * 0.020
        speaking = tick % 100 < 60
        for data in sender.packets(kit.sound(tick * 160, 160) if speaking else None, now):
            wire.send(data, now)
        heard.append(kit.hear(receiver, wire, now + 0.003))
    places = set(kit.positions(heard))
    assert places == {p for p in range(0, 500 * 160, 4) if p // 160 % 100 < 60}


@pytest.mark.parametrize("late_ms", [0.5, 4.0, 11.0, 17.0, 19.5])
@pytest.mark.parametrize("jitter_ms", [-2.0, 0.0, 2.0])
def test_a_stall_that_ends_between_two_ticks_leaves_the_clock_as_it_was(
    kit: Any, late_ms: float, jitter_ms: float
) -> None:
    """300 ms and a part of a tick: the clock is right again with the second packet, and stays so."""
    stream = kit.stream()
    grid = 0.003
    errors = []
    for tick in range(100):
        if 40 <= tick < 55:
            continue
        now = tick * 0.020 + grid + (late_ms / 1000 if tick == 55 else jitter_ms / 1000 if tick % 7 == 3 else 0.0)
        (packet,) = [parse(data) for data in stream.packets(bytes(160), now)]
        errors.append(((packet.timestamp - 0xFFFFFF00) & 0xFFFFFFFF) / 160 - tick)
        assert packet.marker is (tick == 0 or errors[-1] != errors[-2] or tick == 55)
    assert set(errors[:40]) == {0.0} and set(errors[41:]) == {0.0}
