"""A call through Kamailio: everything inside the dialog goes by Kamailio again, as its Record-Route asks."""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.steps import Tone
from tests.live.kamailio.conftest import count, requests_of, wait_listening
from tests.live.peers.free_ports import LOOPBACK, free_port
from tests.live.peers.kamailio import PASSWORD, Kamailio
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp, SippRun
from tests.live.trunks.conftest import TrunkRig

#: What a call with one hold sends to whoever is called.
IN_DIALOG = ("ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE")
OFFICE = {"name": "office", "host": LOOPBACK, "number_format": "as_dialled", "try_seconds": 2}
SIPP_TRANSPORTS = {"udp": "u1", "tcp": "t1"}

Play = Callable[..., None]
PhonesBehind = Callable[[Kamailio], Sipp]


async def _blocking(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what waits for another process while the switch of this one goes on."""
    return await asyncio.to_thread(function, *arguments)


async def _call_and_hold(rig: TrunkRig, number: str, phone: SippRun, probe: RtpProbe) -> None:
    """Call with a tone, hold, resume, hang up."""
    call = rig.dial(number, carrier="office", steps=(Tone(hz=1004),))
    probe.talk_to(await _blocking(phone.media_address))
    assert await _blocking(probe.wait_for, lambda heard: len(heard.sound) > 15, 5.0)
    rig.switchboard.hold(call, True)
    await rig.until(lambda: phone.messages().count("\nACK sip:") == 2)
    rig.switchboard.hold(call, False)
    await rig.until(lambda: phone.messages().count("\nACK sip:") == 3)
    resumed = time.monotonic()
    assert await _blocking(probe.wait_for, lambda heard: len(heard.since(resumed).sound) > 35, 5.0)
    rig.switchboard.hang_up(call)
    assert (await rig.record()).outcome == "answered"


def _assert_it_went_by(proxy: Kamailio, since: int, phone: SippRun, probe: RtpProbe, *, record_routes: int) -> None:
    phone.finish()
    # The switch runs in the tests' own process, and a busy machine may let it miss a frame.
    heard = probe.heard.tone(-0.5)
    assert heard.hz == pytest.approx(1004, abs=5) and heard.purity > 0.9
    assert proxy.passed(since=since) == [("INVITE", "first"), *((method, "routed") for method in IN_DIALOG)]
    heads = requests_of(phone)
    assert [head.split()[0] for head in heads] == ["INVITE", *IN_DIALOG]
    assert count("Record-Route", heads[0]) == record_routes
    for head in heads:
        assert count("Via", head) == 2, f"it did not come by Kamailio:\n{head}"
        assert count("Route", head) == 0, f"a Route is left:\n{head}"


@pytest.mark.parametrize(("ours", "theirs"), list(itertools.product(("udp", "tcp"), repeat=2)))
def test_ack_hold_and_bye_go_by_record_route(
    play: Play, kamailio: Kamailio, phones_behind: PhonesBehind, probe: RtpProbe, ours: str, theirs: str
) -> None:
    """Where one side speaks UDP and the other TCP there are two Record-Route headers, and a Route of two."""
    port = free_port()
    phone = phones_behind(kamailio).start(
        "phone-behind-a-proxy", "-t", SIPP_TRANSPORTS[theirs], port=port, rtp_port=probe.port, seconds=15
    )
    wait_listening(port)
    since = kamailio.mark()

    async def story(rig: TrunkRig) -> None:
        proxy = f"sip:{kamailio.address};transport={ours};lr"
        await rig.open({**OFFICE, "port": port, "transport": ours, "outbound_proxy": proxy})
        # Numbers that begin with 2 are called over TCP by Kamailio.
        await _call_and_hold(rig, {"udp": "1602", "tcp": "2602"}[theirs], phone, probe)

    play(story)
    _assert_it_went_by(kamailio, since, phone, probe, record_routes=1 if ours == theirs else 2)


@pytest.mark.parametrize(("algorithm", "ours"), [("MD5", "udp"), ("SHA-256", "tcp")])
def test_a_registered_call_is_challenged_and_follows_the_service_route(
    play: Play,
    kamailio: Kamailio,
    kamailio_sha256: Kamailio,
    phones_behind: PhonesBehind,
    probe: RtpProbe,
    algorithm: str,
    ours: str,
) -> None:
    """The registrar's 200 names a Service-Route; the INVITE begins with it, and answers a 407."""
    proxy = {"MD5": kamailio, "SHA-256": kamailio_sha256}[algorithm]
    phone = phones_behind(proxy).start("phone-behind-a-proxy", port=proxy.gateway_port, rtp_port=probe.port, seconds=15)
    wait_listening(proxy.gateway_port)
    since = proxy.mark()
    account = {"username": "account", "password": PASSWORD, "register": True, "from_user": "account"}

    async def story(rig: TrunkRig) -> None:
        await rig.open({**OFFICE, **account, "port": proxy.port, "transport": ours})
        await rig.until(lambda: next(rig.trunks.statuses()).state == "registered")
        await _call_and_hold(rig, "3602", phone, probe)

    play(story)
    _assert_it_went_by(proxy, since, phone, probe, record_routes=1 if ours == "udp" else 2)
    assert f"INVITE <sip:{proxy.address};lr>" in proxy.said("ROUTED", since=since)
    [credentials] = [line for line in proxy.said("AUTHENTICATED", since=since) if line.startswith("INVITE")]
    assert f"algorithm={algorithm}" in credentials
    assert count("Proxy-Authorization", requests_of(phone)[0]) == 0, "Kamailio did not know its own credentials"
