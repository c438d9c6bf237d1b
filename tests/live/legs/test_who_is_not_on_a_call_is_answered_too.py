"""Requests outside of calls: notices after REGISTER, OPTIONS of a switch that drains, unknown dialogs; and Reason."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause

Play = Callable[..., None]


@pytest.mark.parametrize(("event", "status"), [("message-summary", 200), ("presence", 489), ("", 489)])
def test_notices_that_nobody_asked_for(play: Play, event: str, status: int) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        lines = f"Event: {event}\r\nSubscription-State: terminated\r\n" if event else ""
        peer.send(
            peer.request(
                "NOTIFY", "alice", lines=lines, body="Messages-Waiting: no", content_type="application/simple-message"
            )
        )
        answer = await peer.response()
        assert answer.status == status

    play(story)


def test_options_says_whether_calls_are_taken(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("OPTIONS", call="one"))
        answer = await peer.response()
        assert answer.status == 200 and "UPDATE" in answer.options("Allow") and "timer" in answer.options("Supported")
        rig.user_agent.reception.draining = True
        peer.send(peer.request("OPTIONS", call="two"))
        assert (await peer.response()).status == 503

    play(story)


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "PRACK", "NOTIFY", "INVITE", "BYE"])
def test_a_dialog_that_is_not_there(play: Play, method: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request(method, to_tag="nowhere", branch="b"))
        assert (await peer.response()).status == 481
        if method == "INVITE":
            peer.send(peer.request("ACK", to_tag="nowhere", branch="b"))

    play(story)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ('SIP;cause=200;text="Call completed elsewhere"', "26 answered elsewhere"),
        ('Q.850;cause=31;text="x"', "31 normal, unspecified"),
        ("Q.850;cause=16", "16 cancelled by the caller"),
        ("nonsense", "16 cancelled by the caller"),
        ("SIP;cause=abc, Q.850;cause=17", "17 user busy"),
        ("Q.850;cause=0", "16 cancelled by the caller"),
        ("Q.850;cause=200", "16 cancelled by the caller"),
        ("Q.850;cause=99", "99 released by the peer"),
    ],
)
def test_a_cancel_says_why(play: Play, line: str, cause: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "601", body=peer.sdp(), branch="b"))
        await peer.response(180)
        peer.send(peer.request("CANCEL", "601", branch="b", lines=f"Reason: {line}\r\n"))
        refused = await peer.response(method="INVITE")
        peer.send(peer.request("ACK", "601", to_tag=refused.to.tag, branch="b"))
        await rig.nothing_left()
        assert rig.records[0].cause == cause

    play(story)


def test_we_say_why_we_cancel_and_hang_up(play: Play) -> None:
    async def story(rig: Any) -> None:
        from softswitch.call.steps import Wait

        peer = rig.peer
        target = f"sip:x@127.0.0.1:{peer.port}"
        call = rig.switchboard.dial(target, (Wait(seconds=9),))
        invite = await peer.asked("INVITE")
        peer.reply(invite, 180)
        rig.switchboard.hang_up(call, Cause.ELSEWHERE)
        cancel = await peer.asked("CANCEL")
        assert cancel.headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
        peer.reply(cancel, 200)
        peer.reply(invite, 487)
        await peer.asked("ACK")
        call = rig.switchboard.dial(target, (Wait(seconds=9),))
        peer.reply(await peer.asked("INVITE"), 200, body=peer.sdp())
        await peer.asked("ACK")
        rig.switchboard.hang_up(call, Cause.SHUTTING_DOWN)
        bye = await peer.asked("BYE")
        assert bye.headers.get("Reason").startswith("Q.850;cause=42;")
        peer.reply(bye, 200)

    play(story)


def test_a_refusal_says_why(play: Play) -> None:
    async def story(rig: Any) -> None:
        from softswitch.call.steps import Wait

        peer = rig.peer
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=9),))
        peer.reply(await peer.asked("INVITE"), 480, lines='Reason: Q.850;cause=18;text="no user responding"')
        await peer.asked("ACK")
        await rig.nothing_left()
        assert rig.records[0].cause.startswith("18 ") and rig.records[0].sip_code == 480

    play(story)


def test_a_description_among_other_parts_is_answered(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        body = (
            f"--b\r\nContent-Type: application/sdp\r\n\r\n{peer.sdp()}\r\n"
            "--b\r\nContent-Type: application/isup;version=itu-t92+\r\n"
            "Content-Disposition: signal;handling=optional\r\n\r\nxyz\r\n--b--\r\n"
        )
        peer.send(peer.request("INVITE", body=body, content_type="multipart/mixed;boundary=b"))
        answer = await peer.response()
        assert answer.status == 200 and answer.content_type == "application/sdp"
        peer.send(peer.request("ACK", to_tag=answer.to.tag))
        await peer.hang_up(answer.to.tag)

    play(story)
