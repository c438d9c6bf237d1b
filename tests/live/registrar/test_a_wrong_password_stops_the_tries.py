"""Two REGISTERs, a clear state, a sentence, and then silence."""

import asyncio
from typing import Any

import pytest


@pytest.mark.parametrize("demands", [{}, {"algorithms": ("SHA-256",)}, {"proxy": True}, {"qop": ""}], ids=str)
def test_a_wrong_password_stops_the_tries(play: Any, demands: dict[str, Any]) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar(**demands)
        registrant = office.register(registrar, password="wrong one")
        await office.reaches(registrant, "refused")
        await asyncio.sleep(1.0)  # twenty times the base of the back-off
        assert len(registrar.requests) == 2
        assert not registrar.diary.bound
        error = registrant.status().last_error
        assert "refuses user name 'alice' in realm 'carrier'" in error
        assert "check username and password in carriers.yaml" in error
        assert "wrong one" not in error + repr(registrant) + repr(registrant.status()) + str(registrant)

    play(story)


def test_a_403_stops_the_tries(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrar.script = lambda request: request.reply(403, to_tag="r")
        registrant = office.register(registrar)
        await office.reaches(registrant, "refused")
        await asyncio.sleep(0.5)
        assert len(registrar.requests) == 1

    play(story)


def test_no_password_at_all_stops_the_tries(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar, password=None)
        await office.reaches(registrant, "refused")
        assert "set username and password" in registrant.status().last_error
        await asyncio.sleep(0.5)
        assert len(registrar.requests) == 1

    play(story)


def test_a_password_that_was_changed_under_us_does_not_hammer(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar)
        await office.reaches(registrant, "registered")
        registrar.account.password = "another"
        registrant.start()
        await office.reaches(registrant, "refused")
        before = len(registrar.requests)
        await asyncio.sleep(0.5)
        assert len(registrar.requests) == before <= 5

    play(story)
