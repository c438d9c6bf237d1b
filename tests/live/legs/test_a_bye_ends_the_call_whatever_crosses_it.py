"""A BYE and another request meet on the way: the call is over once, everything is answered, nothing is held."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Play = Callable[..., None]


def call_of(rig: Any) -> str:
    [(call, _)] = list(rig.switchboard.calls())
    return str(call.id)


def test_a_bye_right_behind_a_reinvite(play: Play) -> None:
    """Both reach us before we have answered either."""

    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        peer.send(peer.request("INVITE", cseq=2, to_tag=tag, body=peer.sdp(direction="sendonly")))
        peer.send(peer.request("BYE", cseq=3, to_tag=tag))
        answers = {(answer.cseq.method, answer.status) for answer in [await peer.response(), await peer.response()]}
        assert answers == {("INVITE", 200), ("BYE", 200)}
        peer.send(peer.request("ACK", cseq=2, to_tag=tag))

    play(story)


def test_a_bye_that_overtakes_a_reinvite(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        assert (await peer.hang_up(tag, cseq=3)).status == 200
        peer.send(peer.request("INVITE", cseq=2, to_tag=tag, body=peer.sdp(), branch="late"))
        assert (await peer.response(method="INVITE")).status in (481, 500)
        peer.send(peer.request("ACK", cseq=2, to_tag=tag, branch="late"))
        await rig.nothing_left()
        assert len(rig.records) == 1

    play(story)


@pytest.mark.parametrize("status", [200, 481, 487])
def test_a_bye_that_crosses_our_reinvite(play: Play, status: int) -> None:
    """Whatever the peer then says to our re-INVITE is acknowledged; we do not hang up a call that is over."""

    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        rig.switchboard.hold(call_of(rig), True)
        asked = await peer.asked("INVITE")
        assert (await peer.hang_up(tag)).status == 200
        peer.reply(asked, status, body=peer.sdp(direction="recvonly") if status == 200 else "")
        ack = await peer.asked("ACK")
        assert ack.cseq.number == asked.cseq.number
        await rig.nothing_left()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await peer.asked("BYE")

    play(story)


def test_a_reinvite_that_crosses_our_bye(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        rig.switchboard.hang_up(call_of(rig))
        bye = await peer.asked("BYE")
        peer.send(peer.request("INVITE", cseq=2, to_tag=tag, body=peer.sdp(), branch="r"))
        assert (await peer.response(method="INVITE")).status == 481
        peer.send(peer.request("ACK", cseq=2, to_tag=tag, branch="r"))
        peer.reply(bye, 200)

    play(story)


def test_two_byes_at_once(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        rig.switchboard.hang_up(call_of(rig))
        bye = await peer.asked("BYE")
        peer.send(peer.request("BYE", cseq=2, to_tag=tag))
        # 200 or 481 (RFC 3261 section 15.1.2): either tells the peer that the call is over.
        assert (await peer.response(method="BYE")).status in (200, 481)
        peer.reply(bye, 200)

    play(story)


@pytest.mark.parametrize("method", ["UPDATE", "INFO", "OPTIONS"])
def test_any_request_that_crosses_our_bye(play: Play, method: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        rig.switchboard.hang_up(call_of(rig))
        bye = await peer.asked("BYE")
        peer.send(peer.request(method, cseq=2, to_tag=tag))
        assert (await peer.response(method=method)).status in (200, 481)
        peer.reply(bye, 200)

    play(story)
