"""Fail-over: by cause, by silence, never twice to a telephone that rang; and in words when nobody is left."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.steps import HangUp, Wait
from softswitch.net.rtp_socket import RtpPorts
from tests.live.peers.dns_server import DnsServer
from tests.live.trunks.conftest import TrunkRig, dead_port

Play = Callable[..., None]
ANSWERS = (100, 180, 200)


def carrier(*ports: int, host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    """An entry with gateways in this order."""
    gateways = [{"host": host, "port": port, "priority": place} for place, port in enumerate(ports)]
    return {"name": "office", "gateways": gateways, **more}


def test_the_first_gateway_is_asked_first(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two = await rig.gateway(*ANSWERS), await rig.gateway(*ANSWERS)
        await rig.open(carrier(one.port, two.port))
        rig.dial("030 12345", carrier="office")
        record = await rig.record()
        assert (record.outcome, record.carrier, record.verdict) == ("answered", "office", "")
        await rig.until(lambda: one.methods == ["INVITE", "ACK", "BYE"])
        assert two.asked == []
        assert one.request().from_.uri.username == "+4930123450"

    play(story)


@pytest.mark.parametrize("status", [503, 500, 502, 504, 408])
def test_a_gateway_that_cannot_is_left_for_the_next(play: Play, status: int) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two = await rig.gateway(100, status), await rig.gateway(*ANSWERS)
        await rig.open(carrier(one.port, two.port))
        rig.dial()
        assert (await rig.record()).outcome == "answered"
        assert (one.count("INVITE"), two.count("INVITE")) == (1, 1)

    play(story)


@pytest.mark.parametrize(("status", "outcome"), [(486, "busy"), (603, "rejected"), (404, "failed"), (484, "failed")])
def test_what_the_called_party_says_is_believed(play: Play, status: int, outcome: str) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two = await rig.gateway(100, status), await rig.gateway(*ANSWERS)
        await rig.open(carrier(one.port, two.port))
        rig.dial()
        record = await rig.record()
        assert (record.outcome, record.sip_code) == (outcome, status)
        assert two.asked == []

    play(story)


def test_a_gateway_that_says_nothing_is_left_after_try_seconds(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        silent, two = await rig.gateway(), await rig.gateway(*ANSWERS)
        await rig.open(carrier(silent.port, two.port))
        begun = asyncio.get_running_loop().time()
        rig.dial()
        assert (await rig.record()).outcome == "answered"
        assert 0.28 < asyncio.get_running_loop().time() - begun < 0.6
        assert "CANCEL" not in silent.methods  # nothing was heard of it: RFC 3261 section 9.1 forbids it

    play(story)


def test_a_port_without_anybody_is_left(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        two = await rig.gateway(*ANSWERS)
        await rig.open(carrier(dead_port(), two.port))
        rig.dial()
        assert (await rig.record()).outcome == "answered"

    play(story)


def test_a_gateway_that_answers_late_gets_no_call(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        late, two = await rig.gateway(), await rig.gateway(*ANSWERS)
        await rig.open(carrier(late.port, two.port))
        rig.dial(steps=(Wait(seconds=0.3), HangUp()))
        await rig.until(lambda: two.count("ACK"))
        late.reply(late.request(), 200, rig.sip)
        await rig.until(lambda: "BYE" in late.methods)
        assert late.methods == ["INVITE", "ACK", "BYE"]
        assert "BYE" not in two.methods
        assert (await rig.record()).outcome == "answered"
        assert rig.records[0].duration_ms >= 250

    play(story)


@pytest.mark.parametrize("heard", [(100, 180), (100, 183), (183,)])
def test_a_telephone_that_rang_is_not_rung_again_elsewhere(play: Play, heard: tuple[int, ...]) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two = await rig.gateway(*heard), await rig.gateway(*ANSWERS)
        await rig.open(carrier(one.port, two.port))
        rig.dial()
        await rig.until(lambda: one.asked)
        await asyncio.sleep(0.5)  # well beyond try_seconds
        one.reply(one.request(), 503, rig.sip)
        record = await rig.record()
        assert (record.outcome, record.sip_code) == ("failed", 503)
        assert two.asked == []

    play(story)


def test_100_alone_keeps_the_gateway_and_503_after_it_moves_on(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two = await rig.gateway(100), await rig.gateway(*ANSWERS)
        await rig.open(carrier(one.port, two.port))
        rig.dial()
        await rig.until(lambda: one.asked)
        await asyncio.sleep(0.5)
        assert two.asked == []
        one.reply(one.request(), 503, rig.sip)
        assert (await rig.record()).outcome == "answered"

    play(story)


def test_nobody_left_is_told_in_words(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        silent, full, dead = await rig.gateway(), await rig.gateway(100, 503), dead_port()
        await rig.open(carrier(silent.port, full.port))
        rig.dial()
        record = await rig.record()
        assert record.outcome == "failed"
        assert record.verdict == (
            f"no gateway of carrier office took the call: 127.0.0.1:{silent.port} gave no answer in 0.3 s, "
            f"127.0.0.1:{full.port} answered 503 service unavailable (SIP 503)"
        )
        await rig.nothing_left()
        await rig.close()
        await rig.open(carrier(silent.port, dead))
        rig.dial()
        record = await rig.record(2)
        assert record.verdict.startswith(
            f"no gateway of carrier office answered: 127.0.0.1:{silent.port} gave no answer in 0.3 s, 127.0.0.1:{dead} "
        )

    play(story)


def test_a_refusal_after_a_failure_names_both(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        silent, wrong = await rig.gateway(), await rig.gateway(404)
        await rig.open(carrier(silent.port, wrong.port))
        rig.dial()
        record = await rig.record()
        assert record.sip_code == 404
        assert f"before that 127.0.0.1:{silent.port} gave no answer" in record.verdict

    play(story)


def test_nonsense_from_one_gateway_is_silence(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        mad, two = await rig.gateway(-1), await rig.gateway(*ANSWERS)
        await rig.open(carrier(mad.port, two.port))
        rig.dial()
        assert (await rig.record()).outcome == "answered"
        assert mad.count("INVITE") == 1

    play(story)


def test_a_name_leads_to_the_servers_of_its_srv_records(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two = await rig.gateway(503), await rig.gateway(*ANSWERS)
        async with DnsServer() as dns:
            dns.add("_sip._udp.pbx.example", "SRV", f"1 0 {one.port} a.example.", f"2 0 {two.port} a.example.")
            dns.add("a.example", "A", "127.0.0.1")
            await rig.open({"name": "office", "host": "pbx.example"}, nameserver=dns.address)
            rig.dial("+493012345")
            assert (await rig.record()).outcome == "answered"
            assert (one.count("INVITE"), two.count("INVITE")) == (1, 1)
            assert str(two.request().uri) == "sip:+493012345@pbx.example"

    play(story)


def test_a_sip_uri_with_a_name_is_looked_up_too(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS)
        async with DnsServer() as dns:
            dns.add("_sip._udp.pbx.example", "SRV", f"1 0 {one.port} a.example.")
            dns.add("a.example", "A", "127.0.0.1")
            await rig.open(nameserver=dns.address)
            rig.dial("sip:600@pbx.example")
            assert (await rig.record()).outcome == "answered"
            rig.dial("sip:600@nobody.example")
            record = await rig.record(2)
            assert "nobody.example has no address" in record.verdict

    play(story)


def test_a_gateway_on_ipv6(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS)
        await rig.open(carrier(dead_port("::1"), one.port, host="::1"))
        rig.dial()
        assert (await rig.record()).outcome == "answered"
        assert "[::1]" in str(one.request().headers.get("Contact"))

    play(story, host="::1")


def test_a_call_by_way_of_an_outbound_proxy(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        proxy = await rig.gateway(*ANSWERS)
        entry = {"name": "office", "host": "192.0.2.1", "outbound_proxy": f"sip:127.0.0.1:{proxy.port}"}
        await rig.open(entry)
        rig.dial("+493012345")
        assert (await rig.record()).outcome == "answered"
        request = proxy.request()
        assert str(request.uri) == "sip:+493012345@192.0.2.1"
        assert request.headers.get("Route") == f"<sip:127.0.0.1:{proxy.port};lr>"

    play(story)


def test_a_gateway_behind_a_proxy_is_checked_by_way_of_the_proxy(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        proxy = await rig.gateway(*ANSWERS)
        await rig.open(
            {
                "name": "office",
                "host": "192.0.2.1",
                "outbound_proxy": f"sip:127.0.0.1:{proxy.port}",
                "health_seconds": 0.2,
            }
        )
        await rig.until(lambda: next(iter(rig.trunks.statuses())).state == "up")
        request = proxy.request("OPTIONS")
        assert str(request.uri) == "sip:192.0.2.1"
        assert request.headers.get("Route") == f"<sip:127.0.0.1:{proxy.port};lr>"

    play(story)


def test_a_phones_call_leaves_over_the_carrier_and_the_record_names_it(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        phone, silent, busy = await rig.gateway(), await rig.gateway(), await rig.gateway(100, 503)
        await rig.open(carrier(silent.port, busy.port))
        phone.call(rig.sip, "8493012345")
        refusal = await phone.answered(503)
        assert "127.0.0.1" not in str(refusal.headers.get("Reason"))  # our gateways are nobody's business
        record = await rig.record()
        assert (record.direction, record.carrier) == ("inbound", "office")
        assert record.verdict.startswith("no gateway of carrier office took the call: ")

    play(story)


def test_a_fault_of_our_own_is_nothing_against_a_gateway(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS)
        await rig.open(carrier(one.port, health_seconds=3600))
        await rig.until(lambda: one.count("OPTIONS"))
        few = RtpPorts(rig.host, 43996, 43997, 60.0)
        taken = few.open()
        rig.user_agent._ports = few
        for number in (1, 2, 3):
            rig.dial()
            record = await rig.record(number)
            assert record.outcome == "failed"
            assert "no RTP port is free" in record.verdict
        assert next(iter(rig.trunks.statuses())).gateways[0].state == "up"
        taken.close()
        few.close()

    play(story)


def test_a_call_that_is_hung_up_on_its_way_tries_no_further(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        silent, two = await rig.gateway(), await rig.gateway(*ANSWERS)
        await rig.open(carrier(silent.port, two.port))
        call = rig.dial()
        await rig.until(lambda: silent.asked)
        rig.switchboard.hang_up(call)
        assert (await rig.record()).outcome != "answered"
        await asyncio.sleep(0.5)
        assert two.asked == []

    play(story)


def test_a_call_that_is_hung_up_while_dns_is_asked_ends_at_once(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        async with DnsServer() as dns:
            dns.mood = "silent"
            await rig.open({"name": "office", "host": "pbx.example"}, nameserver=dns.address)
            call = rig.dial()
            await rig.until(lambda: dns.asked)
            rig.switchboard.hang_up(call)
            assert len(rig.records) == 1
            assert rig.in_use() == {"office": 0}

    play(story)


def test_dns_that_is_down_ends_the_call_in_words(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        async with DnsServer() as dns:
            dns.mood = "silent"
            await rig.open({"name": "office", "host": "pbx.example", "port": 5060}, nameserver=dns.address)
            rig.dial()
            record = await rig.record()
            assert record.verdict.startswith(
                "no gateway of carrier office answered: DNS gave no answer for pbx.example"
            )

    play(story)
