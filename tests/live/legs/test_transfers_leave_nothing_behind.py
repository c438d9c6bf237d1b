"""Each way in which a transfer can come out, many times over: no leg, dialog, port or seat of the clock is left."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.document import parse
from softswitch.switchboard import Script
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.transferring_phone import Phone

Play = Callable[..., None]
#: Of each kind; all are over within seconds.
TIMES = 25
AT_ONCE = 5


class Four:
    """Alice talks with bob; carol can be called as 300, and bob has a second line."""

    def __init__(self, rig: Any, probe: RtpProbe, number: int) -> None:
        self.rig, self.number = rig, number
        self.alice, self.bob, self.carol, self.bob2 = (
            Phone(rig, probe, f"{name}{number}") for name in ("alice", "bob", "carol", "second")
        )

    def at(self, user: str) -> str:
        host, port = self.rig.sip
        return f"sip:{user}@{host}:{port}"

    @property
    def carols(self) -> str:
        return f"3{self.number:03}"

    async def talk(self) -> None:
        self.alice.call(f"2{self.number:03}")
        await self.bob.rings()
        self.bob.reply(200, sdp=True)
        await self.alice.told(200)

    async def send_on(self) -> None:
        self.bob.refer(self.at(self.carols))
        await self.carol.rings()

    async def close(self) -> None:
        for phone in (self.alice, self.bob, self.carol, self.bob2):
            phone.ask("BYE") if phone._called is not None or phone._tag else None
        await asyncio.sleep(0.2)
        for phone in (self.alice, self.bob, self.carol, self.bob2):
            await phone.close()


async def reached(four: Four) -> None:
    await four.send_on()
    four.carol.reply(180)
    four.carol.reply(200, sdp=True)
    await four.bob.is_told(200)
    four.bob.ask("BYE")


async def left_to_us(four: Four) -> None:
    four.alice.refer(four.at(four.carols))
    await four.carol.rings()
    four.carol.reply(200, sdp=True)
    await four.alice.is_told(200)
    await four.alice.asked("BYE", 8)


async def busy(four: Four) -> None:
    await four.send_on()
    four.carol.reply(486)
    await four.bob.is_told(486)


async def refused(four: Four) -> None:
    four.bob.refer(four.at("999"))
    await four.bob.is_told(404)


async def caller_leaves(four: Four) -> None:
    await four.send_on()
    four.carol.reply(180)
    four.alice.ask("BYE")
    await four.carol.asked("CANCEL")


async def transferor_leaves(four: Four) -> None:
    await four.send_on()
    four.bob.ask("BYE")
    four.carol.reply(486)


async def caller_who_transfers_leaves(four: Four) -> None:
    four.alice.refer(four.at(four.carols))
    four.alice.ask("BYE")
    await four.carol.rings()
    four.carol.reply(486)


async def joined(four: Four) -> None:
    four.bob2.call(four.carols)
    await four.carol.rings()
    four.carol.reply(200, sdp=True)
    await four.bob2.told(200)
    four.bob.refer(four.at(four.carols), four.bob2.dialog)
    await four.bob2.asked("BYE")
    four.bob.ask("BYE")


async def joined_while_it_rings(four: Four) -> None:
    four.bob2.call(four.carols)
    await four.carol.rings()
    four.carol.reply(180)
    ringing = await four.bob2.told(180)
    four.bob2._tag = ringing.to.tag or ""
    four.bob.refer(four.at(four.carols), four.bob2.dialog)
    await four.bob2.told(487)
    four.bob2._tag = ""
    four.carol.reply(486)
    await four.alice.asked("BYE")


async def replaced(four: Four) -> None:
    four.bob2.call_instead("200", four.bob.dialog)
    await four.bob2.told(200)
    await four.bob.asked("BYE")


async def asked_for_by_us(four: Four) -> None:
    call = next(call for call, parties in four.rig.switchboard.calls() if parties.to == f"2{four.number:03}")
    four.rig.switchboard.transfer(call.id, f"sip:x@127.0.0.1:{four.carol.peer.port}")
    await four.carol.rings()
    four.carol.reply(200, sdp=True)
    await four.bob.asked("BYE")


WAYS = (
    reached,
    left_to_us,
    busy,
    refused,
    caller_leaves,
    transferor_leaves,
    caller_who_transfers_leaves,
    joined,
    joined_while_it_rings,
    replaced,
    asked_for_by_us,
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: str(way.__name__))
def test_nothing_is_left(play: Play, way: Any) -> None:
    times = 10 if way is left_to_us else TIMES  # which takes seconds each time

    async def story(rig: Any) -> None:
        with ExitStack() as stack:
            probe = stack.enter_context(RtpProbe())
            for first in range(0, times, AT_ONCE):
                fours = [Four(rig, probe, number) for number in range(first, first + AT_ONCE)]
                rules = [
                    f"{{number: '{digit}{four.number:03}', steps: [dial: {{to: '{phone.uri}', seconds: 9}}]}}"
                    for four in fours
                    for digit, phone in ((2, four.bob), (3, four.carol))
                ]
                plan = Dialplan(load_rules(parse(Path("p.yaml"), f"rules: [{', '.join(rules)}]")))
                rig.switchboard.script = Script(plan, rig.switchboard.script.agents, rig.switchboard.script.sounds)
                await asyncio.gather(*(four.talk() for four in fours))
                await asyncio.gather(*(way(four) for four in fours))
                await asyncio.gather(*(four.close() for four in fours))
            await rig.nothing_left()
        finished = len(rig.records)
        assert finished == times * (2 if way in (joined, joined_while_it_rings) else 1)

    play(story)
