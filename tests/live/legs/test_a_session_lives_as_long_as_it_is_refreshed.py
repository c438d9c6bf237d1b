"""Session timers (RFC 4028) on a real user agent, in both roles; the rig's are seconds instead of minutes."""

import asyncio
from collections.abc import Callable
from typing import Any

from softswitch.call.steps import Wait

Play = Callable[..., None]


def test_an_interval_that_is_too_short_is_refused(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        lines = "Supported: timer\r\nSession-Expires: 1\r\n"
        peer.send(peer.request("INVITE", body=peer.sdp(), lines=lines, branch="b"))
        refused = await peer.response()
        assert (refused.status, refused.headers.get("Min-SE")) == (422, "2")
        peer.send(peer.request("ACK", to_tag=refused.to.tag, branch="b"))

    play(story)


def test_a_caller_that_does_not_refresh_is_given_up(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        lines = "Supported: timer\r\nSession-Expires: 2;refresher=uac\r\n"
        peer.send(peer.request("INVITE", body=peer.sdp(), lines=lines))
        answer = await peer.response()
        assert answer.headers.get("Session-Expires") == "2;refresher=uac"
        peer.send(peer.request("ACK", to_tag=answer.to.tag))
        peer.reply(await peer.asked("BYE"), 200)
        await rig.nothing_left()
        assert "nobody refreshed" in rig.records[0].cause

    play(story)


def test_a_caller_that_refreshes_lives_on(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        lines = "Supported: timer\r\nSession-Expires: 2;refresher=uac\r\n"
        peer.send(peer.request("INVITE", body=peer.sdp(), lines=lines))
        tag = (await peer.response()).to.tag
        peer.send(peer.request("ACK", to_tag=tag))
        for cseq in range(2, 6):
            await asyncio.sleep(0.8)
            peer.send(peer.request("UPDATE", cseq=cseq, to_tag=tag, lines=lines))
            answer = await peer.response(method="UPDATE")
            assert answer.headers.get("Session-Expires") == "2;refresher=uac"
        assert rig.switchboard.active == 1
        await peer.hang_up(tag)

    play(story)


def test_we_refresh_where_the_peer_leaves_it_to_us(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up(lines="Supported: timer\r\n")
        asked = await peer.asked("INVITE")  # it did not say that it takes UPDATE
        assert asked.headers.get("Session-Expires") == "3;refresher=uac" and b"m=audio" in asked.body
        peer.reply(asked, 200, body=peer.sdp(), lines="Session-Expires: 3;refresher=uac")
        await peer.asked("ACK")
        await peer.hang_up(tag)

    play(story)


def test_a_peer_without_timers_is_left_alone(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", body=peer.sdp()))
        answer = await peer.response()
        assert answer.headers.get("Session-Expires") is None
        peer.send(peer.request("ACK", to_tag=answer.to.tag))
        await peer.hang_up(answer.to.tag)

    play(story)


def test_we_refresh_by_update_where_the_peer_takes_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        invite = await peer.asked("INVITE")
        assert invite.headers.get("Session-Expires") == "3"
        lines = "Session-Expires: 3;refresher=uac\r\nAllow: INVITE, ACK, BYE, UPDATE"
        peer.reply(invite, 200, body=peer.sdp(), lines=lines)
        await peer.asked("ACK")
        for _ in range(2):
            update = await peer.asked("UPDATE")
            assert not update.body
            peer.reply(update, 200, lines="Session-Expires: 3;refresher=uac")
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_a_longer_interval_is_asked_for_when_the_peer_wants_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        first = await peer.asked("INVITE")
        peer.reply(first, 422, lines="Min-SE: 600")
        again = await peer.asked("INVITE")
        assert again.headers.get("Session-Expires") == "600" and again.cseq.number == 2
        assert again.call_id == first.call_id
        peer.reply(again, 200, body=peer.sdp())
        assert (await peer.asked("ACK")).cseq.number == 2
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_a_refresh_that_meets_no_such_call_ends_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        await peer.up(lines="Supported: timer\r\n")
        peer.reply(await peer.asked("INVITE"), 481)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)
