"""A session description may name any address; one that only listens and never says anything is not served for hours."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.legs.rtp_media import Patience

Play = Callable[..., None]


@pytest.mark.parametrize(("host", "lives"), [("127.0.0.2", False), ("127.0.0.1", True)])
def test_a_listener_at_a_third_address_is_given_up(play: Play, host: str, lives: bool) -> None:
    """Whoever could have calls sent to a stranger for hours by two datagrams would (RFC 5245 section 18.5.1)."""

    async def story(rig: Any) -> None:
        peer = rig.peer
        offer = peer.sdp(direction="recvonly").replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {host}")
        peer.send(peer.request("INVITE", body=offer))
        tag = (await peer.response()).to.tag
        peer.send(peer.request("ACK", to_tag=tag))
        [leg] = set(rig.user_agent._dialogs.values())
        leg.media._patience = Patience(0.5, 0.5)
        await asyncio.sleep(1.6)
        assert rig.switchboard.active == lives
        if lives:
            await peer.hang_up(tag)
        else:
            peer.reply(await peer.asked("BYE"), 200)

    play(story)
