"""Several phones behind one INVITE of ours: what one says later is nothing to the call that another answered."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.steps import Wait
from softswitch.sip.message import Request

Play = Callable[..., None]


def dial(rig: Any) -> str:
    call: str = rig.switchboard.dial(f"sip:x@127.0.0.1:{rig.peer.port}", (Wait(seconds=30),))
    return call


def from_phone(
    rig: Any, invite: Request, method: str, tag: str, *, cseq: int = 1, body: str = "", lines: str = ""
) -> str:
    """Return a request of the called phone with that tag, in the dialog of our INVITE."""
    peer = rig.peer
    if body:
        lines += "Content-Type: application/sdp\r\n"
    return (
        f"{method} {invite.contacts[0].uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK-{tag}-{method}-{cseq}\r\nMax-Forwards: 70\r\n"
        f"From: {invite.headers.get('To')};tag={tag}\r\nTo: {invite.headers.get('From')}\r\n"
        f"Call-ID: {invite.call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:x@127.0.0.1:{peer.port}>\r\n"
        f"{lines}Content-Length: {len(body)}\r\n\r\n{body}"
    )


async def end(rig: Any, call: str) -> None:
    rig.switchboard.hang_up(call)
    bye = await rig.peer.asked("BYE")
    rig.peer.reply(bye, 200)


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE"])
def test_a_phone_that_lost_cannot_end_or_move_the_call(play: Play, method: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        call = dial(rig)
        invite = await peer.asked("INVITE")
        peer.reply(invite, 180, tag="loser")
        peer.reply(invite, 200, tag="winner", body=peer.sdp(port=40004))
        await peer.asked("ACK")
        body = "" if method == "BYE" else peer.sdp(port=40006)
        peer.send(from_phone(rig, invite, method, "loser", body=body))
        assert (await peer.response(method=method)).status == 481
        if method == "INVITE":
            peer.send(from_phone(rig, invite, "ACK", "loser"))
        assert rig.switchboard.active == 1
        await end(rig, call)
        await rig.nothing_left()
        assert rig.records[0].media.remote == "127.0.0.1:40004"

    play(story)


def test_a_bye_before_the_answer_takes_our_invite_back(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        dial(rig)
        invite = await peer.asked("INVITE")
        peer.reply(invite, 180, tag="first")
        await asyncio.sleep(0.05)
        peer.send(from_phone(rig, invite, "BYE", "first"))  # RFC 3261 section 15 forbids it; some do it all the same
        cancel = await peer.asked("CANCEL")
        peer.reply(cancel, 200)
        peer.reply(invite, 200, tag="first", body=peer.sdp())  # crosses our CANCEL
        await peer.asked("ACK")
        peer.reply(await peer.asked("BYE"), 200)
        await rig.nothing_left()
        assert len(rig.records) == 1

    play(story)


@pytest.mark.parametrize("winner", ["first", "second"])
def test_an_early_update_does_not_spoil_the_answer(play: Play, winner: str) -> None:
    """The phone changes its sound while it rings; its 200, or that of another, still answers our offer."""

    async def story(rig: Any) -> None:
        peer = rig.peer
        call = dial(rig)
        invite = await peer.asked("INVITE")
        peer.reply(invite, 183, tag="first", body=peer.sdp(port=40002), lines="Require: 100rel\r\nRSeq: 1")
        peer.reply(await peer.asked("PRACK"), 200)
        peer.send(from_phone(rig, invite, "UPDATE", "first", body=peer.sdp(port=40004)))
        assert (await peer.response(method="UPDATE")).status == 200
        port = 40004 if winner == "first" else 40006
        peer.reply(invite, 183, tag=winner, body=peer.sdp(port=port))
        peer.reply(invite, 200, tag=winner, body=peer.sdp(port=port))
        await peer.asked("ACK")
        await asyncio.sleep(0.05)
        await end(rig, call)
        await rig.nothing_left()
        assert rig.records[0].outcome == "answered"
        assert rig.records[0].media.remote == f"127.0.0.1:{port}"

    play(story)


def test_a_phone_that_has_not_answered_our_offer_makes_none(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        call = dial(rig)
        invite = await peer.asked("INVITE")
        peer.reply(invite, 183, tag="first", body=peer.sdp(port=40002))
        peer.reply(invite, 180, tag="second")
        await asyncio.sleep(0.05)
        peer.send(from_phone(rig, invite, "UPDATE", "second", body=peer.sdp(port=40004)))
        refused = await peer.response(method="UPDATE")
        assert refused.status == 500 and refused.headers.get("Retry-After")  # RFC 3311 section 5.2
        peer.reply(invite, 200, tag="first", body=peer.sdp(port=40002))
        await peer.asked("ACK")
        await end(rig, call)
        await rig.nothing_left()
        assert rig.records[0].media.remote == "127.0.0.1:40002"

    play(story)


def test_a_session_timer_of_an_early_update_waits_for_the_answer(play: Play) -> None:
    """A phone may ring for longer than the interval; nothing is refreshed before there is a session."""

    async def story(rig: Any) -> None:
        peer, user_agent = rig.peer, rig.user_agent
        call = dial(rig)
        invite = await peer.asked("INVITE")
        peer.reply(invite, 183, tag="first", body=peer.sdp(port=40002), lines="Require: 100rel\r\nRSeq: 1")
        peer.reply(await peer.asked("PRACK"), 200)
        lines = "Supported: timer\r\nSession-Expires: 2;refresher=uas\r\n"
        peer.send(from_phone(rig, invite, "UPDATE", "first", lines=lines))
        assert (await peer.response(method="UPDATE")).status == 200
        fired = 0
        [leg] = {id(leg): leg for leg in user_agent._dialogs.values()}.values()
        timer_fired = leg._pump._fired

        def count() -> None:
            nonlocal fired
            fired += 1
            timer_fired()

        leg._pump._fired = count
        await asyncio.sleep(2.2)
        assert fired < 10, "the leg spins"
        assert rig.switchboard.active == 1
        peer.reply(invite, 200, tag="first")
        await peer.asked("ACK")
        await end(rig, call)

    play(story)
