"""Another list of carriers: what did not change is not touched, what did is registered anew, what is gone leaves."""

import asyncio
from collections.abc import Callable
from typing import Any

from softswitch.call.steps import Wait
from softswitch.sip.message import Request
from tests.live.trunks.conftest import TrunkRig
from tests.live.trunks.test_a_carrier_that_wants_it_is_registered_with import Registrar, entry, registrar

Play = Callable[..., None]


def registers(one: Registrar) -> list[tuple[str, str]]:
    """Return URI and seconds of the Contact of each REGISTER, in order of arrival; copies not counted."""
    asked: dict[Any, Request] = {}
    for request in one.asked:
        if request.method == "REGISTER":
            asked.setdefault((request.headers.get("Call-ID"), request.cseq.number), request)
    contacts = [(request.headers.get("Contact") or "").partition(">;expires=") for request in asked.values()]
    return [(uri, seconds) for uri, _, seconds in contacts]


def states(rig: TrunkRig) -> dict[str, str]:
    return {status.name: status.state for status in rig.trunks.statuses()}


def test_an_entry_that_did_not_change_is_not_touched(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port))
        await rig.until(lambda: states(rig) == {"office": "registered"})
        line = rig.trunks.roster.post("office").line
        other = {"name": "other", "host": "127.0.0.1", "port": one.port}
        rig.trunks.replace(rig.carriers(other, entry(one.port)))
        assert list(states(rig)) == ["other", "office"]
        assert rig.trunks.roster.post("office").line == line
        await asyncio.sleep(0.2)
        assert len(registers(one)) == 1

    play(story)


def test_a_change_of_manners_keeps_the_registration(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port, max_calls=1))
        await rig.until(lambda: states(rig) == {"office": "registered"})
        rig.trunks.replace(rig.carriers(entry(one.port, max_calls=7, caller_id="+4930999")))
        await asyncio.sleep(0.2)
        seen = next(iter(rig.trunks.statuses()))
        assert (seen.state, seen.max_calls, len(registers(one))) == ("registered", 7, 1)
        assert rig.trunks.roster.carriers[0].caller_id == ("+4930999",)

    play(story)


def test_a_changed_account_takes_its_old_binding_back_before_the_new_one(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port))
        await rig.until(lambda: states(rig) == {"office": "registered"})
        rig.trunks.replace(rig.carriers(entry(one.port, username="account8")))
        await rig.until(lambda: len(registers(one)) == 3 and states(rig) == {"office": "registered"})
        (first, _), (second, gone), (third, _) = registers(one)
        assert second == first and gone == "0"
        assert "account8@" in third and "account7@" in first
        assert third.partition(";line=")[2] != first.partition(";line=")[2] != ""

    play(story)


def test_changes_that_follow_each_other_closely_end_with_the_last(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port))
        await rig.until(lambda: states(rig) == {"office": "registered"})
        for username in ("account8", "account9", "account7"):
            rig.trunks.replace(rig.carriers(entry(one.port, username=username)))
        await rig.until(lambda: len(registers(one)) == 3 and states(rig) == {"office": "registered"})
        await asyncio.sleep(0.2)
        assert ["account7@" in contact for contact, _ in registers(one)] == [True, True, True]
        assert [expires == "0" for _, expires in registers(one)] == [False, True, False]

    play(story)


def test_a_call_of_a_carrier_that_is_gone_goes_on_and_is_still_seen(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig, 200)
        await rig.open(entry(one.port, max_calls=3))
        await rig.until(lambda: states(rig) == {"office": "registered"})
        call = rig.dial(steps=(Wait(seconds=60),))
        await rig.until(lambda: one.count("ACK"))
        rig.trunks.replace([])
        await rig.until(lambda: registers(one)[-1][1] == "0")
        assert states(rig) == {"office": "removed"} and rig.in_use() == {"office": 1}
        # It comes back while its call is up: the call still counts.
        rig.trunks.replace(rig.carriers(entry(one.port, max_calls=3)))
        await rig.until(lambda: states(rig) == {"office": "registered"})
        assert rig.in_use() == {"office": 1}
        assert rig.switchboard.active == 1 and not one.count("BYE")
        rig.switchboard.hang_up(call)
        assert (await rig.record()).outcome == "answered"
        assert rig.in_use() == {"office": 0}

    play(story)


def test_a_call_goes_on_when_its_carrier_is_another_place_now(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one, two = await registrar(rig, 200), await registrar(rig, 200)
        await rig.open(entry(one.port, max_calls=1))
        call = rig.dial(steps=(Wait(seconds=60),))
        await rig.until(lambda: one.count("ACK"))
        rig.trunks.replace(rig.carriers(entry(two.port, max_calls=1)))
        await rig.until(lambda: two.count("REGISTER"))
        rig.dial()
        assert "max_calls" in (await rig.record()).verdict
        rig.switchboard.hang_up(call)
        await rig.record(2)
        await rig.until(lambda: one.count("BYE") == 1)
        rig.dial()
        await rig.record(3)
        await rig.until(lambda: two.count("BYE") == 1)

    play(story)


def test_a_switch_that_stops_during_a_change_leaves_no_task(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await registrar(rig)
        await rig.open(entry(one.port))
        await rig.until(lambda: states(rig) == {"office": "registered"})
        one.status = 0  # nothing is answered any more
        rig.trunks.replace(rig.carriers(entry(one.port, username="account8")))
        await asyncio.sleep(0)
        await rig.trunks.leave()
        assert "account8" not in str(registers(one))

    play(story)
