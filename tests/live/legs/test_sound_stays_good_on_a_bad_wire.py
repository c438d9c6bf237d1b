"""Loss, reordering, jitter and a loop that stands still: what a caller hears of his own sound that is sent back."""

import asyncio
import math
import random
import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from tests.live.peers.heard import Heard, level_dbm0
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.rtp_relay import Plan, RtpRelay, jittering, losing, reordering

Play = Callable[..., None]
HZ = 620.0
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


class Line(NamedTuple):
    """One call: the caller's sound, the wire it goes over, and the tag to hang up with."""

    name: str
    probe: RtpProbe
    relay: RtpRelay
    tag: str


async def lines(rig: Any, stack: ExitStack, plans: dict[str, Plan]) -> list[Line]:
    """Call the echo once for each plan."""
    made = []
    for number, (name, plan) in enumerate(plans.items()):
        probe = stack.enter_context(RtpProbe())
        rig.peer.send(rig.peer.request("INVITE", call=f"call-{number}", body=SDP.format(port=probe.port)))
        answer = await rig.peer.response()
        tag = answer.to.tag or ""
        rig.peer.send(rig.peer.request("ACK", call=f"call-{number}", to_tag=tag))
        (port,) = re.findall(r"^m=audio (\d+) ", answer.body.decode(), re.MULTILINE)
        relay = stack.enter_context(RtpRelay(("127.0.0.1", int(port)), plan))
        probe.talk_to(relay.near)
        made.append(Line(name, probe, relay, tag))
    return made


async def over(rig: Any, calls: Sequence[Line]) -> None:
    for number, line in enumerate(calls):
        line.probe.talk_to(None)
        assert (await rig.peer.hang_up(line.tag, call=f"call-{number}")).status == 200


def sine(seconds: float) -> bytes:
    angle = 2 * np.pi * HZ * np.arange(round(seconds * 8000)) / 8000
    return (8000 * np.sin(angle)).astype("<i2").tobytes()


def sinad_db(sound: np.ndarray) -> float:
    """Return how much stronger the tone is than all else; in pieces, because a delay that changes is no noise."""
    tone = rest = 0.0
    for at in range(0, len(sound) - 1999, 2000):
        piece = sound[at : at + 2000]
        angle = 2 * np.pi * HZ * np.arange(len(piece)) / 8000
        basis = np.stack((np.cos(angle), np.sin(angle)), axis=1)
        fit = basis @ np.linalg.lstsq(basis, piece, rcond=None)[0]
        tone += float(fit @ fit)
        rest += float((piece - fit) @ (piece - fit))
    return 10 * math.log10(tone / max(rest, 1e-9))


#: Each wire, and how pure the tone is on it at least. With silence in the gaps, 1, 5, 10 and 20 % leave 20, 12, 10 and
#: 7 dB; G.711 itself leaves 37.
WIRES: dict[str, tuple[Plan, float]] = {
    "clean": (losing(0.0), 30.0),
    "loss 1 %": (losing(0.01, seed=4), 25.0),
    "loss 5 %": (losing(0.05), 18.5),
    "loss 10 %": (losing(0.10), 14.5),
    "loss 20 %": (losing(0.20), 11.0),
    "reordering": (reordering(0.10), 28.0),
    "jitter of 60 ms": (jittering(0.060), 20.0),
}


def test_a_tone_stays_pure_and_as_loud(play: Play) -> None:
    measured: dict[str, tuple[float, float]] = {}

    async def story(rig: Any) -> None:
        with ExitStack() as stack:
            calls = await lines(rig, stack, {name: plan for name, (plan, _) in WIRES.items()})
            for line in calls:
                line.probe.say(sine(6.0))
            await asyncio.sleep(6.2)
            for line in calls:
                # The first seconds are the buffer's to learn how the wire is.
                sound = line.probe.heard.part(2.5, 5.7)
                measured[line.name] = sinad_db(sound), level_dbm0(sound)
            assert calls[4].relay.lost > 30 and calls[0].relay.lost == 0
            await over(rig, calls)

    play(story)
    full = level_dbm0(np.frombuffer(sine(1.0), "<i2").astype(np.float64))
    faults = [
        f"{name}: {sinad:.1f} dB, not {WIRES[name][1]}; level {level - full:+.2f} dB"
        for name, (sinad, level) in measured.items()
        if sinad < WIRES[name][1] or abs(level - full) > 0.6
    ]
    assert not faults, f"{faults} of {measured}"


