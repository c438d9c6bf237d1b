"""`recognise`: a carrier is known by its address, by its credentials, or by both; what it may call is its rules."""

from typing import Any

import pytest

RULES = """
rules:
  - {number: '500', carrier: office, steps: [answer, echo]}
  - {number: '501', carrier: other, steps: [answer, echo]}
  - {number: '502', steps: [answer, echo]}
  - {number: '503', steps: [dial: '+4930123']}
  - {number: '504', carrier: office, steps: [dial: 'user:alice']}
"""
ALICE = {"name": "alice", "password": "open sesame", "number": "101"}
#: Where nobody is, and where the calls of these tests do not come from.
ELSEWHERE = "192.0.2.7"


def office(recognise: str, *, here: bool = False) -> dict[str, Any]:
    return {
        "name": "office",
        "host": ELSEWHERE,
        "username": "trunk",
        "password": "trunk secret",
        "recognise": recognise,
        "allow": ["127.0.0.1"] if here else [],
    }


@pytest.mark.parametrize(
    ("recognise", "here", "status"),
    [
        ("address", True, 200),
        ("address", False, 401),
        ("credentials", True, 401),
        ("credentials", False, 401),
        ("both", True, 401),
        ("both", False, 401),
    ],
)
def test_a_call_without_credentials(play: Any, recognise: str, here: bool, status: int) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, carriers=[office(recognise, here=here)], rules=RULES)
        gateway = await rig.telephone("somebody")
        gateway.realm_host = "carrier.example"
        assert (await gateway.call("500", tries=1)).status == status
        if status == 200:
            gateway.bye()

    play(story)


@pytest.mark.parametrize(
    ("recognise", "here", "status"),
    [("credentials", True, 200), ("credentials", False, 200), ("both", True, 200), ("both", False, 403)],
)
def test_a_call_with_the_credentials_of_the_entry(play: Any, recognise: str, here: bool, status: int) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(carriers=[office(recognise, here=here)], rules=RULES)
        offences: list[Any] = []
        people.proof.on_offence = people.identity.on_offence = lambda flow, kind: offences.append(kind)
        gateway = await rig.telephone("trunk", "trunk secret")
        gateway.realm_host = "carrier.example"
        assert (await gateway.call("500")).status == status
        if status == 200:
            assert rig.inbound[-1].carrier == "office"
            gateway.bye()
        wrong = await rig.telephone("trunk", "a guess")
        wrong.realm_host = "carrier.example"
        assert (await wrong.call("500")).status == 401
        assert "bad_password" in offences

    play(story)


@pytest.mark.parametrize(("number", "status"), [("500", 200), ("501", 404), ("502", 200), ("503", 404), ("101", 404)])
def test_a_carrier_uses_its_own_rules_and_none_that_leads_out(play: Any, number: str, status: int) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, carriers=[office("credentials")], rules=RULES)
        gateway = await rig.telephone("trunk", "trunk secret")
        gateway.realm_host = "carrier.example"
        assert (await gateway.call(number)).status == status
        if status == 200:
            gateway.bye()

    play(story)


def test_a_carrier_registers_nobody(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, carriers=[office("credentials")], rules=RULES)
        gateway = await rig.telephone("trunk", "trunk secret")
        assert (await gateway.register()).status == 403
        assert (await gateway.register(to="alice")).status == 403
        assert list(people.users.statuses()) == []

    play(story)


def test_an_entry_that_is_gone_proves_nothing_any_more(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, carriers=[office("credentials")], rules=RULES)
        gateway = await rig.telephone("trunk", "trunk secret")
        gateway.realm_host = "carrier.example"
        assert (await gateway.call("500")).status == 200
        gateway.bye()
        rig.trunks.replace([])
        assert (await gateway.call("500")).status == 401

    play(story)


def test_a_strangers_call_never_leaves_by_a_carrier_whatever_a_rule_says(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(
            ALICE,
            carriers=[{"name": "paid", "host": "127.0.0.1", "port": 9}],
            rules="rules: [{number: '900', strangers: true, steps: [dial: '+4930123']}]",
        )
        stranger = await rig.telephone("carol")
        stranger.realm_host = "elsewhere.example"
        assert (await stranger.call("900")).status in (403, 404)
        assert [(target, who.stranger) for target, who in rig.placed] == [("+4930123", True)]
        assert rig.user_agent.core.counts[("INVITE", 0, "out")] == 0

    play(story)
