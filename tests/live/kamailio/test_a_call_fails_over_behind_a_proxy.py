"""Several gateways behind one Kamailio: one that takes no calls, one that is not there, and one that takes the call."""

import asyncio
from collections.abc import Callable

import pytest

from softswitch.call.steps import Tone
from tests.live.kamailio.conftest import requests_of, wait_listening
from tests.live.peers.free_ports import LOOPBACK, free_port
from tests.live.peers.kamailio import Kamailio
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.trunks.conftest import TrunkRig, dead_port

Play = Callable[..., None]


def _carrier(proxy: Kamailio, *ports: int) -> dict[str, object]:
    gateways = [{"host": LOOPBACK, "port": port, "priority": place} for place, port in enumerate(ports)]
    way = {"outbound_proxy": f"sip:{proxy.address};lr", "try_seconds": 3}
    return {"name": "office", "gateways": gateways, "number_format": "as_dialled", **way}


def test_503_and_silence_behind_the_proxy_lead_to_the_next_gateway(
    play: Play, kamailio: Kamailio, phones_behind: Callable[[Kamailio], Sipp], probe: RtpProbe
) -> None:
    """Kamailio makes 500 of a 503 (RFC 3261 section 16.7), and 503 of silence: both fail over."""
    port = free_port()
    phone = phones_behind(kamailio).start("phone-behind-a-proxy", port=port, rtp_port=probe.port, seconds=15)
    wait_listening(port)
    since = kamailio.mark()

    async def story(rig: TrunkRig) -> None:
        full = await rig.gateway(503)
        await rig.open(_carrier(kamailio, full.port, dead_port(), port))
        call = rig.dial("3602", carrier="office", steps=(Tone(hz=1004),))
        probe.talk_to(await asyncio.to_thread(phone.media_address))
        assert await asyncio.to_thread(probe.wait_for, lambda heard: len(heard.sound) > 45, 5.0)
        rig.switchboard.hang_up(call)
        record = await rig.record()
        assert (record.outcome, record.carrier) == ("answered", "office")
        assert full.methods == ["INVITE", "ACK"]

    play(story)
    phone.finish()
    assert probe.heard.tone(0.1, 0.8).hz == pytest.approx(1004, abs=5)
    assert [line.rsplit(None, 1)[1] for line in kamailio.said("FAILED", since=since)] == ["503", "408"]
    tried = [("INVITE", "first")] * 3
    assert kamailio.passed(since=since) == [*tried, ("ACK", "routed"), ("BYE", "routed")]
    assert [head.split()[0] for head in requests_of(phone)] == ["INVITE", "ACK", "BYE"]


def test_when_nobody_is_left_the_cause_says_so(play: Play, kamailio: Kamailio) -> None:
    async def story(rig: TrunkRig) -> None:
        full = await rig.gateway(503)
        await rig.open(_carrier(kamailio, full.port, dead_port()))
        rig.dial("3602", carrier="office")
        record = await rig.record()
        assert (record.outcome, record.sip_code) == ("failed", 503)

    play(story)


@pytest.mark.parametrize("status", [486, 603, 404])
def test_a_person_who_refuses_behind_the_proxy_is_not_asked_twice(play: Play, kamailio: Kamailio, status: int) -> None:
    async def story(rig: TrunkRig) -> None:
        refusing, other = await rig.gateway(180, status), await rig.gateway(200)
        await rig.open(_carrier(kamailio, refusing.port, other.port))
        rig.dial("3602", carrier="office")
        assert (await rig.record()).sip_code == status
        assert other.count("INVITE") == 0

    play(story)