def test_keys_come_through_a_wire_that_loses_a_fifth(play: Play) -> None:
    """RFC 4733: each press once, whatever is lost of it; and no made-up sound is taken for one."""
    keys = ["123A456B789C*0#D", "5555777799991111", "*0#*0#1212121212"]

    async def story(rig: Any) -> None:
        with ExitStack() as stack:
            calls = await lines(rig, stack, {f"keys {seed}": losing(0.20, seed=seed) for seed in range(3)})
            for line, pressed in zip(calls, keys, strict=True):
                line.probe.pause(0.2)
                line.probe.press(pressed, on_ms=100, off_ms=60)
            await asyncio.to_thread(calls[0].probe.wait_said)
            await asyncio.sleep(0.3)
            assert min(line.relay.lost for line in calls) > 20
            await over(rig, calls)

        await rig.nothing_left()
        assert sorted(record.dtmf for record in rig.records) == sorted(keys)

    play(story)


def noise(seconds: float, seed: int) -> bytes:
    """Return sound that is like itself in one place only."""
    chance = np.random.default_rng(seed)
    return chance.normal(0, 3000, round(seconds * 8000)).clip(-12000, 12000).astype("<i2").tobytes()


def clock_ms(heard: Heard) -> float:
    """Return how late packets come by their own time stamps, in the middle."""
    return float(np.median([packet.arrived * 1000 - (packet.timestamp & 0xFFFFFFFF) / 8 for packet in heard.sound]))


def test_a_loop_that_stands_still_for_300_ms_is_back_within_100(play: Play) -> None:
    """No burst, no delay that lasts, no wrong time stamp: measured where the sound is heard."""
    before, after = noise(0.6, 1), noise(1.5, 2)

    async def story(rig: Any) -> None:
        with ExitStack() as stack:
            calls = await lines(rig, stack, {f"call {number}": losing(0.0) for number in range(6)})
            await asyncio.sleep(0.3)
            for line in calls:
                line.probe.say(before)
                line.probe.say(after)
            await asyncio.sleep(0.8)
            began = time.monotonic()
            time.sleep(0.3)  # noqa: ASYNC251 - the very thing under test
            ended = time.monotonic()
            await asyncio.sleep(1.6)
            await over(rig, calls)
        for line in calls:
            heard = line.probe.heard
            late = heard.since(ended)
            assert late.packets[0].arrived - ended < 0.045, "the next tick is a period away at most"
            for at in np.arange(0.0, 1.0, 0.010):
                burst = [packet for packet in late.packets if at <= packet.arrived - ended < at + 0.100]
                assert len(burst) <= 7, "a burst is more than five packets in 100 ms, and the two that were late"
            settled = Heard(tuple(packet for packet in late.packets if packet.arrived > ended + 0.1))
            earlier = Heard(tuple(packet for packet in heard.packets if packet.arrived < began))
            assert abs(clock_ms(settled) - clock_ms(earlier)) < 3.0, (
                "the clock of the sound has stood still or run ahead"
            )
            gaps = np.diff([packet.arrived for packet in settled.packets])
            assert gaps.max() < 0.060
            first, last = heard.find(before), heard.find(after[2 * 6000 :])
            assert min(first[1], last[1]) > 0.95, "all is heard that was said 450 ms after the stall and later"
            assert abs((last[0] - first[0]) - (0.6 + 0.75)) < 0.021, "it comes no later than before"

    play(story)


def test_of_two_sources_that_say_the_same_number_the_first_is_heard(play: Play) -> None:
    """Copies of the caller's own packets from elsewhere, foreign ones and broken ones: counted, and not heard."""

    async def story(rig: Any) -> None:
        with ExitStack() as stack:
            (line,) = await lines(rig, stack, {"call": losing(0.0)})
            target = line.relay._target
            said = noise(1.2, 3)
            await asyncio.to_thread(line.probe.wait_for, lambda heard: len(heard.sound) > 10, 3.0)
            intruder = stack.enter_context(RtpProbe())
            intruder.talk_to(target)
            line.probe.say(said)
            chance = random.Random(5)
            for _ in range(60):
                await asyncio.sleep(0.020)
                replayed = line.probe.last_sent
                for data in (replayed, replayed[: chance.randrange(len(replayed))], chance.randbytes(172), b""):
                    intruder.send_raw(data)
                line.relay._far.sendto(replayed, target)  # the peer's own packet once more
                line.relay._far.sendto(replayed[: chance.randrange(12)], target)
            await asyncio.sleep(0.3)
            (leg,) = set(rig.user_agent._dialogs.values())
            counts = leg.media._stream.stats
            assert counts.foreign >= 60 and counts.bad >= 50 and counts.duplicate >= 40, counts
            assert not intruder.heard.packets
            await over(rig, [line])
        assert line.probe.heard.find(said)[1] > 0.9

    play(story)
