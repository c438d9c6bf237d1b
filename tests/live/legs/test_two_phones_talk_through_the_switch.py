"""Two SIP legs and the sound between them: before the answer, after it, on hold, and in a ring group."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.document import parse
from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.rtp_probe import RtpProbe

Play = Callable[..., None]


def sine(hz: int, seconds: float) -> bytes:
    samples = 8000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * 8000)) / 8000)
    return samples.astype("<i2").tobytes()


def plan(rig: Any, dial: str, *more: str) -> None:
    """Let the number 200 dial."""
    steps = ", ".join([f"dial: {dial}", *more])
    rules = load_rules(parse(Path("p.yaml"), f"rules: [{{number: 200, steps: [{steps}]}}]"))
    rig.switchboard.script = replace(rig.switchboard.script, dialplan=Dialplan(rules))


@asynccontextmanager
async def phones(rig: Any, *names: str) -> AsyncIterator[list[RawPhone]]:
    with ExitStack() as stack:
        made = [RawPhone(rig, stack.enter_context(RtpProbe()), name) for name in names]
        try:
            yield made
        finally:
            for phone in made:
                await phone.close()


async def hears(phone: RawPhone, hz: int, seconds: float = 3.0, probe: RtpProbe | None = None) -> None:
    """Wait until a phone hears 0.2 s of this tone; what it heard before does not count."""
    began, ear = time.monotonic(), probe or phone.probe
    while time.monotonic() < began + seconds:
        await asyncio.sleep(0.05)
        heard = ear.heard.since(began)
        if heard.seconds >= 0.2 and abs(heard.tone(heard.seconds - 0.2).hz - hz) < 8:
            return
    raise AssertionError(f"{phone.name} does not hear {hz} Hz")


async def hears_anything(phone: RawPhone, after: float, seconds: float = 3.0) -> None:
    """Wait until a phone hears a little of anything that came after a moment."""
    for _ in range(round(seconds / 0.05)):
        if phone.probe.heard.since(after).audible_seconds() > 0.05:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{phone.name} hears nothing")


def test_early_sound_goes_both_ways_and_the_answer_may_move_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phones(rig, "alice", "bob") as (alice, bob):
            plan(rig, f"'{bob.uri}'")
            alice.call("200")
            await bob.rings()
            bob.probe.say(sine(700, 8))
            alice.probe.say(sine(1100, 8))
            bob.reply(183, sdp=True)
            await alice.told(183)
            await hears(alice, 700)
            await hears(bob, 1100)
            with RtpProbe() as elsewhere:
                elsewhere.say(sine(1500, 8))
                bob.reply(200, sdp=True, probe=elsewhere)
                await alice.told(200)
                await hears(alice, 1500)
                await hears(bob, 1100, probe=elsewhere)
                alice.hang_up()
                await bob.asked("BYE")
                await rig.nothing_left()
        assert (rig.records[0].outcome, rig.records[0].ended_by, rig.records[0].verdict) == ("answered", "caller", "")

    play(story)


def test_whoever_is_put_on_hold_hears_that_the_line_is_not_dead(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phones(rig, "alice", "bob") as (alice, bob):
            plan(rig, f"'{bob.uri}'")
            alice.call("200")
            await bob.rings()
            bob.reply(200, sdp=True)
            await alice.told(200)
            alice.probe.say(sine(1100, 0.6))
            await hears(bob, 1100)
            alice.offer("sendonly")
            alice.probe.talk_to(None)
            held_at = time.monotonic()
            await hears_anything(bob, held_at + 0.2)
            bob.probe.say(sine(900, 6))
            await asyncio.sleep(0.3)
            assert alice.probe.heard.since(held_at + 0.2).audible_seconds() == 0, "who holds does not want to hear"
            alice.offer("sendrecv")
            await hears(alice, 900)
            alice.probe.say(sine(1300, 6))
            await hears(bob, 1300)
            alice.hang_up()
            await bob.asked("BYE")
            await rig.nothing_left()
        assert (rig.records[0].outcome, rig.records[0].verdict, rig.records[0].cause) == (
            "answered",
            "",
            "16 normal clearing",
        )

    play(story)


def test_the_first_of_a_group_who_answers_has_the_call(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phones(rig, "alice", "one", "two", "three") as (alice, one, two, three):
            plan(rig, f"{{to: ['{one.uri}', '{two.uri}', '{three.uri}']}}")
            alice.call("200")
            await asyncio.gather(one.rings(), two.rings(), three.rings())
            one.reply(180)
            three.probe.say(sine(500, 8))
            three.reply(183, sdp=True)  # an announcement that must not be taken for an answer
            await alice.told(180)
            await asyncio.sleep(0.3)
            assert not [response for response in alice.responses if response.status == 183]
            two.probe.say(sine(700, 8))
            two.reply(200, sdp=True)
            await alice.told(200)
            await hears(alice, 700)
            for loser in (one, three):
                cancel = await loser.asked("CANCEL")
                assert "SIP;cause=200" in (cancel.headers.get("Reason") or "")
            alice.hang_up()
            await two.asked("BYE")
            await rig.nothing_left()

    play(story)


def test_two_who_answer_in_the_same_moment(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phones(rig, "alice", "one", "two") as (alice, one, two):
            plan(rig, f"{{to: ['{one.uri}', '{two.uri}']}}")
            alice.call("200")
            await asyncio.gather(one.rings(), two.rings())
            one.probe.say(sine(700, 8))
            two.probe.say(sine(500, 8))
            one.reply(200, sdp=True)
            two.reply(200, sdp=True)
            await alice.told(200)
            await two.asked("ACK")
            await two.asked("BYE")
            await hears(alice, 700)
            alice.hang_up()
            await one.asked("BYE")
            await rig.nothing_left()
        assert len(rig.records) == 1

    play(story)


def test_a_hunt_goes_on_with_a_ringing_tone_after_early_sound(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phones(rig, "alice", "one", "two") as (alice, one, two):
            plan(rig, f"{{to: ['{one.uri}', '{two.uri}'], strategy: hunt}}")
            alice.call("200")
            await one.rings()
            one.probe.say(sine(700, 8))
            one.reply(183, sdp=True)
            await hears(alice, 700)
            one.reply(486)
            await two.rings()
            two.reply(180)
            await hears(alice, 425)
            two.probe.say(sine(900, 8))
            two.reply(200, sdp=True)
            await hears(alice, 900)
            assert [response.status for response in alice.responses if response.status > 100] == [183, 200]
            alice.hang_up()
            await two.asked("BYE")
            await rig.nothing_left()

    play(story)


def test_early_sound_that_nobody_heard_does_not_come_late(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phones(rig, "alice", "one", "two") as (alice, one, two):
            plan(rig, f"{{to: ['{one.uri}', '{two.uri}']}}")
            alice.call("200")
            await asyncio.gather(one.rings(), two.rings())
            two.reply(180)
            one.probe.say(sine(500, 2.0))
            one.reply(183, sdp=True)
            await asyncio.sleep(2.2)  # nobody takes what `one` sends: it stays in the socket
            one.probe.say(sine(900, 3.0))
            one.reply(200, sdp=True)
            await alice.told(200)
            await hears(alice, 900)
            assert alice.probe.heard.tone(0, 0.2).hz > 850
            alice.hang_up()
            await one.asked("BYE")
            await rig.nothing_left()

    play(story)


def test_nobody_answers_and_the_rule_goes_on(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phones(rig, "alice", "one", "two") as (alice, one, two):
            plan(rig, f"{{to: ['{one.uri}', '{two.uri}'], seconds: 0.5, then: continue}}", "echo")
            alice.call("200")
            await asyncio.gather(one.rings(), two.rings())
            one.reply(486)
            two.reply(180)
            alice.probe.say(sine(1100, 8))
            await alice.told(200)
            assert "SIP;cause=200" not in ((await two.asked("CANCEL")).headers.get("Reason") or "")
            await hears(alice, 1100)
            alice.hang_up()
            await rig.nothing_left()
        assert rig.records[0].variables == {"dial_status": "no_answer", "dial_cause": "no answer"}

    play(story)
