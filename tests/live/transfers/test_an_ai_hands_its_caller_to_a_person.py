"""An AI transfers its caller to a person who is asked first, with real voices: what each one hears, and the record."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.live.peers.spoken import was_said

Stories = Callable[..., None]
QUESTION = "Press 1 or say yes to take the call, press 2 or say no to decline."
DESK = """
rules:
  - number: 300
    steps: [answer, {agent: desk}]
flows:
  desk:
    transfer:
      bob: {to: "sip:bob@127.0.0.1:PORT_BOB", mode: MODE, seconds: 10, brief: "It is about the garden."}
    nodes:
      hello: {say: One moment please., transfer: bob, failed: sorry}
      sorry:
        say: Bob is not there. Do you want to wait for him?
        ask: yes_no
        into: waits
        branch: {yes: hello, no: bye}
      bye: {say: Goodbye then., hangup: true}
"""

pytestmark = pytest.mark.timeout(120)


async def called(town: Any, mode: str = "warm") -> tuple[Any, Any]:
    """Let alice call the AI, and the AI call bob."""
    alice, bob = await town.start(DESK.replace("MODE", mode), "alice", "bob")
    alice.call("300")
    await alice.told(200)
    await bob.rings(15)
    heard = alice.probe.heard.samples
    assert was_said(heard, "One moment please."), "bob is called when alice has heard that she is put through"
    return alice, bob


async def told(bob: Any) -> None:
    bob.reply(200, sdp=True)
    await bob.hears_said("It is about the garden.")
    await bob.hears_said(QUESTION)


def test_bob_takes_the_call(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await called(town)
        alice.says(1100, 1.0)
        await told(bob)
        quiet = bob.probe.heard
        bob.probe.press("1")
        bob.says(700)
        alice.says(1100)
        await alice.hears(700)
        await bob.hears(1100)
        assert abs(quiet.tone(quiet.seconds - 0.5).hz - 1100) > 50, "he did not hear her before"
        alice.hang_up()
        await bob.asked("BYE")
        record = await town.record(to="300")
        assert (record["outcome"], record["ended_by"], record["verdict"]) == ("answered", "caller", "")
        assert record["variables"]["transfer_status"] == "answered"
        assert "bob@127.0.0.1" in record["variables"]["transferred_to"]
        assert [turn["said"] for turn in record["turns"]] == ["One moment please."]

    town(story)


def test_bob_declines_and_the_ai_goes_on(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await called(town)
        await told(bob)
        bob.probe.press("2")
        await bob.asked("BYE")
        await alice.hears_said("Bob is not there. Do you want to wait for him?")
        alice.probe.press("2")
        await alice.hears_said("Goodbye then.")
        await alice.asked("BYE")
        record = await town.record(to="300")
        assert record["variables"] == {
            "transfer_status": "rejected",
            "transfer_cause": "call rejected",
            "waits": "no",
        }
        assert record["verdict"].endswith("who answered declined the call; the caller came back to the AI")
        assert len(record["turns"]) == 2

    town(story)


def test_bob_says_nothing_and_is_asked_twice(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await called(town)
        await told(bob)
        await bob.asked("BYE", 30)
        await alice.hears_said("Bob is not there.")
        alice.hang_up()
        record = await town.record(to="300")
        assert record["variables"]["transfer_status"] == "no_answer"

    town(story)


def test_bob_is_busy_and_is_asked_again_when_alice_wants_to_wait(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await called(town)
        bob.reply(486)
        await alice.hears_said("Bob is not there. Do you want to wait for him?")
        alice.probe.press("1")
        await bob.rings(15)
        await told(bob)
        bob.probe.press("1")
        bob.says(700)
        await alice.hears(700)
        bob.ask("BYE")
        await alice.asked("BYE")
        record = await town.record(to="300")
        assert (record["ended_by"], record["variables"]["transfer_status"]) == ("callee", "answered")

    town(story)


def test_alice_hangs_up_while_bob_is_told(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await called(town)
        await told(bob)
        alice.hang_up()
        await bob.asked("BYE")
        record = await town.record(to="300")
        assert (record["ended_by"], record["variables"]["transfer_status"]) == ("caller", "cancelled")

    town(story)


def test_a_plain_transfer_lets_alice_hear_it_ring(town: Stories) -> None:
    async def story(town: Any) -> None:
        alice, bob = await called(town, "bridge")
        bob.reply(180)
        await alice.hears(425)
        alice.hang_up()
        await bob.asked("CANCEL")
        record = await town.record(to="300")
        assert record["variables"]["transfer_status"] == "cancelled"

    town(story)
