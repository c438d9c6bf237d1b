"""Whatever our own code raises in the middle of a call ends that call, and takes nothing else with it."""

import asyncio
from collections.abc import Callable
from typing import Any

from softswitch.sip.flow import Flow

Play = Callable[..., None]


class Broken:
    """A voice that raises."""

    def take(self) -> None:
        raise ValueError("broken")

    def give(self, frame: object) -> None:
        raise ValueError("broken")


def test_a_voice_that_raises(play: Play) -> None:
    async def story(rig: Any) -> None:
        other = await rig.peer.up(call="other")
        await rig.peer.up(call="broken")
        live = list(rig.switchboard._calls.values())[1]
        live.stage.patch._bridge.b = Broken()
        rig.peer.reply(await rig.peer.asked("BYE"), 200)
        assert rig.switchboard.active == 1
        await rig.peer.hang_up(other, call="other")

    play(story, clean=False)


def test_an_agent_that_cannot_even_be_made(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.switchboard._agents = None
        await rig.peer.up("603")
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story, clean=False)


def test_a_call_that_nobody_could_take(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.user_agent.reception._on_invite = None
        rig.peer.send(rig.peer.request("INVITE", body=rig.peer.sdp()))
        assert (await rig.peer.response()).status == 500

    play(story, clean=False)


def test_a_call_that_is_up_outlives_the_way_it_came_by(play: Play) -> None:
    async def story(rig: Any) -> None:
        tag = await rig.peer.up()
        await asyncio.sleep(0.05)
        rig.user_agent._flow_failed(Flow("UDP", rig.sip, ("127.0.0.1", rig.peer.port)))
        assert rig.switchboard.active == 1
        await rig.peer.hang_up(tag)

    play(story)
