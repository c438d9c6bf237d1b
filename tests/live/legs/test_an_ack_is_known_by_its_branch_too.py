"""Some telephones write a To tag of their own into the ACK of a 2xx, and the branch of their INVITE: that is enough.

RFC 6026 section 7.1 hands such an ACK to the user of the transaction; without it the call would end after 64*T1.
"""

import asyncio
from collections.abc import Callable

from softswitch.sip.message import Response
from tests.live.legs.conftest import Rig

Play = Callable[..., None]


def test_the_branch_of_its_invite_makes_up_for_a_wrong_tag(play: Play) -> None:
    async def story(rig: Rig) -> None:
        tag = await _called_and_acknowledged(rig, to_tag="wrong", branch="invite")
        await asyncio.sleep(0.8)  # longer than 64*T1: a call without ACK were ended by now
        assert rig.switchboard.active == 1
        assert (await rig.peer.hang_up(tag)).status == 200

    play(story)


def test_a_wrong_tag_alone_acknowledges_nothing(play: Play) -> None:
    async def story(rig: Rig) -> None:
        await _called_and_acknowledged(rig, to_tag="wrong", branch="another")
        assert (await rig.peer.response(200, method="INVITE")).status == 200
        bye = await rig.peer.asked("BYE")
        rig.peer.reply(bye, 200)

    play(story)


async def _called_and_acknowledged(rig: Rig, *, to_tag: str, branch: str) -> str:
    """Call, acknowledge the 200 in this way, return the tag that the switch gave."""
    rig.peer.send(rig.peer.request("INVITE", body=rig.peer.sdp(), branch="invite"))
    answer = await rig.peer.response()
    assert isinstance(answer, Response) and answer.status == 200
    rig.peer.send(rig.peer.request("ACK", to_tag=to_tag, branch=branch))
    return answer.to.tag or ""
