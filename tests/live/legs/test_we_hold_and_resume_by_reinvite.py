"""Hold by us: a re-INVITE that says sendonly, another that says sendrecv; what a peer refuses is not asked again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sip.message import Request

Play = Callable[..., None]


def call_of(rig: Any) -> str:
    [(call, _)] = list(rig.switchboard.calls())
    return str(call.id)


def acknowledge(rig: Any, tag: str, cseq: int) -> None:
    rig.peer.send(rig.peer.request("ACK", cseq=cseq, to_tag=tag))


async def answered(rig: Any, direction: str) -> Request:
    """Wait for the switch's re-INVITE, answer it; return it."""
    asked: Request = await rig.peer.asked("INVITE")
    rig.peer.reply(asked, 200, body=rig.peer.sdp(direction=direction))
    ack = await rig.peer.asked("ACK")
    assert ack.cseq.number == asked.cseq.number
    return asked


def test_hold_and_resume(play: Play) -> None:
    async def story(rig: Any) -> None:
        tag = await rig.peer.up()
        rig.switchboard.hold(call_of(rig), True)
        held = await answered(rig, "recvonly")
        rig.switchboard.hold(call_of(rig), False)
        resumed = await answered(rig, "sendrecv")
        assert b"a=sendonly" in held.body and b"a=sendrecv" in resumed.body
        assert resumed.cseq.number == held.cseq.number + 1
        assert held.to.tag == "ours-call" and held.contact is not None
        await rig.peer.hang_up(tag)

    play(story)


@pytest.mark.parametrize("status", [403, 488, 500, 603])
def test_a_refused_hold_leaves_the_call_as_it_was(play: Play, status: int) -> None:
    async def story(rig: Any) -> None:
        tag = await rig.peer.up()
        rig.switchboard.hold(call_of(rig), True)
        rig.peer.reply(await rig.peer.asked("INVITE"), status)
        await rig.peer.asked("ACK")
        await asyncio.sleep(0.1)
        assert rig.switchboard.active == 1
        await rig.peer.hang_up(tag)

    play(story)


@pytest.mark.parametrize("status", [408, 481])
def test_a_peer_that_does_not_know_the_call_ends_it(play: Play, status: int) -> None:
    async def story(rig: Any) -> None:
        await rig.peer.up()
        rig.switchboard.hold(call_of(rig), True)
        rig.peer.reply(await rig.peer.asked("INVITE"), status)
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story)


def test_a_peer_that_says_nothing_more_ends_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        await rig.peer.up()
        rig.switchboard.hold(call_of(rig), True)
        await rig.peer.asked("INVITE")
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story)


def test_two_offers_at_once_send_both_away_and_ours_comes_again(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        rig.switchboard.hold(call_of(rig), True)
        ours = await peer.asked("INVITE")
        peer.send(peer.request("INVITE", cseq=2, to_tag=tag, body=peer.sdp(), branch="glare"))
        assert (await peer.response()).status == 491
        peer.send(peer.request("ACK", cseq=2, to_tag=tag, branch="glare"))
        peer.reply(ours, 491)
        # We did not make this call: 0 to 2 s (RFC 3261 section 14.1). The peer's own turn comes first here.
        peer.send(peer.request("UPDATE", cseq=3, to_tag=tag, body=peer.sdp()))
        assert (await peer.response(method="UPDATE")).status == 200
        await peer.hang_up(tag, cseq=4)

    play(story)


def test_after_491_the_owner_of_the_call_waits_longer(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, loop = rig.peer, asyncio.get_running_loop()
        from softswitch.call.steps import Wait

        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        peer.reply(await peer.asked("INVITE"), 200, body=peer.sdp())
        await peer.asked("ACK")
        rig.switchboard.hold(call, True)
        peer.reply(await peer.asked("INVITE"), 491)
        began = loop.time()
        again = await asyncio.wait_for(_next_invite(peer), 6)
        assert 2.0 < loop.time() - began < 4.5
        peer.reply(again, 200, body=peer.sdp(direction="recvonly"))
        await peer.asked("ACK")
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


async def _next_invite(peer: Any) -> Request:
    while True:
        try:
            request: Request = await peer.asked("INVITE")
            return request
        except TimeoutError:  # a receive of the peer lasts three seconds at most
            pass


def test_a_hold_waits_for_the_ack_of_our_answer(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", body=peer.sdp()))
        answer = await peer.response()
        tag = answer.to.tag or ""
        rig.switchboard.hold(call_of(rig), True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await peer.asked("INVITE")
        acknowledge(rig, tag, 1)
        await answered(rig, "recvonly")
        await peer.hang_up(tag)

    play(story)
