"""A baresip sends whom it talks with elsewhere, and goes elsewhere itself when it is asked to."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip

Stories = Callable[..., None]
PLAN = """
rules:
  - {number: 200, steps: [dial: "sip:bob@127.0.0.1:PORT_BOB"]}
  - {number: 300, steps: [{dial: "BARESIP"}]}
  - {number: 500, steps: [answer, {tone: {hz: 1004}}]}
  - {number: 600, steps: [answer, {transfer: {to: 500, mode: refer}}]}
"""

pytestmark = pytest.mark.timeout(120)


def at(town: Any, user: str) -> str:
    return f"sip:{user}@127.0.0.1:{town.switch.sip_port}"


def test_it_sends_away_whom_it_has_called(town: Stories, baresip: Baresip) -> None:
    async def story(town: Any) -> None:
        [bob] = await town.start(PLAN, "bob")
        mark = await asyncio.to_thread(baresip.dial, at(town, "200"))
        await bob.rings()
        bob.reply(200, sdp=True)
        await bob.hears(SAYS_HZ)
        await asyncio.to_thread(baresip.transfer, at(town, "500"))
        await bob.hears(1004)
        await asyncio.to_thread(baresip.wait_event, "CALL_CLOSED", since=mark)
        await bob.hears(1004)
        bob.ask("BYE")
        record = await town.record(to="200")
        assert (record["ended_by"], record["variables"]["transferred_to"]) == ("callee", "500")

    town(story)


def test_it_sends_away_who_has_called_it(town: Stories, baresip: Baresip) -> None:
    async def story(town: Any) -> None:
        alice, bob = await town.start(PLAN.replace("BARESIP", baresip.uri), "alice", "bob")
        mark = baresip.expect_call()
        alice.call("300")
        await alice.told(200)
        await alice.hears(SAYS_HZ)
        await asyncio.to_thread(baresip.transfer, at(town, "200"))
        await bob.rings()
        bob.reply(200, sdp=True)
        bob.says(700)
        await alice.hears(700)
        await asyncio.to_thread(baresip.wait_event, "CALL_CLOSED", since=mark)
        alice.hang_up()
        await bob.asked("BYE")

    town(story)


def test_as_a_carrier_it_sends_away_who_has_called_it(town: Stories, baresip: Baresip) -> None:
    async def story(town: Any) -> None:
        rule = f"  - {{number: 400, steps: [dial: {{to: '{NUMBER}', carrier: office}}]}}\n"
        office = f"- {{name: office, host: 127.0.0.1, port: {baresip.port}, number_format: as_dialled}}"
        [alice] = await town.start(PLAN + rule, "alice", carriers=office)
        mark = baresip.expect_call()
        alice.call("400")
        await alice.told(200)
        await alice.hears(SAYS_HZ)
        await asyncio.to_thread(baresip.transfer, at(town, "500"))
        await alice.hears(1004)
        await asyncio.to_thread(baresip.wait_event, "CALL_CLOSED", since=mark)
        alice.hang_up()
        record = await town.record(to="400")
        assert (record["carrier"], record["variables"]["transferred_to"]) == ("office", "500")

    town(story)


def test_it_calls_somebody_itself_when_it_is_asked_to(town: Stories, baresip: Baresip) -> None:
    async def story(town: Any) -> None:
        await town.start(PLAN)
        await asyncio.to_thread(baresip.dial, at(town, "600"))
        record = await asyncio.to_thread(lambda: town.switch.wait_record(to="600", seconds=15))
        assert (record["cause"], record["variables"]["transfer_status"]) == ("16 transferred", "answered")
        await asyncio.to_thread(baresip.wait_tone, 1004)
        await asyncio.to_thread(baresip.hang_up)
        assert (await town.record(to="500"))["from"] == NUMBER

    town(story)
