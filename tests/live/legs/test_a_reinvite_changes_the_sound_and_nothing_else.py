"""Re-INVITEs of every kind: before, during and after a call, broken, on hold, without an offer, without end."""

from collections.abc import Callable
from typing import Any

Play = Callable[..., None]


def test_hold_and_resume(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        for cseq, direction, ours in ((2, "sendonly", b"recvonly"), (3, "sendrecv", b"sendrecv")):
            peer.send(peer.request("INVITE", cseq=cseq, to_tag=tag, body=peer.sdp(direction=direction)))
            answer = await peer.response()
            assert answer.status == 200 and ours in answer.body
            peer.send(peer.request("ACK", cseq=cseq, to_tag=tag))
        await peer.hang_up(tag)

    play(story)


def test_a_broken_offer_leaves_the_call_as_it_was(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        peer.send(peer.request("INVITE", cseq=2, to_tag=tag, body="v=0\r\n", branch="r"))
        assert (await peer.response()).status == 400
        peer.send(peer.request("ACK", cseq=2, to_tag=tag, branch="r"))
        assert rig.switchboard.active == 1
        await peer.hang_up(tag)

    play(story)


def test_before_the_answer_it_is_told_to_wait(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "601", body=peer.sdp(), branch="b"))
        tag = (await peer.response(180)).to.tag
        peer.send(peer.request("INVITE", "601", cseq=2, to_tag=tag, body=peer.sdp(), branch="r"))
        told = await peer.response()
        # RFC 3261 section 14.2: 481 would make the caller give up a call that rings.
        assert told.status == 500 and told.headers.get("Retry-After")
        peer.send(peer.request("ACK", "601", cseq=2, to_tag=tag, branch="r"))
        peer.send(peer.request("CANCEL", "601", branch="b"))
        refused = await peer.response(method="INVITE")
        assert refused.status == 487
        peer.send(peer.request("ACK", "601", branch="b", to_tag=tag))

    play(story)


def test_while_we_wait_to_hang_up(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", body=peer.sdp()))
        tag = (await peer.response()).to.tag
        rig.switchboard.hang_up(next(rig.switchboard.calls())[0].id)
        peer.send(peer.request("INVITE", cseq=2, to_tag=tag, body=peer.sdp(), branch="r"))
        peer.send(peer.request("ACK", cseq=1, to_tag=tag))
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_a_thousand_of_them_take_no_more_memory_than_one(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        held = rig.left["invites"]
        for cseq in range(2, 42):
            peer.send(peer.request("INVITE", cseq=cseq, to_tag=tag, body=peer.sdp()))
            while (await peer.response()).cseq.number != cseq:
                pass
            peer.send(peer.request("ACK", cseq=cseq, to_tag=tag))
        assert rig.left["invites"] <= held + 1
        await peer.hang_up(tag)

    play(story)


def test_without_an_offer_and_without_an_answer_the_call_stays_as_it_was(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        peer.send(peer.request("INVITE", cseq=2, to_tag=tag))
        answer = await peer.response()
        assert answer.status == 200 and b"m=audio" in answer.body
        peer.send(peer.request("ACK", cseq=2, to_tag=tag))
        peer.send(peer.request("OPTIONS", cseq=3, to_tag=tag))
        assert (await peer.response(method="OPTIONS")).status == 200
        assert rig.switchboard.active == 1
        await peer.hang_up(tag)

    play(story)
