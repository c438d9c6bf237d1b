"""A telephone that knows only its home address is reached by the way it came, which is kept open, and forgotten."""

from typing import Any

import pytest

ALICE = {"name": "alice", "password": "open sesame", "number": "101"}
BOB = {"name": "bob", "password": "open sesame", "number": "102"}


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_it_is_called_by_the_way_it_registered(play: Any, transport: str) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, BOB)
        phone = await rig.telephone(host="192.168.7.9", transport=transport)
        assert (await phone.register()).status == 200
        (status,) = people.users.statuses()
        assert status.behind_nat and status.contact.startswith("sip:alice@192.168.7.9")
        bob = await rig.telephone("bob")
        assert (await bob.call("101")).status == 200
        assert (await phone.was_asked("INVITE")).uri.host == "192.168.7.9"
        bob.bye()
        await phone.was_asked("BYE")

    play(story)


def test_a_telephone_whose_contact_is_another_machine_is_called_there(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, BOB)
        desk, robot = await rig.telephone(), await rig.telephone("robot")
        assert (await robot.register(desk.contact, to="alice")).status == 401, "another one has no say in it"
        robot.client = desk.client
        assert (await robot.register(desk.contact, to="alice")).status == 200
        bob = await rig.telephone("bob")
        assert (await bob.call("101")).status == 200
        await desk.was_asked("INVITE")
        assert robot.asked == []
        bob.bye()

    play(story)


def test_it_is_asked_now_and_then_and_silence_is_seen(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, registrar={"keep_alive_seconds": 5})
        people.users._keep_alives._seconds = 0.05
        near, far = await rig.telephone(), await rig.telephone(host="192.168.7.9")
        await near.register()
        await far.register()
        await far.was_asked("OPTIONS", 3)
        assert near.asked == [], "who is reached by its own address needs none"
        found = {status.behind_nat: status for status in people.users.statuses()}
        assert found[True].round_trip_ms is not None and found[False].round_trip_ms is None
        far.answers_options = False
        await rig.until(lambda: any(status.state == "silent" for status in people.users.statuses()))
        far.answers_options = True
        await rig.until(lambda: all(status.state == "registered" for status in people.users.statuses()))

    play(story)


def test_empty_lines_do_where_they_are_wanted(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, registrar={"keep_alive": "crlf"})
        people.users._keep_alives._seconds = 0.05
        phone = await rig.telephone(host="192.168.7.9")
        await phone.register()
        await rig.until(lambda: phone.empty_lines > 2)
        assert phone.asked == []

    play(story)


def test_a_closed_connection_takes_its_telephone_along_and_no_other(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, BOB)
        one, other = await rig.telephone(transport="TCP"), await rig.telephone(transport="TCP")
        await one.register()
        await other.register()
        bob = await rig.telephone("bob")
        await bob.register()
        await one.close()
        await rig.until(lambda: len(list(people.users.statuses())) == 2)
        assert {status.source for status in people.users.statuses()} == {
            f"127.0.0.1:{other.port}",
            f"127.0.0.1:{bob.port}",
        }
        assert len(people.users._watched) == 1

    play(story)


def test_a_new_connection_takes_the_place_of_the_old_one(play: Any) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE, BOB)
        old, new = await rig.telephone(transport="TCP"), await rig.telephone(transport="TCP")
        contact = "<sip:alice@127.0.0.1:5060;transport=tcp>"
        await old.register(contact)
        await new.register(contact)
        await old.close()
        (status,) = people.users.statuses()
        assert status.source == f"127.0.0.1:{new.port}"
        bob = await rig.telephone("bob")
        assert (await bob.call("101")).status == 200
        await new.was_asked("INVITE")
        bob.bye()

    play(story)


def test_the_path_of_a_registration_is_the_route_of_a_call(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, BOB)
        edge, bob = await rig.telephone(), await rig.telephone("bob")
        path = f"<sip:127.0.0.1:{edge.port};lr;token=1>, <sip:inner.example;lr>"
        lines = [("Path", path), ("Supported", "path")]
        answer = await edge.register("<sip:alice@192.168.7.9>", lines=lines)
        assert (answer.status, ", ".join(answer.headers.all("Path"))) == (200, path)
        assert (await bob.call("101")).status == 200
        invite = await edge.was_asked("INVITE")
        assert ", ".join(invite.headers.all("Route")) == path
        assert str(invite.uri) == "sip:alice@192.168.7.9"
        bob.bye()

    play(story)
