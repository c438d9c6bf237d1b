"""Requests inside a call that get odd answers or no end: the call stays usable, or is over and forgotten."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.legs import session

Play = Callable[..., None]


def call_of(rig: Any) -> str:
    [(call, _)] = list(rig.switchboard.calls())
    return str(call.id)


def rack(response: Any) -> str:
    return f"RAck: {response.headers.get('RSeq')} {response.headers.get('CSeq')}\r\n"


def test_a_reinvite_that_is_pending_when_the_peer_hangs_up_is_taken_back(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        rig.switchboard.hold(call_of(rig), True)
        asked = await peer.asked("INVITE")
        peer.reply(asked, 100)
        await asyncio.sleep(0.05)
        await peer.hang_up(tag)  # and never a final answer

    play(story)


def test_a_reinvite_that_is_pending_when_we_hang_up_is_taken_back(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        await peer.up()
        call = call_of(rig)
        rig.switchboard.hold(call, True)
        asked = await peer.asked("INVITE")
        peer.reply(asked, 100)
        await asyncio.sleep(0.05)
        rig.switchboard.hang_up(call)
        requests = [await _request(peer), await _request(peer)]
        assert {request.method for request in requests} == {"BYE", "CANCEL"}
        for request in requests:
            peer.reply(request, 200)
        peer.reply(asked, 200, body=peer.sdp())  # crosses both
        await peer.asked("ACK")

    play(story)


async def _request(peer: Any) -> Any:
    while True:
        message = await peer.receive()
        if hasattr(message, "method"):
            return message


def test_a_refresh_whose_answer_has_a_broken_contact_counts(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        lines = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 2;refresher=uas\r\n"
        tag = await peer.up(lines=lines)
        for _ in range(3):
            update = await peer.asked("UPDATE")
            answer = update.reply(200, headers=[("Contact", "<sip:"), ("Session-Expires", "2;refresher=uac")])
            peer.send(bytes(answer))
        assert rig.switchboard.active == 1
        await peer.hang_up(tag)

    play(story)


def test_a_prack_brings_no_offer_while_ours_is_open(play: Play) -> None:
    """The 180 is acknowledged late, after a 200 with our offer: its PRACK can not bring another one."""

    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "608", lines="Require: 100rel\r\n"))
        ringing = await peer.response(180)
        answer = await peer.response(method="INVITE")
        tag = answer.to.tag
        assert answer.status == 200 and answer.body
        peer.send(peer.request("PRACK", "608", cseq=2, to_tag=tag, lines=rack(ringing), body=peer.sdp(port=40002)))
        assert (await peer.response(method="PRACK")).status == 491
        ack = peer.request("ACK", "608", to_tag=tag, body=peer.sdp(port=40004))
        peer.send(ack)
        await asyncio.sleep(0.05)
        await peer.hang_up(tag)
        await rig.nothing_left()
        assert rig.records[0].outcome == "answered" and rig.records[0].media.remote == "127.0.0.1:40004"

    play(story)


@pytest.mark.parametrize("offering", ["ours", "theirs"])
def test_a_late_prack_brings_no_offer_into_a_call_that_is_up(play: Play, offering: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "608", body=peer.sdp(), lines="Require: 100rel\r\n"))
        ringing = await peer.response(180)
        tag = (await peer.response(method="INVITE")).to.tag
        peer.send(peer.request("ACK", "608", to_tag=tag))
        await asyncio.sleep(0.02)
        if offering == "ours":
            rig.switchboard.hold(call_of(rig), True)
            asked = await peer.asked("INVITE")
        else:  # a re-INVITE without an offer: ours is in the 200
            peer.send(peer.request("INVITE", "608", cseq=2, to_tag=tag, branch="late"))
            assert (await peer.response(method="INVITE")).body
        peer.send(peer.request("PRACK", "608", cseq=3, to_tag=tag, lines=rack(ringing), body=peer.sdp(port=40002)))
        assert (await peer.response(method="PRACK")).status == 491
        if offering == "ours":
            peer.reply(asked, 200, body=peer.sdp(direction="recvonly"))
            await peer.asked("ACK")
        else:
            peer.send(peer.request("ACK", "608", cseq=2, to_tag=tag, body=peer.sdp()))
        await peer.hang_up(tag)

    play(story)


def test_a_peer_that_always_says_491_is_not_asked_for_ever(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        rig.switchboard.hold(call_of(rig), True)
        asked = 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                while True:
                    peer.reply(await peer.asked("INVITE"), 491)
                    asked += 1
        assert 3 <= asked <= 20
        assert rig.switchboard.active == 1
        await peer.hang_up(tag)

    monkeypatch.setattr(session, "glare_seconds", lambda leg: 0.01)
    play(story)


def test_holding_often_keeps_nothing(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        for count in range(40):
            rig.switchboard.hold(call_of(rig), count % 2 == 0)
            asked = await peer.asked("INVITE")
            peer.reply(asked, 200, body=peer.sdp(direction="sendrecv" if count % 2 else "recvonly"))
            await peer.asked("ACK")
        assert len(rig.user_agent._inviting) < 20
        assert len(rig.user_agent._outgoing) < 20
        await peer.hang_up(tag)

    play(story)
