"""REGISTER over a real socket: the challenge, what is granted, refreshes, removal, and what is refused."""

from typing import Any

from softswitch.sip.uri import Uri

ALICE = {"name": "alice", "password": "open sesame", "number": "101"}


def test_a_telephone_registers_refreshes_and_leaves(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE)
        phone = await rig.telephone()
        answer = await phone.register()
        assert answer.status == 200
        assert answer.headers.all("Contact") == [f"{phone.contact};expires=60"]
        (status,) = people.users.statuses()
        assert (status.user, status.number, status.state) == ("alice", "101", "registered")
        challenged = people.proof.counts["challenged"]
        for _ in range(20):
            assert (await phone.register()).status == 200
        assert people.proof.counts["challenged"] == challenged, "a nonce in use must not be asked for again"
        assert (await phone.register(expires=0)).headers.all("Contact") == []
        assert list(people.users.statuses()) == []

    play(story)


def test_without_users_register_is_no_method_of_ours(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open()
        answer = await (await rig.telephone()).register()
        assert answer.status == 405
        assert "WWW-Authenticate" not in answer.headers
        assert "REGISTER" not in (answer.headers.get("Allow") or "")

    play(story)


def test_options_say_that_register_is_known_once_there_are_users(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE)
        phone = await rig.telephone()
        request = phone.request(
            "OPTIONS", __import__("softswitch.sip.uri", fromlist=["Uri"]).Uri.parse("sip:x"), "x", "c"
        )
        answer = await phone.ask(request)
        assert "REGISTER" in answer.headers.all("Allow")

    play(story)


def test_a_user_registers_nobody_but_itself(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, {"name": "bob", "password": "x", "number": "102"})
        phone = await rig.telephone()
        assert (await phone.register(to="101")).status == 200, "its own number is itself"
        for other in ("bob", "102", "nobody"):
            assert (await phone.register(to=other)).status == 403
        assert [status.user for status in people.users.statuses()] == ["alice"]

    play(story)


def test_a_recorded_register_moves_nobodys_calls(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE)
        phone, thief = await rig.telephone(), await rig.telephone("thief")
        await phone.register()
        (recorded,) = {one.headers.get("Authorization") for one in phone.sent if "Authorization" in one.headers}
        thief.client.forget()
        answer = await thief.register(to="alice", lines=[("Authorization", recorded or "")], tries=1)
        assert answer.status == 401
        assert "stale=true" in (answer.headers.get("WWW-Authenticate") or "")
        assert [status.contact for status in people.users.statuses()] == [phone.contact.strip("<>")]
        assert (await phone.register()).status == 200, "whose recording it was, notices nothing"

    play(story)


def test_a_contact_that_leads_back_to_us_is_refused(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE)
        phone = await rig.telephone()
        assert (await phone.register(f"<sip:0049900@127.0.0.1:{rig.sip[1]}>")).status == 403

    play(story)


def test_too_brief_is_423_with_the_least_we_take(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, registrar={"min_expires": 120})
        answer = await (await rig.telephone()).register(expires=30)
        assert (answer.status, answer.headers.get("Min-Expires")) == (423, "120")

    play(story)


def test_a_subscription_is_refused_as_an_event_we_do_not_have(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE)
        phone = await rig.telephone()
        request = phone.request("SUBSCRIBE", Uri.parse("sip:alice@127.0.0.1"), "alice", "c")
        request.headers.add("Event", "message-summary")
        assert (await phone.ask(request)).status == 489

    play(story)
