"""Un-REGISTER on close, bounded; Service-Route kept; 423; keep-alives while registered."""

import asyncio
from typing import Any

import pytest

from softswitch import clock
from softswitch.legs.registrar import KeepAlive


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_closing_takes_the_binding_back(play: Any, transport: str) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar, transport=transport)
        await office.reaches(registrant, "registered")
        await registrant.close()
        assert registrar.diary.bound == [3600, 0]
        assert registrant.state == "unregistered"
        assert (registrar.requests[-1].headers.get("Contact") or "").endswith(";expires=0")
        before = len(registrar.requests)
        await asyncio.sleep(0.3)
        assert len(registrar.requests) == before

    play(story)


def test_a_registrar_that_is_gone_holds_the_close_no_longer_than_said(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar)
        await office.reaches(registrant, "registered")
        registrar.script = lambda request: None
        begun = clock.now()
        await registrant.close(0.3)
        assert clock.now() - begun < 0.6
        await asyncio.sleep(0.8)  # what still comes of it finds nobody

    play(story)


def test_closing_what_never_registered_takes_no_time(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrar.script = lambda request: request.reply(403, to_tag="r")
        registrant = office.register(registrar)
        await office.reaches(registrant, "refused")
        begun = clock.now()
        await registrant.close()
        await registrant.close()
        assert clock.now() - begun < 0.2
        assert len(registrar.requests) == 1

    play(story)


def test_service_routes_and_the_line_are_told(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrar.lines = (("Service-Route", "<sip:edge.example;lr>"), ("Path", "<sip:path.example;lr>"))
        changes = []
        registrant = office.register(registrar, more={"on_change": changes.append})
        await office.reaches(registrant, "registered")
        status = registrant.status()
        assert (status.service_route, status.path) == (("<sip:edge.example;lr>",), ("<sip:path.example;lr>",))
        contact = registrar.requests[-1].contacts[0]
        assert contact.uri.param("line") == registrant.line == status.line
        assert (contact.uri.user, contact.uri.host, contact.uri.port) == ("alice", *office.sip)
        assert [change.state for change in changes] == ["registering", "registered"]

    play(story)


def test_a_longer_interval_is_asked_for(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar(least=300)
        registrant = office.register(registrar, expires=60)
        await office.reaches(registrant, "registered")
        assert registrar.diary.bound == [300]
        assert registrant.status().expires == 300

    play(story)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_way_is_kept_open(play: Any, transport: str) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        quick = KeepAlive(udp=(0.05, 0.1), stream=(0.05, 0.1))
        registrant = office.register(registrar, transport=transport, more={"keep_alive": quick})
        await office.reaches(registrant, "registered")
        await office.until(lambda: registrar.diary.keep_alives >= 5)
        assert office.user_agent.sockets.connections == (1 if transport == "tcp" else 0)
        await registrant.close()
        before = registrar.diary.keep_alives
        await asyncio.sleep(0.3)
        assert registrar.diary.keep_alives == before

    play(story)


def test_no_keep_alives_where_none_are_wanted(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar, more={"keep_alive": None})
        await office.reaches(registrant, "registered")
        await asyncio.sleep(0.3)
        assert registrar.diary.keep_alives == 0

    play(story)
