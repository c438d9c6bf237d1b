"""Telephones on a running switch: blind, attended and ringing transfers from either side, and calls taken over.

Whom each one hears is held by its tone: alice says 1100 Hz, bob 700, carol 1500, the desk 1900.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Stories = Callable[..., None]
PLAN = """
rules:
  - {number: 200, steps: [dial: "sip:bob@127.0.0.1:PORT_BOB"]}
  - {number: 300, steps: [dial: {to: "sip:carol@127.0.0.1:PORT_CAROL", seconds: 10}]}
  - {number: 400, steps: [answer, {agent: talk}]}
flows:
  talk:
    nodes:
      hello: {say: This is the machine., ask: yes_no, timeout: 30, branch: {yes: bye, no: bye}}
      bye: {say: Goodbye., hangup: true}
"""

pytestmark = pytest.mark.timeout(120)


async def talking(town: Any, *more: str) -> list[Any]:
    """Let alice talk with bob; return them, and more telephones."""
    phones: list[Any] = await town.start(PLAN, "alice", "bob", *more)
    alice, bob = phones[:2]
    alice.call("200")
    await bob.rings()
    bob.reply(200, sdp=True)
    await alice.told(200)
    alice.says(1100)
    bob.says(700)
    await talk(alice, 1100, bob, 700)
    return phones


async def talk(one: Any, its_hz: int, other: Any, others_hz: int) -> None:
    await one.hears(others_hz)
    await other.hears(its_hz)


def at(town: Any, user: str) -> str:
    return f"sip:{user}@127.0.0.1:{town.switch.sip_port}"


def test_bob_sends_alice_to_carol(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol = await talking(town, "carol")
        bob.hold(True)
        bob.refer(at(town, "300"))
        invite = await carol.rings()
        assert invite.from_.uri.username == "alice" and invite.headers.get("Referred-By") == f"<{bob.uri}>"
        carol.reply(180)
        await alice.hears(425)
        carol.reply(200, sdp=True)
        carol.says(1500)
        await talk(alice, 1100, carol, 1500)
        await bob.is_told(200)
        assert bob.notified == [100, 180, 200]
        bob.ask("BYE")
        await bob.is_quiet(0.5)
        carol.ask("BYE")
        await alice.asked("BYE")
        record = await town.record(to="200")
        assert (record["outcome"], record["ended_by"], record["verdict"]) == ("answered", "callee", "")
        assert record["variables"] == {"transferred_to": "300", "transfer_status": "answered"}
        assert town.switch.metrics()['softswitch_transfers_total{mode="blind",outcome="reached"}'] == 1

    town(story)


def test_alice_sends_bob_to_carol_and_is_let_go(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol = await talking(town, "carol")
        alice.refer(at(town, "300"))
        await carol.rings()
        carol.reply(200, sdp=True)
        carol.says(1500)
        await talk(bob, 700, carol, 1500)
        await alice.is_told(200)
        await alice.asked("BYE", 8)
        await talk(bob, 700, carol, 1500)
        bob.ask("BYE")
        await carol.asked("BYE")
        assert (await town.record(to="200"))["ended_by"] == "callee"

    town(story)


def test_carol_is_busy_and_the_two_talk_on(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol = await talking(town, "carol")
        alice.hold(True)
        alice.refer(at(town, "300"))
        await carol.rings()
        carol.reply(486)
        await alice.is_told(486)
        alice.hold(False)
        await talk(alice, 1100, bob, 700)
        alice.hang_up()
        await bob.asked("BYE")
        record = await town.record(to="200")
        assert record["verdict"] == "the transfer to 300 failed: user busy; the call went on"

    town(story)


def test_bob_hangs_up_as_soon_as_he_has_asked(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol = await talking(town, "carol")
        bob.refer(at(town, "300"))
        bob.ask("BYE")
        await carol.rings()
        carol.reply(200, sdp=True)
        carol.says(1500)
        await talk(alice, 1100, carol, 1500)
        alice.hang_up()
        await carol.asked("BYE")

    town(story)


def test_alice_hangs_up_while_carol_rings(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol = await talking(town, "carol")
        bob.refer(at(town, "300"))
        await carol.rings()
        carol.reply(180)
        await bob.is_told(180)
        alice.hang_up()
        await carol.asked("CANCEL")
        await bob.asked("BYE")
        await bob.is_told(487)

    town(story)


def test_a_second_transfer_waits_for_the_first(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol = await talking(town, "carol")
        bob.refer(at(town, "300"))
        await carol.rings()
        alice.refer(at(town, "300"))
        await alice.is_told(491)
        bob.refer(at(town, "200"))
        carol.reply(200, sdp=True)
        carol.says(1500)
        await talk(alice, 1100, carol, 1500)
        await bob.asked("BYE", 8)
        assert bob.notified == [100, 200]
        alice.hang_up()

    town(story)


def test_bob_asks_carol_first_and_connects_alice_with_her(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol, bob2 = await talking(town, "carol", "bob2")
        bob.hold(True)
        bob2.call("300")
        await carol.rings()
        carol.reply(200, sdp=True)
        await bob2.told(200)
        bob2.says(700)
        carol.says(1500)
        await talk(bob2, 700, carol, 1500)
        bob.refer(at(town, "300"), bob2.dialog)
        await talk(alice, 1100, carol, 1500)
        await bob.is_told(200)
        await bob2.asked("BYE")
        bob.ask("BYE")
        first = await town.record(to="200")
        assert (first["cause"], first["ended_by"]) == ("16 transferred", "callee")
        await talk(alice, 1100, carol, 1500)
        alice.ask("BYE")
        await carol.asked("BYE")
        second = await town.record(to="300")
        assert (second["from"], second["variables"]["replaced_by"]) == ("alice", "alice")
        assert first["variables"]["transferred_call"] == second["id"]

    town(story)


@pytest.mark.parametrize("comes", [True, False])
def test_carol_still_rings_when_bob_connects_alice_with_her(town: Stories, comes: bool) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol, bob2 = await talking(town, "carol", "bob2")
        bob.hold(True)
        bob2.call("300")
        await carol.rings()
        carol.reply(180)
        await bob2.told(180)
        bob2._tag = bob2.responses[-1].to.tag or ""
        bob.refer(at(town, "300"), bob2.dialog)
        await bob.is_told(200)
        bob.ask("BYE")
        await bob2.told(487)
        await alice.hears(425)
        if comes:
            carol.reply(200, sdp=True)
            carol.says(1500)
            await talk(alice, 1100, carol, 1500)
            carol.ask("BYE")
        else:
            carol.reply(486)
        await alice.asked("BYE")

    town(story)


def test_bob_connects_alice_with_the_machine(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, bob2 = await talking(town, "bob2")
        bob.hold(True)
        bob2.call("400")
        await bob2.hears_said("This is the machine.")
        bob.refer(at(town, "400"), bob2.dialog)
        await bob2.asked("BYE")
        alice.falls_silent()
        alice.probe.press("1")
        await alice.hears_said("Goodbye.")
        await alice.asked("BYE")
        bob.ask("BYE")

    town(story)


def test_the_desk_takes_the_call_that_the_mobile_has(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, desk = await talking(town, "desk")
        desk.call_instead("200", bob.dialog)
        await desk.told(200)
        desk.says(1900)
        await talk(alice, 1100, desk, 1900)
        await bob.asked("BYE")
        desk.ask("BYE")
        await alice.asked("BYE")
        assert (await town.record(to="200"))["variables"]["replaced_by"] == "alice"

    town(story)


def test_the_desk_picks_up_what_rings_elsewhere(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, desk = await town.start(PLAN, "alice", "bob", "desk")
        alice.call("200")
        await bob.rings()
        bob.reply(180)
        await alice.told(180)
        desk.call_instead("200", bob.dialog + "%3Bearly-only".replace("%3B", ";"))
        await desk.told(200)
        await bob.asked("CANCEL")
        await alice.told(200)
        alice.says(1100)
        desk.says(1900)
        await talk(alice, 1100, desk, 1900)
        alice.hang_up()
        await desk.asked("BYE")

    town(story)


def test_a_call_is_sent_on_ten_times(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob, carol = await talking(town, "carol")
        ring = {"200": bob, "300": carol}
        before = bob
        for number in ["300", "200"] * 5:
            target = ring[number]
            before.refer(at(town, number))
            await target.rings()
            target._cseq = 1
            target.reply(200, sdp=True)
            await asyncio.sleep(0.2)
            before.ask("BYE")
            before = target
        carol.says(1500)
        await alice.hears(700)
        alice.hang_up()
        await asyncio.sleep(0.2)
        assert (await town.record(to="200"))["variables"]["transferred_to"] == "200"

    town(story)
