"""On hold no sound tells whether the peer is still there; where no session timer does either, it is asked."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Play = Callable[..., None]


async def held(rig: Any) -> str:
    """Be on a call, and put the switch on hold; return its tag."""
    peer = rig.peer
    tag: str = await peer.up()
    peer.send(peer.request("INVITE", cseq=2, to_tag=tag, body=peer.sdp(direction="sendonly")))
    assert (await peer.response()).status == 200
    peer.send(peer.request("ACK", cseq=2, to_tag=tag))
    return tag


@pytest.mark.parametrize("status", [200, 405, 486, 501])
def test_whatever_it_answers_it_is_there(play: Play, status: int) -> None:
    async def story(rig: Any) -> None:
        tag = await held(rig)
        for _ in range(2):
            rig.peer.reply(await rig.peer.asked("OPTIONS"), status)
        assert rig.switchboard.active == 1
        await rig.peer.hang_up(tag)

    play(story, vigil=0.3)


@pytest.mark.parametrize("status", [408, 481])
def test_a_peer_that_does_not_know_the_call_is_gone(play: Play, status: int) -> None:
    async def story(rig: Any) -> None:
        await held(rig)
        rig.peer.reply(await rig.peer.asked("OPTIONS"), status)
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story, vigil=0.3)


def test_a_peer_that_says_nothing_is_gone(play: Play) -> None:
    async def story(rig: Any) -> None:
        await held(rig)
        await rig.peer.asked("OPTIONS")
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story, vigil=0.3)


def test_nobody_is_asked_while_sound_tells(play: Play) -> None:
    async def story(rig: Any) -> None:
        tag = await held(rig)
        peer = rig.peer
        peer.send(peer.request("INVITE", cseq=3, to_tag=tag, body=peer.sdp()))
        assert (await peer.response()).status == 200
        peer.send(peer.request("ACK", cseq=3, to_tag=tag))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.8):
                await peer.asked("OPTIONS")
        await peer.hang_up(tag)

    play(story, vigil=0.3)
