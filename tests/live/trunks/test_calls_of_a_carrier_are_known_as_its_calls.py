"""Who sends an INVITE: a gateway's very address, a network of `allow`, the line we registered; else nobody we know."""

from collections.abc import Callable
from typing import Any

from tests.live.peers.dns_server import DnsServer
from tests.live.trunks.conftest import FakeGateway, TrunkRig

Play = Callable[..., None]


def entry(name: str, port: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "host": "127.0.0.1", "port": port, **more}


async def seen(rig: TrunkRig, gateway: FakeGateway, user: str = "605", **more: Any) -> tuple[str, str]:
    """Send a call that nobody serves; return the carrier and number it was taken for."""
    before = len(rig.inbound)
    gateway.call(rig.sip, user, call=f"c{before}", **more)
    await rig.until(lambda: len(rig.inbound) > before)
    inbound = rig.inbound[-1]
    return inbound.carrier, rig.trunks.called(inbound)


def test_a_call_is_known_by_the_gateways_address(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two, stranger = await rig.gateway(), await rig.gateway(), await rig.gateway()
        await rig.open(entry("one", one.port), entry("two", two.port))
        assert await seen(rig, one) == ("one", "605")
        assert await seen(rig, two) == ("two", "605")
        # the same machine, another port: any program of this machine could be that
        assert await seen(rig, stranger) == ("", "605")

    play(story)


def test_a_call_over_ipv6_is_known_however_the_address_is_written(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway()
        await rig.open({"name": "one", "host": "0:0:0:0:0:0:0:1", "port": one.port})
        one.send(
            (
                f"INVITE sip:605@[::1]:{rig.sip[1]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP [::1]:{one.port};branch=z9hG4bK-six\r\nMax-Forwards: 70\r\n"
                "From: <sip:carol@carrier.example>;tag=c\r\nTo: <sip:605@carrier.example>\r\nCall-ID: six\r\n"
                f"CSeq: 1 INVITE\r\nContact: <sip:c@[::1]:{one.port}>\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            rig.sip,
        )
        await rig.until(lambda: rig.inbound)
        assert rig.inbound[0].carrier == "one"

    play(story, host="::1")


def test_a_gateway_with_a_name_is_known_by_what_dns_says(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway()
        async with DnsServer() as dns:
            dns.add("_sip._udp.pbx.example", "SRV", f"1 0 {one.port} a.example.")
            dns.add("a.example", "A", "127.0.0.1")
            await rig.open({"name": "one", "host": "pbx.example"}, nameserver=dns.address)
            await rig.until(lambda: rig.trunk("one").addresses)
            assert await seen(rig, one) == ("one", "605")

    play(story)


def test_a_call_from_an_allowed_network_is_the_carriers(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, media = await rig.gateway(), await rig.gateway()
        await rig.open(entry("one", one.port, allow=["127.0.0.0/8"]))
        assert await seen(rig, media) == ("one", "605")

    play(story)


def test_two_accounts_at_one_address_are_told_apart_by_who_is_called(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway()
        account = {"password": "secret"}
        await rig.open(
            entry("sales", one.port, username="4930100", **account),
            entry("support", one.port, username="4930200", **account),
        )
        await rig.until(lambda: all(post.trunk.addresses for post in rig.trunks.roster.posts()))
        assert (await seen(rig, one, "4930200"))[0] == "support"
        assert (await seen(rig, one, "4930100"))[0] == "sales"
        assert (await seen(rig, one, "4930999"))[0] == "sales"

    play(story)


def test_the_number_that_was_dialled_is_in_to_where_the_uri_is_our_contact(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway()
        await rig.open(entry("one", one.port, username="account7", password="secret"))
        await rig.until(lambda: rig.trunk("one").addresses)
        assert await seen(rig, one, "account7", to="+49301234") == ("one", "+49301234")
        assert await seen(rig, one, "+49305555", to="+49301234") == ("one", "+49305555")

    play(story)
