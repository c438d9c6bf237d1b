"""A registrar that checks each digest itself: algorithms, realms, proxies, stale and forgotten nonces."""

from typing import Any

import pytest


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    "demands",
    [
        {},
        {"algorithms": ("SHA-256",)},
        {"algorithms": ("SHA-512-256",)},
        {"qop": ""},
        {"proxy": True},
        {"algorithms": ("SHA-256", "MD5")},
        {"realms": ("first", "second")},
        {"password": None},
    ],
    ids=str,
)
def test_every_kind_of_challenge_is_answered(play: Any, transport: str, demands: dict[str, Any]) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar(**demands)
        registrant = office.register(registrar, transport=transport)
        await office.reaches(registrant, "registered")
        asked = registrar.account.password is not None
        assert len(registrar.requests) == (2 if asked else 1)
        assert [request.cseq.number for request in registrar.requests] == list(range(1, len(registrar.requests) + 1))
        # the next one carries credentials at once
        registrant.start()
        await office.until(lambda: len(registrar.diary.bound) == 2)
        assert len(registrar.requests) == (3 if asked else 2)
        status = registrant.status()
        assert 0 < status.round_trip < 1
        assert (status.status, status.last_error) == (200, "")
        assert status.seen == office.sip or transport == "tcp"

    play(story)


def test_a_stale_nonce_is_replaced_within_the_same_try(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar(uses=1)
        registrant = office.register(registrar)
        for number in range(1, 6):
            await office.until(lambda number=number: len(registrar.diary.bound) == number)
            assert registrant.state == "registered"
            registrant.start()
        assert len(registrar.requests) <= 2 * len(registrar.diary.bound) + 2

    play(story)


def test_a_registrar_that_restarts_and_forgets_its_nonces_is_answered(play: Any) -> None:
    """It does not say `stale`: it has never heard of the nonce."""

    async def story(office: Any) -> None:
        for qop in ("auth", ""):
            registrar = await office.registrar(qop=qop)
            registrant = office.register(registrar)
            await office.reaches(registrant, "registered")
            registrant.start()
            await office.until(lambda registrar=registrar: len(registrar.diary.bound) == 2)
            registrar.forget()
            registrant.start()
            await office.until(lambda registrar=registrar: len(registrar.diary.bound) == 3)
            assert registrant.state == "registered"
            assert len(registrar.requests) == 5
            await registrant.close()

    play(story)


def test_challenges_that_never_end_are_given_up(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrar.script = lambda request: request.reply(401, to_tag="r", headers=registrar.challenges(stale=True))
        registrant = office.register(registrar, base=30.0, longest=60.0)
        await office.reaches(registrant, "failed")
        assert len(registrar.requests) <= 6
        assert "stale" in registrant.status().last_error

    play(story)
