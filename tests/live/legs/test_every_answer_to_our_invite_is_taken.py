"""What called phones may answer: refusals of every kind, forks, answers that come too late, and nothing."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.steps import Say, Wait

Play = Callable[..., None]


def dial(rig: Any, *, caller_id: str = "42", steps: Any = ()) -> str:
    steps = steps or (Wait(seconds=30),)
    call: str = rig.switchboard.dial(f"sip:x@127.0.0.1:{rig.peer.port}", steps, caller_id=caller_id)
    return call


@pytest.mark.parametrize("status", [302, 401, 404, 407, 486, 503, 603, 699])
def test_a_refusal_ends_the_call_and_both_sides_of_a_bridge(play: Play, status: int) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "91", body=peer.sdp(), branch="b"))
        asked = await peer.asked("INVITE")
        peer.reply(asked, status)
        refused = await peer.response(method="INVITE")
        assert refused.status >= 400
        # A challenge of somebody else's without its challenge header would be nonsense.
        assert refused.status not in (401, 407)
        peer.send(peer.request("ACK", "91", branch="b", to_tag=refused.to.tag))

    play(story)


def test_hanging_up_at_once_calls_nobody(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.switchboard.hang_up(dial(rig))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await rig.peer.asked("INVITE")

    play(story)


@pytest.mark.parametrize("caller", ["a>b", 'q"uote', "two words", "ünï", "a@b;tag=1", "<sip:x@y>", "\r\nInjected: y"])
def test_any_caller_id_can_be_shown(play: Play, caller: str) -> None:
    async def story(rig: Any) -> None:
        dial(rig, caller_id=caller)
        asked = await rig.peer.asked("INVITE")
        assert asked.headers.get("Injected") is None
        rig.peer.reply(asked, 486)

    play(story)


def test_nothing_is_said_before_the_answer(play: Play) -> None:
    async def story(rig: Any) -> None:
        dial(rig, steps=(Say(text="hello"),))
        asked = await rig.peer.asked("INVITE")
        rig.peer.reply(asked, 180)
        await asyncio.sleep(0.1)
        assert rig.switchboard.active == 1  # to speak would have ended the call: there is no engine
        rig.peer.reply(asked, 486)
        await rig.nothing_left()
        assert rig.records[0].outcome == "busy"

    play(story)


def test_an_answer_that_crosses_our_cancel(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        call = dial(rig)
        asked = await peer.asked("INVITE")
        peer.reply(asked, 180)
        await asyncio.sleep(0.05)
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("CANCEL"), 200)
        peer.reply(asked, 200, body=peer.sdp())
        await peer.asked("ACK")
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_the_phone_that_answers_is_the_one_that_is_heard(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        call = dial(rig)
        asked = await peer.asked("INVITE")
        peer.reply(asked, 183, tag="first", body=peer.sdp(port=40002))
        await asyncio.sleep(0.05)
        peer.reply(asked, 200, tag="second", body=peer.sdp(port=40004))
        await peer.asked("ACK")
        await asyncio.sleep(0.05)
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("BYE"), 200)
        await rig.nothing_left()
        assert rig.records[0].media.remote == "127.0.0.1:40004"

    play(story)


def test_an_answer_without_sound_is_acknowledged_and_ended(play: Play) -> None:
    async def story(rig: Any) -> None:
        dial(rig)
        rig.peer.reply(await rig.peer.asked("INVITE"), 200)
        await rig.peer.asked("ACK")
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story)


def test_a_phone_that_never_answers(play: Play) -> None:
    async def story(rig: Any) -> None:
        dial(rig)
        await rig.nothing_left()
        assert rig.records[0].outcome == "no_answer"

    play(story)


def test_more_keys_than_can_be_sent_end_nothing(play: Play) -> None:
    async def story(rig: Any) -> None:
        call = dial(rig)
        asked = await rig.peer.asked("INVITE")
        sdp = rig.peer.sdp(codec="0 101") + "a=rtpmap:101 telephone-event/8000\r\n"
        rig.peer.reply(asked, 200, body=sdp)
        await rig.peer.asked("ACK")
        leg = next(iter(rig.switchboard._calls[call].stage.patch.legs.values()))
        for _ in range(500):
            leg.send_dtmf("1ä!é 2")
        rig.switchboard.hang_up(call)
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story)
