"""INVITE with Replaces: the dialog is found from our side, in every state that it may be in (RFC 3891)."""

import asyncio
from collections.abc import Callable
from typing import Any

from softswitch.call.steps import Wait
from softswitch.legs.signalling import InboundCall

Play = Callable[..., None]


class Invited:
    """The INVITEs that got as far as a call; none is answered."""

    def __init__(self, rig: Any) -> None:
        self.calls: list[InboundCall] = []
        invited = rig.user_agent.reception._on_invite

        def take(inbound: InboundCall, make: Any) -> None:
            if inbound.replaces:
                self.calls.append(inbound)
                make(lambda _leg, _event: None).hang_up()
            else:
                invited(inbound, make)

        rig.user_agent.reception._on_invite = take


async def replaces(peer: Any, value: str, call: str, more: str = "") -> int:
    """Send an INVITE with Replaces, acknowledge its refusal, return that one's status."""
    line = f"Replaces: {value}\r\n{more}"
    peer.send(peer.request("INVITE", call=call, body=peer.sdp(), lines=line, branch=call))
    refused = await peer.response(method="INVITE")
    peer.send(peer.request("ACK", call=call, to_tag=refused.to.tag, branch=call))
    return int(refused.status)


def test_a_call_that_stands_is_found_by_its_tags_the_right_way_round(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, invited = rig.peer, Invited(rig)
        tag = await peer.up()
        [leg] = rig.user_agent._dialogs.values()
        assert await replaces(peer, f"call;to-tag={tag};from-tag=ours-call", "b", "Require: replaces\r\n") == 487
        assert [call.replaces for call in invited.calls] == [leg.id]
        assert await replaces(peer, f"call;to-tag=ours-call;from-tag={tag}", "c") == 481
        assert await replaces(peer, f"call;to-tag={tag};from-tag=other", "d") == 481
        assert await replaces(peer, f"call;to-tag={tag};from-tag=ours-call;early-only", "e") == 486
        assert rig.user_agent.core.bad["replaces_refused"] == 3
        assert len(invited.calls) == 1
        await peer.hang_up(tag)

    play(story)


def test_a_call_that_is_over_is_declined_as_long_as_it_is_known(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, invited = rig.peer, Invited(rig)
        tag = await peer.up()
        peer.send(peer.request("REFER", cseq=2, to_tag=tag, lines="Refer-To: <sip:1@192.0.2.7>\r\n"))
        assert (await peer.response(method="REFER")).status == 202
        notify = await peer.asked("NOTIFY")  # while this has no answer, the leg waits for it
        await peer.hang_up(tag)
        assert await replaces(peer, f"call;to-tag={tag};from-tag=ours-call", "b") == 603
        peer.reply(notify, 481)
        await rig.nothing_left()
        assert await replaces(peer, f"call;to-tag={tag};from-tag=ours-call", "c") == 481
        assert invited.calls == []

    play(story)


def test_a_call_to_us_that_rings_is_not_ours_to_give(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, invited = rig.peer, Invited(rig)
        peer.send(peer.request("INVITE", "601", body=peer.sdp(), branch="ringing"))
        tag = (await peer.response(180)).to.tag
        assert await replaces(peer, f"call;to-tag={tag};from-tag=ours-call", "b") == 481
        assert invited.calls == []
        peer.send(peer.request("CANCEL", "601", branch="ringing"))
        while (await peer.response(method="INVITE")).status != 487:
            pass
        peer.send(peer.request("ACK", "601", to_tag=tag, branch="ringing"))

    play(story)


def test_a_call_of_ours_that_rings_may_be_taken(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, invited = rig.peer, Invited(rig)
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        invite = await peer.asked("INVITE")
        peer.reply(invite, 180)
        await asyncio.sleep(0.05)
        [leg] = rig.user_agent._dialogs.values()
        named = f"{invite.call_id};to-tag={invite.from_.tag};from-tag=theirs;early-only"
        assert await replaces(peer, named, "b") == 487
        assert [call.replaces for call in invited.calls] == [leg.id]
        peer.reply(invite, 486)
        await peer.asked("ACK")

    play(story)


def test_a_telephone_that_was_slower_than_another_has_no_call_to_be_taken(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, invited = rig.peer, Invited(rig)
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        invite = await peer.asked("INVITE")
        peer.reply(invite, 180, tag="slow")
        peer.reply(invite, 200, tag="fast", body=peer.sdp())
        await peer.asked("ACK")
        for tag, status in (("slow", 603), ("fast", 487)):
            named = f"{invite.call_id};to-tag={invite.from_.tag};from-tag={tag}"
            assert await replaces(peer, named, f"b{tag}") == status
        assert len(invited.calls) == 1
        next(iter(rig.user_agent._dialogs.values())).hang_up()
        peer.reply(await peer.asked("BYE"), 200)

    play(story)
