"""Comfort noise, keys and talkspurts tell pauses from losses; frames say where they have holes, or do not follow."""

from typing import Any

import pytest

from softswitch.rtp.jitter import LOST, PAUSE, Parts


def said_of(kit: Any, stream: Any, wire: Any, ticks: range, talk: Any) -> list[bytes | None | str]:
    """Return for each tick `sound`, or why there was none."""
    said: list[bytes | None | str] = []
    for tick in ticks:
        for packet in talk(tick):
            wire.send(packet, tick * 0.020)
        said.append("sound" if kit.hear(stream, wire, tick * 0.020 + 0.004) else stream.missing)
    return said


def test_a_packet_that_does_not_come_is_lost(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()

    def talk(tick: int) -> list[bytes]:
        packet = talker.packet()
        return [] if tick in (20, 30, 31) else [packet]

    said = said_of(kit, stream, wire, range(60), talk)
    assert said[5:].count(LOST) == 3 and said[5:].count("sound") == 52


def test_comfort_noise_is_heard_from_its_own_time_on_until_sound_comes(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire(jitter=0.015)

    def talk(tick: int) -> list[bytes]:
        if not 20 <= tick < 60:
            talker.payload_type = 0
            return [talker.packet()]
        talker.payload_type = 13
        packet = talker.packet()
        return [packet[:12] + bytes((50 if tick < 40 else 60,))] if tick in (20, 40) else []

    talker.sequence = 100

    def numbered(tick: int) -> list[bytes]:
        before = talker.sequence
        packets = talk(tick)
        talker.sequence = before + len(packets)
        return packets

    said = said_of(kit, stream, wire, range(90), numbered)
    gap = [what for what in said[10:] if what != "sound"]
    assert gap == [b"\x32"] * 20 + [b"\x3c"] * 20
    assert stream.stats.lost == 0


def test_a_talkspurt_that_begins_with_a_marker_follows_a_pause(kit: Any) -> None:
    """The pause is shorter than the buffer, so its end is known when it begins."""
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    wire.delay = 0.010
    for tick in range(20):
        wire.send(talker.packet(), tick * 0.020)
        kit.hear(stream, wire, tick * 0.020 + 0.004)
    talker.place += 160
    talker.marker = True
    wire.send(talker.packet(), 0.395)
    assert kit.hear(stream, wire, 0.404) and kit.hear(stream, wire, 0.424)
    said = [("sound" if kit.hear(stream, wire, now) else stream.missing) for now in (0.444, 0.464)]
    assert PAUSE in said and LOST not in said


@pytest.mark.parametrize("marker", [True, False])
def test_a_key_is_no_loss(kit: Any, marker: bool) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()

    def talk(tick: int) -> list[bytes]:
        packet = talker.packet()
        if not 20 <= tick < 28:
            return [packet]
        sequence = int.from_bytes(packet[2:4], "big")
        word = 0x8000 | 101 | (0x80 if marker and tick == 20 else 0)
        event = bytes((5, 10)) + (160 * (tick - 19)).to_bytes(2, "big")
        return [kit.HEADER.pack(word, sequence, (talker.base + 20 * 160) & 0xFFFFFFFF, talker.ssrc) + event]

    said = said_of(kit, stream, wire, range(60), talk)
    assert said[5:].count(PAUSE) == 8 and LOST not in said[5:]
    assert [event.digit for event in stream.drain() if hasattr(event, "digit")] == ["5"]


def test_holes_are_named(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(ptime_ms=10), kit.Wire()
    taken = []
    for tick in range(40):
        for half in range(2):
            packet = talker.packet()
            if (tick, half) not in ((20, 0), (25, 1), (30, 1), (31, 0)):
                wire.send(packet, tick * 0.020 + half * 0.010)
        taken.append(kit.hear(stream, wire, tick * 0.020 + 0.014))
    holes = [frame.holes for frame in taken if isinstance(frame, Parts) and frame.holes]
    assert sorted(holes) == sorted([((0, 80),), ((80, 160),), ((80, 160),), ((0, 80),)])
    assert all(frame.__class__ is bytes for frame in taken[10:18]), "what is whole is nothing but octets"


def test_what_does_not_follow_says_so(kit: Any) -> None:
    """Another source goes on where the first one ended: a joint, and only one."""
    stream, wire = kit.stream(), kit.Wire()
    first, second = kit.Talker(), kit.Talker(ssrc=0x77, sequence=9, base=123456)
    taken = []
    for tick in range(60):
        wire.send((first if tick < 30 else second).packet(), tick * 0.020)
        taken.append(kit.hear(stream, wire, tick * 0.020 + 0.004))
    joints = [tick for tick, frame in enumerate(taken) if isinstance(frame, Parts) and frame.joint]
    assert len(joints) == 2 and joints[0] < 4 and 30 <= joints[1] <= 34


def test_pauses_that_nobody_hears_are_bounded(kit: Any) -> None:
    stream, talker, wire = kit.stream(), kit.Talker(), kit.Wire()
    kit.listen(stream, wire, kit.even(talker, 0.0, 0.2), 0.2)
    talker.payload_type = 13
    for index in range(1000):
        stream.receive(talker.packet(), kit.PEER, 0.3 + index * 1e-5, now=0.3)
    assert len(stream._jitter._pauses) <= 8
