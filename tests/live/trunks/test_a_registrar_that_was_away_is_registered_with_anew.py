"""A registrar that was down and is back may have forgotten us: we register then, not when the next refresh is due."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.legs.trunk import TrunkStatus
from tests.live.trunks.conftest import TrunkRig
from tests.live.trunks.test_a_carrier_that_wants_it_is_registered_with import Registrar, entry, registrar

Play = Callable[..., None]
OFTEN: dict[str, Any] = {"health_seconds": 0.2, "try_seconds": 0.2}


def status(rig: TrunkRig) -> TrunkStatus:
    return next(iter(rig.trunks.statuses()))


async def away_and_back(rig: TrunkRig, one: Registrar) -> None:
    one.options = 0
    await rig.until(lambda: status(rig).gateways[0].state == "down")
    one.options = 200
    await rig.until(lambda: status(rig).gateways[0].state == "up")


def test_a_registrar_that_was_away_is_registered_with_anew(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port, **OFTEN))
        await rig.until(lambda: status(rig).state == "registered" and status(rig).gateways[0].state == "up")
        assert one.count("REGISTER") == 1
        await away_and_back(rig, one)
        await rig.until(lambda: one.count("REGISTER") == 2)
        assert status(rig).state == "registered"

    play(story)


def test_an_account_that_is_refused_stays_refused(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        one.status = 403
        await rig.open(entry(one.port, **OFTEN))
        await rig.until(lambda: status(rig).state == "refused" and status(rig).gateways[0].state == "up")
        asked = one.count("REGISTER")
        await away_and_back(rig, one)
        await away_and_back(rig, one)
        assert one.count("REGISTER") == asked

    play(story)


def test_a_gateway_that_went_down_by_calls_is_said_once(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(100, 503, options=200)
        await rig.open({"name": "office", "host": "127.0.0.1", "port": one.port, "health_seconds": 30})
        await rig.until(lambda: status(rig).state == "up")
        for number in (1, 2, 3):
            rig.dial()
            await rig.record(number)
        assert status(rig).state == "down"
        said = [record.getMessage() for record in caplog.records if "a gateway is" in record.getMessage()]
        assert len(said) == 1 and said[0].startswith("a gateway is down: ") and "503" in said[0]

    play(story)
