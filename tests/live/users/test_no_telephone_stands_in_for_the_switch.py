"""What a telephone says of where it is leads to telephones alone: not back to us, who are believed, and to no gateway.

Whoever has a password could else have his user called at a premium number, by anybody, on nobody's account.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from softswitch.errors import ResourceError
from tests.live.users.test_users_transfer_each_other import at, refer, three, told

ALICE = {"name": "alice", "password": "open sesame", "number": "101"}
BOB = {"name": "bob", "password": "open sesame", "number": "102"}
RULES = """
rules:
  - {number: '500', strangers: true, steps: [dial: {to: 'user:alice', seconds: 5}]}
  - {number: '_1XX', steps: [dial: {to: 'user:{to}', seconds: 5}]}
  - {number: '_0.', steps: [dial: {to: '{to}', seconds: 5}]}
"""


class Names:
    """Knows that every name is one place."""

    def __init__(self, *place: tuple[str, str, int]) -> None:
        self.place = place

    async def resolve(self, host: str, port: int | None = None, transport: str | None = None) -> Sequence[Any]:
        if not host.endswith(".example"):
            raise ResourceError(f"{host} is no name")
        return self.place


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_address_of_ours_is_no_telephone(play: Any, host: str) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE)
        phone = await rig.telephone()
        port = rig.sip[1]
        assert (await phone.register(f"<sip:0900123456@{host}:{port}>")).status == 403
        assert (await phone.register(f"<sip:0900123456@{host}:{port};transport=tcp>")).status == 403
        path = [("Path", f"<sip:{host}:{port};lr>"), ("Supported", "path")]
        assert (await phone.register("<sip:0900123456@192.0.2.1>", lines=path)).status == 403
        assert (await phone.register(f"<sip:alice@{host}:{port - 1}>")).status == 200, "another program on this machine"

    play(story)


def test_a_name_that_leads_back_to_us_is_not_called(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, rules=RULES)
        people.users._resolver = Names(("udp", *rig.sip))
        phone = await rig.telephone()
        assert (await phone.register("<sip:0900123456@innocent.example>")).status == 200
        stranger = await rig.telephone("+4930555")
        stranger.realm_host = "elsewhere.example"
        assert (await stranger.call("500")).status == 403
        assert len(rig.inbound) == 1, "the call came back to us"
        assert "is this switch" in (await rig.record()).verdict
        assert rig.trunks.tolls.toll.refused["user", "loop"] == 1

    play(story)


def test_a_gateway_of_a_carrier_is_not_called_as_a_telephone(play: Any) -> None:
    async def story(rig: Any) -> None:
        gateway = await rig.telephone("carrier")
        people = await rig.open(
            ALICE, rules=RULES, carriers=[{"name": "office", "host": "127.0.0.1", "port": gateway.port}]
        )
        people.users._resolver = Names(("udp", "127.0.0.1", gateway.port))
        stranger = await rig.telephone("+4930555")
        stranger.realm_host = "elsewhere.example"
        phone = await rig.telephone()
        for number, host in enumerate((f"127.0.0.1:{gateway.port}", "innocent.example"), 1):
            assert (await phone.register(f"<sip:+49900123456@{host}>")).status == 200
            assert (await stranger.call("500")).status == 403
            assert "called by number only" in (await rig.record(number)).verdict
            assert (await phone.register("*", expires=0)).status == 200
        assert not gateway.asked
        assert rig.trunks.tolls.toll.refused["user", "gateway"] == 2

    play(story)


def test_a_telephone_that_registers_through_the_gateway_is_called_there(play: Any) -> None:
    async def story(rig: Any) -> None:
        proxy = await rig.telephone()  # a proxy for both: calls to carriers, and telephones behind it
        await rig.open(
            ALICE,
            BOB,
            rules=RULES,
            carriers=[{"name": "office", "host": "127.0.0.1", "port": proxy.port}],
        )
        assert (await proxy.register()).status == 200
        bob = await rig.telephone("bob")
        assert (await bob.call("101")).status == 200
        bob.bye()
        await proxy.was_asked("BYE")

    play(story)


def test_a_transfer_does_not_come_back_to_us(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob, _ = await three(rig)
        assert await refer(bob, f"sip:0900123456@0.0.0.0:{rig.sip[1]}") == 202
        assert await told(bob) == [100, 403]
        calls = len(rig.inbound)
        alice.bye()
        await bob.was_asked("BYE")
        await rig.record()
        assert calls == len(rig.inbound) == 1, f"a call came back to {at(rig, 'us')}"

    play(story)
