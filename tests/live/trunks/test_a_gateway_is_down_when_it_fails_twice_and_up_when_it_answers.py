"""Health by OPTIONS: hysteresis, 503, round trips, and that a mark of death is no sentence of death."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.legs.trunk import TrunkStatus
from tests.live.trunks.conftest import TrunkRig

Play = Callable[..., None]
ANSWERS = (100, 180, 200)


def entry(*ports: int, **more: Any) -> dict[str, Any]:
    gateways = [{"host": "127.0.0.1", "port": port, "priority": place} for place, port in enumerate(ports)]
    return {"name": "office", "gateways": gateways, "health_seconds": 0.2, "try_seconds": 0.2, **more}


def status(rig: TrunkRig) -> TrunkStatus:
    return next(iter(rig.trunks.statuses()))


@pytest.mark.parametrize("answer", [200, 404, 405, 401, 500, 603])
def test_whatever_it_answers_it_lives(play: Play, answer: int) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS, options=answer)
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "up")
        seen = status(rig)
        assert seen.round_trip_ms is not None and 0 < seen.round_trip_ms < 200
        assert (seen.error, seen.gateways[0].state) == ("", "up")

    play(story)


@pytest.mark.parametrize("answer", [0, 503])
def test_two_failures_make_it_down_and_one_answer_up(play: Play, answer: int) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS, options=200)
        await rig.open(entry(one.port))
        await rig.until(lambda: status(rig).state == "up")
        one.options = answer
        await rig.until(lambda: status(rig).gateways[0].error)
        assert status(rig).state == "up"  # one failure is a lost datagram
        await rig.until(lambda: status(rig).state == "down")
        wanted = "gave no answer in 0.2 s" if answer == 0 else "answers 503"
        assert wanted in status(rig).error
        one.options = 200
        await rig.until(lambda: status(rig).state == "up")
        assert status(rig).error == ""

    play(story)


def test_the_log_says_once_which_of_two_gateways_on_one_host_went_and_came(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(rig: TrunkRig) -> None:
        one, other = await rig.gateway(*ANSWERS, options=200), await rig.gateway(*ANSWERS, options=200)
        await rig.open(entry(one.port, other.port))
        await rig.until(lambda: all(each.state == "up" for each in status(rig).gateways))
        other.options = 0
        await rig.until(lambda: status(rig).gateways[1].state == "down")
        other.options = 200
        await rig.until(lambda: status(rig).gateways[1].state == "up")
        said = [(record.getMessage(), vars(record).get("gateway")) for record in caplog.records]
        name = f"127.0.0.1:{other.port}"
        down, up = f"a gateway is down: {name} gave no answer in 0.2 s", "a gateway is up again"
        assert [one for one in said if "gateway" in one[0]] == [(down, name), (up, name)]

    with caplog.at_level(logging.INFO, logger="softswitch.trunks"):
        play(story)


def test_a_gateway_that_is_down_is_tried_last(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        dead, alive = await rig.gateway(options=0), await rig.gateway(*ANSWERS)
        await rig.open(entry(dead.port, alive.port))
        await rig.until(lambda: [one.state for one in status(rig).gateways] == ["down", "up"])
        rig.dial()
        assert (await rig.record()).outcome == "answered"
        assert dead.count("INVITE") == 0
        assert status(rig).state == "up"

    play(story)


def test_when_all_are_down_they_are_tried_all_the_same(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        deaf = await rig.gateway(*ANSWERS, options=0)
        await rig.open(entry(deaf.port))
        await rig.until(lambda: status(rig).state == "down")
        rig.dial()
        assert (await rig.record()).outcome == "answered"
        assert status(rig).state == "up"  # a call is the better check

    play(story)


def test_calls_that_are_answered_503_tell_as_much_as_checks(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        full, other = await rig.gateway(100, 503), await rig.gateway(*ANSWERS)
        await rig.open(entry(full.port, other.port, health_seconds=3600))
        await rig.until(lambda: [one.state for one in status(rig).gateways] == ["up", "up"])
        for number, expected in ((1, "up"), (2, "down")):
            rig.dial()
            await rig.record(number)
            assert status(rig).gateways[0].state == expected
        rig.dial()
        await rig.record(3)
        assert full.count("INVITE") == 2  # it is the last to be asked now, and was not needed

    play(story)


def test_one_carrier_in_trouble_leaves_another_alone(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        mad, sane = await rig.gateway(-1, options=-1), await rig.gateway(*ANSWERS)
        await rig.open(entry(mad.port), {**entry(sane.port), "name": "other"})
        states = lambda: {one.name: one.state for one in rig.trunks.statuses()}  # noqa: E731
        await rig.until(lambda: states() == {"office": "down", "other": "up"})
        rig.dial(carrier="other")
        assert (await rig.record()).outcome == "answered"

    play(story)


def test_without_checks_no_gateway_is_ever_down(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        silent = await rig.gateway()
        await rig.open(entry(silent.port, health_seconds=0))
        for number in (1, 2, 3):
            rig.dial()
            await rig.record(number)
        seen = status(rig)
        assert seen.gateways[0].state == "unknown" and "gave no answer" in seen.error
        assert silent.count("OPTIONS") == 0

    play(story)


def test_a_check_is_a_plain_options_request(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway()
        await rig.open(entry(one.port))
        await rig.until(lambda: one.count("OPTIONS") >= 3)
        first, last = one.asked[0], one.asked[-1]
        assert str(first.uri) == f"sip:127.0.0.1:{one.port}"
        assert first.headers.get("Accept") == "application/sdp"
        assert first.headers.get("Call-ID") == last.headers.get("Call-ID")
        assert last.cseq.number > first.cseq.number
        assert not first.headers.get("Authorization")
        await asyncio.sleep(0)

    play(story)
