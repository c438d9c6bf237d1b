"""`user:NAME` rings every telephone of a user by its `q`; the first answer wins, the others are told so."""

import asyncio
from typing import Any

import pytest

ALICE = {"name": "alice", "password": "open sesame", "number": "101", "display": "Alice"}
BOB = {"name": "bob", "password": "open sesame", "number": "102", "display": "Bob B", "caller_id": "+493012345102"}


async def two_users(rig: Any, **options: Any) -> tuple[Any, Any]:
    await rig.open(ALICE, BOB, **options)
    alice, bob = await rig.telephone(), await rig.telephone("bob")
    assert (await alice.register()).status == 200
    return alice, bob


@pytest.mark.parametrize("number", ["101", "alice"])
def test_a_user_calls_another_with_its_number_and_name(play: Any, number: str) -> None:
    async def story(rig: Any) -> None:
        alice, bob = await two_users(rig, rules="rules: [{number: ['101', alice], steps: [dial: 'user:{to}']}]")
        assert (await bob.call(number)).status == 200
        invite = await alice.was_asked("INVITE")
        assert str(invite.uri) == alice.contact.strip("<>")
        assert (invite.from_.uri.username, invite.from_.display) == ("102", "Bob B"), "what calls back, not +49…"
        bob.bye()
        await alice.was_asked("BYE")
        record = await rig.record()
        assert (record.outcome, record.from_) == ("answered", "+493012345102")

    play(story)


def test_two_telephones_ring_and_the_one_that_loses_is_told_why(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob = await two_users(rig)
        alice.rings = (180,)
        other = await rig.telephone()
        assert (await other.register()).status == 200
        other.rings = (180,)
        answered = asyncio.create_task(bob.call("101"))
        await alice.was_asked("INVITE")
        other.reply(await other.was_asked("INVITE"), 200)
        assert (await answered).status == 200
        cancel = await alice.was_asked("CANCEL")
        assert cancel.headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
        assert [one.status for one in bob.answers if one.cseq.method == "INVITE"].count(180) == 1
        bob.bye()
        await other.was_asked("BYE")

    play(story)


def test_what_is_less_preferred_rings_when_the_preferred_one_refuses(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob = await two_users(rig)
        await alice.register(f"{alice.contact};q=0.9")
        alice.rings = (180, 486)
        other = await rig.telephone()
        await other.register(f"{other.contact};q=0.2")
        assert (await bob.call("101")).status == 200
        assert len(alice._of("INVITE")) == 1
        bob.bye()
        await other.was_asked("BYE")

    play(story)


def test_a_decline_ends_it_for_all(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob = await two_users(rig)
        alice.rings = (180, 603)
        other = await rig.telephone(rings=(180,))
        await other.register()
        assert (await bob.call("101")).status == 603
        await other.was_asked("CANCEL")

    play(story)


def test_all_busy_is_busy(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob = await two_users(rig)
        alice.rings = (486,)
        other = await rig.telephone(rings=(180, 480))
        await other.register()
        assert (await bob.call("101")).status == 486

    play(story)


def test_a_user_without_a_telephone_is_unavailable_and_the_record_says_why(play: Any) -> None:
    async def story(rig: Any) -> None:
        _, bob = await two_users(rig)
        answer = await bob.call("102")
        assert answer.status == 480
        record = await rig.record()
        assert record.cause == "20 no phone is registered"
        assert record.verdict == "user bob has no phone registered (SIP 480)"

    play(story)


def test_nobody_of_that_name_does_not_exist(play: Any) -> None:
    async def story(rig: Any) -> None:
        _, bob = await two_users(rig)
        assert (await bob.call("199")).status == 404

    play(story)


def test_a_caller_who_gives_up_stops_every_telephone(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob = await two_users(rig)
        alice.rings = (180,)
        other = await rig.telephone(rings=(100,))
        await other.register()
        asking = asyncio.create_task(bob.call("101"))
        await alice.was_asked("INVITE")
        for call, _ in rig.switchboard.calls():
            rig.switchboard.hang_up(call.id)
        assert (await asking).status >= 400
        await alice.was_asked("CANCEL")
        await other.was_asked("CANCEL")

    play(story)


def test_a_telephone_that_says_nothing_is_not_there(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob = await two_users(rig)
        alice.rings = ()
        assert (await bob.call("101")).status == 480
        assert "could be reached" in (await rig.record()).verdict

    play(story)
