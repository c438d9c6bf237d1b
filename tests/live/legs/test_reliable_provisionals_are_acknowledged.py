"""Reliable provisional responses (RFC 3262) on a real user agent: PRACK in both roles, offers in every place."""

import asyncio
from collections.abc import Callable
from typing import Any

from softswitch.call.cause import Cause
from softswitch.call.steps import Wait

Play = Callable[..., None]


def rack(response: Any) -> str:
    return f"RAck: {response.headers.get('RSeq')} {response.headers.get('CSeq')}\r\n"


def test_we_wait_for_the_prack_of_early_media(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "606", body=peer.sdp(), lines="Supported: 100rel\r\n"))
        early = await peer.response(183)
        assert early.status == 183 and "100rel" in early.options("Require") and b"m=audio" in early.body
        copy = await peer.response(183)  # until it is acknowledged it comes again, and no 200 before
        assert (copy.status, copy.headers.get("RSeq")) == (183, early.headers.get("RSeq"))
        tag = early.to.tag
        peer.send(peer.request("PRACK", "606", cseq=2, to_tag=tag, lines=rack(early)))
        assert (await peer.response(method="PRACK")).status == 200
        answer = await peer.response(method="INVITE")
        assert answer.status == 200
        peer.send(peer.request("ACK", "606", to_tag=tag))
        await peer.hang_up(tag)

    play(story)


def test_a_prack_of_something_else_is_unknown(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "606", body=peer.sdp(), lines="Supported: 100rel\r\n"))
        early = await peer.response(183)
        peer.send(peer.request("PRACK", "606", cseq=2, to_tag=early.to.tag, lines="RAck: 1 1 INVITE\r\n"))
        assert (await peer.response(method="PRACK")).status == 481
        peer.send(peer.request("PRACK", "606", cseq=3, to_tag=early.to.tag, lines=rack(early)))
        assert (await peer.response(method="PRACK")).status == 200
        assert (await peer.response(method="INVITE")).status == 200
        peer.send(peer.request("ACK", "606", to_tag=early.to.tag))
        await peer.hang_up(early.to.tag)

    play(story)


def test_without_a_prack_the_call_is_given_up(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "606", body=peer.sdp(), lines="Supported: 100rel\r\n", branch="b"))
        refused = await peer.response(200)
        assert refused.status == 504
        peer.send(peer.request("ACK", "606", to_tag=refused.to.tag, branch="b"))

    play(story)


def test_a_caller_without_100rel_gets_plain_early_media(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "606", body=peer.sdp()))
        early = await peer.response(183)
        assert early.headers.get("RSeq") is None and early.body
        tag = (await peer.response()).to.tag
        peer.send(peer.request("ACK", "606", to_tag=tag))
        await peer.hang_up(tag)

    play(story)


def test_our_offer_goes_by_a_reliable_183_and_the_prack_brings_the_answer(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "606", lines="Supported: 100rel\r\n"))
        early = await peer.response(183)
        assert b"m=audio" in early.body
        tag = early.to.tag
        peer.send(peer.request("PRACK", "606", cseq=2, to_tag=tag, lines=rack(early), body=peer.sdp()))
        assert (await peer.response(method="PRACK")).status == 200
        answer = await peer.response(method="INVITE")
        assert answer.status == 200 and not answer.body  # said once is said (RFC 6337 section 3.1.1)
        peer.send(peer.request("ACK", "606", to_tag=tag))
        await peer.hang_up(tag)
        await rig.nothing_left()
        assert rig.records[0].outcome == "answered" and rig.records[0].media.codec == "PCMU"

    play(story)


def test_we_acknowledge_each_reliable_response_once(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        invite = await peer.asked("INVITE")
        assert "100rel" in invite.options("Supported")
        for number in (7, 7, 8):
            peer.reply(invite, 183, body=peer.sdp(), lines=f"Require: 100rel\r\nRSeq: {number}")
        pracks = []
        for _ in range(2):
            prack = await peer.asked("PRACK")
            pracks.append((prack.headers.get("RAck"), prack.cseq.number, prack.to.tag))
            peer.reply(prack, 200)
        assert pracks == [("7 1 INVITE", 2, "theirs"), ("8 1 INVITE", 3, "theirs")]
        peer.reply(invite, 200)
        ack = await peer.asked("ACK")
        assert ack.cseq.number == 1
        rig.switchboard.hang_up(call)
        bye = await peer.asked("BYE")
        assert bye.cseq.number == 4
        peer.reply(bye, 200)

    play(story)


def test_an_early_offer_to_an_invite_without_one_is_answered_in_the_prack(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"late_offer": True}
        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        invite = await peer.asked("INVITE")
        assert not invite.body
        peer.reply(invite, 183, body=peer.sdp(), lines="Require: 100rel\r\nRSeq: 1")
        prack = await peer.asked("PRACK")
        assert b"m=audio" in prack.body
        peer.reply(prack, 200)
        peer.reply(invite, 200)
        assert not (await peer.asked("ACK")).body
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_an_offer_in_the_200_is_answered_in_the_ack(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"late_offer": True}
        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        invite = await peer.asked("INVITE")
        peer.reply(invite, 180)
        peer.reply(invite, 200, body=peer.sdp())
        ack = await peer.asked("ACK")
        assert b"m=audio" in ack.body and ack.content_type == "application/sdp"
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_hanging_up_while_the_200_waits_refuses_the_call(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "606", body=peer.sdp(), lines="Supported: 100rel\r\n", branch="b"))
        early = await peer.response(183)
        await asyncio.sleep(0.15)  # the dialplan has answered, and nobody has acknowledged the 183
        [(call, _)] = list(rig.switchboard.calls())
        rig.switchboard.hang_up(call.id, Cause.SHUTTING_DOWN)
        refused = await peer.response(method="INVITE")
        assert refused.status == 503 and refused.to.tag == early.to.tag
        peer.send(peer.request("ACK", "606", to_tag=early.to.tag, branch="b"))
        await rig.nothing_left()
        assert rig.records[0].outcome != "answered"

    play(story)


def test_a_prack_without_the_answer_it_owes_ends_the_call(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "606", lines="Supported: 100rel\r\n", branch="b"))
        early = await peer.response(183)
        broken = peer.request("PRACK", "606", cseq=2, to_tag=early.to.tag, lines=rack(early), body="v=0\r\n")
        peer.send(broken)
        assert (await peer.response(method="PRACK")).status == 400
        refused = await peer.response(method="INVITE")
        assert refused.status == 488
        peer.send(peer.request("ACK", "606", to_tag=early.to.tag, branch="b"))

    play(story)


def test_a_reliable_answer_to_our_reinvite_is_acknowledged(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        [(call, _)] = list(rig.switchboard.calls())
        rig.switchboard.hold(call.id, True)
        asked = await peer.asked("INVITE")
        peer.reply(asked, 183, lines="Require: 100rel\r\nRSeq: 44")
        prack = await peer.asked("PRACK")
        assert prack.headers.get("RAck") == f"44 {asked.headers.get('CSeq')}"
        peer.reply(prack, 200)
        peer.reply(asked, 200, body=peer.sdp(direction="recvonly"))
        await peer.asked("ACK")
        await peer.hang_up(tag)

    play(story)
