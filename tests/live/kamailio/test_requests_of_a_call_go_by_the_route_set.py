"""A call through Kamailio: everything inside the dialog goes by Kamailio again, as its Record-Route asks."""

import asyncio
import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.steps import Tone
from tests.live.peers.free_ports import free_port
from tests.live.peers.kamailio import Kamailio
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp, SippRun
from tests.live.trunks.conftest import TrunkRig

#: What a call with one hold sends to whoever is called.
IN_DIALOG = ("ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE")


async def _blocking(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what waits for another process while the switch of this one goes on."""
    return await asyncio.to_thread(function, *arguments)


def _headers_of_requests(run: SippRun) -> list[str]:
    """Return the head of each request that the phone got."""
    blocks = [block.replace("\r", "") for block in run.messages().split("message received")[1:]]
    heads = [block.split("\n\n")[1] for block in blocks]
    return [head for head in heads if not head.startswith("SIP/2.0")]


@pytest.mark.parametrize(("ours", "theirs"), list(itertools.product(("udp", "tcp"), repeat=2)))
def test_ack_hold_and_bye_go_by_record_route(
    play: Callable[..., None],
    kamailio: Kamailio,
    phones_behind: Callable[[Kamailio], Sipp],
    probe: RtpProbe,
    ours: str,
    theirs: str,
) -> None:
    """Where one side speaks UDP and the other TCP there are two Record-Route headers, and a Route of two."""
    port = free_port()
    phone = phones_behind(kamailio).start(
        "phone-behind-a-proxy", "-t", {"udp": "u1", "tcp": "t1"}[theirs], port=port, rtp_port=probe.port, seconds=15
    )
    since = kamailio.mark()

    async def story(rig: TrunkRig) -> None:
        proxy = f"sip:{kamailio.address};transport={ours};lr"
        # Numbers that begin with 2 are called over TCP by Kamailio.
        number = {"udp": "1602", "tcp": "2602"}[theirs]
        await rig.open(
            {
                "name": "office",
                "host": "127.0.0.1",
                "port": port,
                "transport": ours,
                "outbound_proxy": proxy,
                "number_format": "as_dialled",
                "try_seconds": 2,
            }
        )
        call = rig.dial(number, carrier="office", steps=(Tone(hz=1004),))
        probe.talk_to(await _blocking(phone.media_address))
        assert await _blocking(probe.wait_for, lambda heard: heard.audible_seconds() > 0.5, 5.0)
        rig.switchboard.hold(call, True)
        await _blocking(phone.wait_message, "a=recvonly")
        rig.switchboard.hold(call, False)
        await rig.until(lambda: len(kamailio.passed(since=since)) >= len(IN_DIALOG))
        resumed = probe.heard.seconds
        assert await _blocking(probe.wait_for, lambda heard: heard.seconds > resumed + 1.0, 5.0)
        rig.switchboard.hang_up(call)
        assert (await rig.record()).outcome == "answered"

    play(story)
    phone.finish()
    tone = probe.heard.tone(-0.8)
    assert tone.hz == pytest.approx(1004, abs=1) and tone.purity > 0.99
    assert kamailio.passed(since=since) == [("INVITE", "first"), *((method, "routed") for method in IN_DIALOG)]
    heads = _headers_of_requests(phone)
    assert [head.split()[0] for head in heads] == ["INVITE", *IN_DIALOG]
    assert len(re.findall("^Record-Route:", heads[0], re.MULTILINE)) == (1 if ours == theirs else 2)
    for head in heads:
        assert len(re.findall("^Via:", head, re.MULTILINE)) == 2, f"it did not come by Kamailio:\n{head}"
        assert not re.findall("^Route:", head, re.MULTILINE), f"a Route is left:\n{head}"
