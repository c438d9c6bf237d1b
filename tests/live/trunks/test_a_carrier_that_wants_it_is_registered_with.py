"""Registration as a part of a trunk: the state operators see, calls by `line`, Service-Route, and the goodbye."""

import asyncio
from collections.abc import Callable
from typing import Any

from softswitch.legs.trunk import TrunkStatus
from softswitch.sip.message import Request
from tests.live.trunks.conftest import FakeGateway, TrunkRig

Play = Callable[..., None]


class Registrar(FakeGateway):
    """Answers REGISTER with a status (0: not at all) and header lines, and echoes the Contact."""

    status = 200

    def datagram_received(self, data: bytes, addr: Any) -> None:
        super().datagram_received(data, addr)
        if data.startswith(b"REGISTER ") and self.status:
            request: Request = self.asked[-1]
            contact = request.headers.get("Contact") or ""
            lines = [("Contact", contact), *self.headers] if self.status < 300 else []
            self.send(bytes(request.reply(self.status, to_tag="r", headers=lines)), addr)


async def registrar(rig: TrunkRig, *invite: int) -> Registrar:
    made = Registrar(*invite)
    await made.open()
    rig.gateways.append(made)
    return made


def entry(port: int, **more: Any) -> dict[str, Any]:
    account = {"username": "account7", "password": "secret", "register": True, "expires": 300}
    return {"name": "office", "host": "127.0.0.1", "port": port, **account, **more}


def status(rig: TrunkRig) -> TrunkStatus:
    return next(iter(rig.trunks.statuses()))


def test_it_is_registered_and_says_so(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "registered")
        seen = status(rig)
        assert seen.expires_in is not None and 290 < seen.expires_in <= 300
        assert seen.round_trip_ms is not None and seen.error == ""
        assert str(one.request("REGISTER").to.uri) == "sip:account7@127.0.0.1"

    play(story)


def test_calls_to_our_contact_are_the_carriers_wherever_they_come_from(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, elsewhere = await registrar(rig), await rig.gateway()
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "registered")
        contact = one.request("REGISTER").headers.get("Contact") or ""
        line = contact.partition(";line=")[2].partition(">")[0].partition(";")[0]
        assert line
        text = (
            f"INVITE sip:account7@{rig.sip[0]}:{rig.sip[1]};line=LINE SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{elsewhere.port};branch=z9hG4bK-x\r\nMax-Forwards: 70\r\n"
            "From: <sip:carol@carrier.example>;tag=c\r\nTo: <sip:605@carrier.example>\r\nCall-ID: x\r\n"
            f"CSeq: 1 INVITE\r\nContact: <sip:c@127.0.0.1:{elsewhere.port}>\r\nContent-Length: 0\r\n\r\n"
        )
        elsewhere.send(text.replace("LINE", line).encode(), rig.sip)
        await rig.until(lambda: rig.inbound)
        assert (rig.inbound[0].carrier, rig.trunks.called(rig.inbound[0])) == ("office", "605")
        guessed = text.replace("LINE", "0" * 16).replace("z9hG4bK-x", "z9hG4bK-y").replace("ID: x", "ID: y")
        elsewhere.send(guessed.encode(), rig.sip)
        await rig.until(lambda: len(rig.inbound) == 2)
        assert rig.inbound[1].carrier == ""

    play(story)


def test_wrong_credentials_are_a_state_and_not_a_storm(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        one.status = 403
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "refused")
        assert one.count("REGISTER") == 1
        assert "secret" not in status(rig).error and status(rig).error

    play(story)


def test_calls_take_the_service_route(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, edge = await registrar(rig), await rig.gateway(100, 180, 200)
        one.headers = [("Service-Route", f"<sip:127.0.0.1:{edge.port};lr>")]
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "registered")
        rig.dial("+493012345")
        assert (await rig.record()).outcome == "answered"
        assert edge.request().headers.get("Route") == f"<sip:127.0.0.1:{edge.port};lr>"
        assert str(edge.request().uri) == f"sip:+493012345@127.0.0.1:{one.port}"

    play(story)


def test_the_registration_is_taken_back_when_the_switch_stops(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "registered")
        await rig.trunks.leave()
        last = [request for request in one.asked if request.method == "REGISTER"][-1]
        assert last.headers.get("Expires") == "0"
        assert status(rig).state == "unregistered"

    play(story)


def test_another_gateway_is_the_next_registrar(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        silent, two = await rig.gateway(), await registrar(rig)
        gateways = [
            {"host": "127.0.0.1", "port": port, "priority": n} for n, port in enumerate((silent.port, two.port))
        ]
        await rig.open({**entry(0), "port": None, "host": "carrier.example", "gateways": gateways})
        await rig.until(lambda: status(rig).state == "registered")
        assert str(two.request("REGISTER").uri) == "sip:carrier.example"

    play(story)


def test_a_stop_that_is_cut_short_leaves_no_timer(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "registered")
        one.close()  # nobody will answer the goodbye
        leaving = asyncio.create_task(rig.trunks.leave())
        await asyncio.sleep(0.05)
        leaving.cancel()
        begun = asyncio.get_running_loop().time()
        await rig.trunks.close()
        assert asyncio.get_running_loop().time() - begun < 0.5
        registrants = [post.registrant for post in rig.trunks.roster.posts()]
        assert registrants and all(one is not None and one._timer is None for one in registrants)

    play(story)
