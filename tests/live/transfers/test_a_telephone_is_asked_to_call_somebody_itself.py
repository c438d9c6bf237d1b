"""A caller of the AI is transferred by REFER: what its telephone says decides whether it is gone, back, or bridged."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.live.peers.spoken import was_said

Stories = Callable[..., None]
DESK = """
rules:
  - number: 300
    steps: [answer, {agent: desk}]
  - number: 400
    steps: [answer, {transfer: {to: "sip:bob@127.0.0.1:PORT_BOB", mode: attended}}]
flows:
  desk:
    transfer:
      bob: {to: "sip:bob@127.0.0.1:PORT_BOB", mode: refer, seconds: 10}
    nodes:
      hello: {say: One moment please., transfer: bob, failed: sorry}
      sorry: {say: Bob is not there. Goodbye., hangup: true}
"""

pytestmark = pytest.mark.timeout(120)


async def asked(town: Any, status: int) -> tuple[Any, Any]:
    alice, bob = await town.start(DESK, "alice", "bob")
    alice.call("300")
    await alice.told(200)
    assert await alice.is_referred(status, 15) == bob.uri
    heard = alice.probe.heard.samples
    assert was_said(heard, "One moment please."), "she is asked when she has heard all that was to be said before"
    return alice, bob


def test_alice_calls_bob_herself(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, _ = await asked(town, 202)
        for status in (100, 180, 200):
            alice.notify(status)
        await alice.asked("BYE", 8)
        record = await town.record(to="300")
        assert (record["cause"], record["variables"]["transfer_status"]) == ("16 transferred", "answered")

    town(story)


def test_bob_is_busy_and_the_ai_goes_on(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, _ = await asked(town, 202)
        alice.notify(100)
        alice.notify(486)
        await alice.hears_said("Bob is not there.")
        await alice.asked("BYE", 8)
        record = await town.record(to="300")
        assert record["variables"] == {"transfer_status": "busy", "transfer_cause": "user busy"}

    town(story)


def test_a_telephone_that_refuses_is_connected_by_us(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await asked(town, 501)
        await bob.rings()
        bob.reply(200, sdp=True)
        bob.says(700)
        alice.says(1100)
        await alice.hears(700)
        await bob.hears(1100)
        alice.hang_up()
        await bob.asked("BYE")

    town(story)


def test_two_that_are_connected_may_do_without_us(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await town.start(DESK, "alice", "bob")
        alice.allows = "INVITE, ACK, BYE, REFER, NOTIFY"
        alice.call("400")
        await bob.rings()
        bob.reply(200, sdp=True)
        bob.says(700)
        await alice.hears(700)
        target = await alice.is_referred()
        assert target.startswith("sip:x@127.0.0.1") and "Replaces=" in target and "bob-tag" in target
        await alice.hears(700)
        alice.notify(100)
        bob.ask("BYE")
        await alice.asked("BYE")
        assert (await town.record(to="400"))["cause"] == "16 transferred"

    town(story)


def test_two_that_cannot_do_without_us_talk_on(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await town.start(DESK, "alice", "bob")
        alice.allows = "INVITE, ACK, BYE, REFER, NOTIFY"
        alice.call("400")
        await bob.rings()
        bob.reply(200, sdp=True)
        bob.says(700)
        await alice.is_referred()
        alice.notify(100)
        alice.notify(408)
        await alice.hears(700)
        alice.hang_up()
        await bob.asked("BYE")
        assert (await town.record(to="400"))["cause"] == "16 normal clearing"

    town(story)
