"""A stranger with too many calls is told to come again; an account that is guessed at slows down, but not at home."""

from typing import Any

from softswitch.sip.guesses import TRIES

ALICE = {"name": "alice", "password": "open sesame", "number": "101"}


def test_a_stranger_with_too_many_calls_gets_503_and_a_user_does_not(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE)
        strangers = rig.user_agent.guard.strangers
        strangers.adopt(2, 100)
        phone = await rig.telephone("carol")
        phone.realm_host = "elsewhere.example"
        assert [(await phone.call("600")).status for _ in range(2)] == [200, 200]
        refused = await phone.call("600")
        assert refused.status == 503 and int(refused.headers.get("Retry-After") or 0) > 0
        assert b"guard" not in bytes(refused), "what we take is nobody's business"
        assert rig.user_agent.core.bad["strangers_full"] == 1
        own = await rig.telephone()
        assert (await own.call("600")).status == 200
        assert strangers.calls == 2
        rig.switchboard.hang_up(next(call.id for call, parties in rig.switchboard.calls() if parties.from_ == "carol"))
        await rig.until(lambda: strangers.calls == 1)
        assert (await phone.call("600")).status == 200
        for call, _ in list(rig.switchboard.calls()):
            rig.switchboard.hang_up(call.id)
        await rig.until(lambda: strangers.calls == 0)

    play(story)


def test_a_place_comes_back_however_a_strangers_call_ends(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open()  # no users: what is not open to strangers does not exist
        phone = await rig.telephone("carol")
        phone.realm_host = "elsewhere.example"
        assert [(await phone.call(number)).status for number in ("999", "601")] == [404, 404]
        phone.called.body = b"v=0\r\nnonsense"
        strangers = rig.user_agent.guard.strangers
        await rig.until(lambda: strangers.calls == 0)
        assert rig.user_agent.guard.gate.offences["closed_number"] == 2

    play(story)


def test_an_account_that_is_guessed_at_slows_down_for_the_world_and_not_for_its_owner(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE)
        owner = await rig.telephone()
        assert (await owner.register()).status == 200
        people.proof.guesses._account("alice").homes = ["192.0.2.1"]  # the owner was seen elsewhere only
        for _ in range(TRIES):
            mallory = await rig.telephone("alice", "a guess")
            assert (await mallory.register()).status == 401
        assert people.proof.guesses.slowed == 0
        refused = await owner.register()
        assert refused.status == 401, "a right password is not looked at either, or guessing would go on unharmed"
        assert people.proof.guesses.slowed > 0
        people.proof.guesses._account("alice").homes = ["127.0.0.1"]
        owner = await rig.telephone()
        assert (await owner.register()).status == 200

    play(story)


def test_what_stands_in_the_entry_of_a_user_decides_what_it_may_call(play: Any) -> None:
    async def story(rig: Any) -> None:
        users = ({**ALICE, "toll": {"countries": ["AT"]}}, {"name": "bob", "password": "open sesame", "number": "102"})
        carrier = {"name": "office", "host": "127.0.0.1", "port": 9, "country": "DE"}
        await rig.open(*users, carriers=[carrier])
        alice, bob = await rig.telephone("alice"), await rig.telephone("bob")
        assert (await alice.call("030123456")).status == 403
        assert (await rig.record()).verdict.startswith(
            "user alice may not call +4930123456: numbers of DE are not among"
        )
        assert (await bob.call("030123456")).status != 403

    play(story)


def test_whoever_transfers_pays_for_it_by_the_same_tolls(play: Any) -> None:
    async def story(rig: Any) -> None:
        carrier = {"name": "office", "host": "127.0.0.1", "port": 9, "country": "DE"}
        await rig.open(ALICE, {"name": "bob", "password": "open sesame", "number": "102"}, carriers=[carrier])
        alice, bob = await rig.telephone("alice"), await rig.telephone("bob")
        await bob.register()
        assert (await alice.call("102")).status == 200
        refused = rig.trunks.tolls.toll.refused
        for number, reason in (("09001234567", "number"), ("00881612345678", "number")):
            before = refused["user", reason]
            refer = alice.request("REFER", alice.called.uri, "x", alice.called.call_id)
            refer.headers.set("From", alice.called.headers.get("From") or "")
            refer.headers.set("To", f"{alice.called.headers.get('To')};tag={alice.tag}")
            alice._cseq += 1
            refer.headers.set("CSeq", f"{alice._cseq + 50} REFER")
            refer.headers.add("Contact", alice.contact)
            refer.headers.add("Refer-To", f"<sip:{number}@{rig.sip[0]}:{rig.sip[1]}>")
            assert (await alice.ask(refer, 1)).status == 202
            await rig.until(lambda: refused["user", reason] == before + 1)  # noqa: B023 - awaited here
            last = await alice.was_asked("NOTIFY", 1)
            assert last.body.startswith(b"SIP/2.0 ")
            await rig.until(lambda: any(b" 403 " in one.body for one in alice.asked if one.method == "NOTIFY"))
            alice.asked.clear()
        for call, _ in list(rig.switchboard.calls()):
            rig.switchboard.hang_up(call.id)

    play(story)
