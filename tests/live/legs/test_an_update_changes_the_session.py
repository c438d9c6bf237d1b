"""UPDATE (RFC 3311): with an offer and without, before the answer and after, and when it cannot be."""

from collections.abc import Callable
from typing import Any

Play = Callable[..., None]


def test_with_an_offer_it_is_answered_like_a_reinvite(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        peer.send(peer.request("UPDATE", cseq=2, to_tag=tag, body=peer.sdp(direction="sendonly")))
        answer = await peer.response()
        assert answer.status == 200 and b"a=recvonly" in answer.body
        assert answer.contact is not None
        await peer.hang_up(tag)

    play(story)


def test_without_an_offer_it_only_refreshes(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        peer.send(peer.request("UPDATE", cseq=2, to_tag=tag))
        answer = await peer.response()
        assert answer.status == 200 and not answer.body
        await peer.hang_up(tag)

    play(story)


def test_it_moves_the_contact(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        moved = peer.request("UPDATE", cseq=2, to_tag=tag).replace("sip:alice@", "sip:moved@", 2)
        peer.send(moved.replace("<sip:moved@127.0.0.1>;tag", "<sip:alice@127.0.0.1>;tag"))
        assert (await peer.response()).status == 200
        [(call, _)] = list(rig.switchboard.calls())
        rig.switchboard.hang_up(call.id)
        bye = await peer.asked("BYE")
        assert bye.uri.username == "moved"
        peer.reply(bye, 200)

    play(story)


def test_an_offer_while_the_first_is_unanswered_is_told_to_wait(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "601", body=peer.sdp(), branch="b"))
        tag = (await peer.response(180)).to.tag
        peer.send(peer.request("UPDATE", "601", cseq=2, to_tag=tag, body=peer.sdp()))
        refused = await peer.response(method="UPDATE")
        assert refused.status == 500 and refused.headers.get("Retry-After") is not None
        peer.send(peer.request("CANCEL", "601", branch="b"))
        peer.send(peer.request("ACK", "601", to_tag=(await peer.response(method="INVITE")).to.tag, branch="b"))

    play(story)


def test_what_is_no_session_description_is_refused(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        peer.send(peer.request("UPDATE", cseq=2, to_tag=tag, body="hello", content_type="text/plain"))
        refused = await peer.response()
        assert refused.status == 415 and refused.headers.get("Accept") == "application/sdp"
        peer.send(peer.request("UPDATE", cseq=3, to_tag=tag, body="v=0\r\n"))
        assert (await peer.response()).status == 400
        assert rig.switchboard.active == 1
        await peer.hang_up(tag)

    play(story)
