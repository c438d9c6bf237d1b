"""Users on the Internet transfer each other: by their own rights, to numbers and names of ours, blind and attended."""

from typing import Any

import pytest

from softswitch.sip.message import Headers, Request

NUMBERS = {"alice": "101", "bob": "102", "carol": "103"}


async def three(rig: Any, **options: Any) -> tuple[Any, ...]:
    """Register three telephones; alice talks with bob."""
    users = [{"name": name, "password": "open sesame", "number": number} for name, number in NUMBERS.items()]
    await rig.open(*users, registrar={"realm": "pbx.example"}, **options)
    phones = [await rig.telephone(name) for name in NUMBERS]
    for phone in phones:
        assert (await phone.register()).status == 200
    assert (await phones[0].call("102")).status == 200
    await phones[1].was_asked("ACK")
    return tuple(phones)


async def refer(phone: Any, target: str, *, number: int = 1) -> int:
    """Ask inside the call that a telephone took; return the answer."""
    invite = await phone.was_asked("INVITE")
    headers = [
        ("Max-Forwards", "70"),
        ("From", f"{invite.headers.get('To')};tag=t-{phone.port}"),
        ("To", invite.headers.get("From") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{number} REFER"),
        ("Contact", phone.contact),
        ("Refer-To", f"<{target}>"),
    ]
    answer = await phone.ask(Request("REFER", invite.contact.uri, Headers(headers)))
    return int(answer.status)


async def told(phone: Any) -> list[int]:
    """Take NOTIFYs until the last one; return what they say. What a 180 says may be overtaken by the answer."""
    said = [0]
    while said[-1] < 200:
        notify = await phone.was_asked("NOTIFY", len(said))
        phone.reply(notify, 200)
        said.append(int(notify.body.split()[1]))
    return [status for status in said if status not in (0, 180)]


def at(rig: Any, user: str) -> str:
    host, port = rig.sip
    return f"sip:{user}@{host}:{port}"


@pytest.mark.parametrize("name", ["sip:103@pbx.example", ""])
def test_bob_sends_alice_to_carol(play: Any, name: str) -> None:
    async def story(rig: Any) -> None:
        alice, bob, carol = await three(rig)
        assert await refer(bob, name or at(rig, "103")) == 202
        invite = await carol.was_asked("INVITE")
        assert invite.from_.uri.username == "101"
        assert await told(bob) == [100, 200]
        alice.bye()
        await carol.was_asked("BYE")
        await bob.was_asked("BYE")
        record = await rig.record()
        assert (record.outcome, record.variables["transferred_to"]) == ("answered", "103")

    play(story)


@pytest.mark.parametrize(("target", "status"), [("+4930123456", 404), ("999", 404)])
def test_bob_reaches_nobody_whom_he_could_not_call(play: Any, target: str, status: int) -> None:
    async def story(rig: Any) -> None:
        alice, bob, _ = await three(rig)
        assert await refer(bob, at(rig, target)) == 202
        assert await told(bob) == [100, status]
        alice.bye()
        await bob.was_asked("BYE")

    play(story)


def test_bob_connects_alice_with_whom_he_has_called(play: Any) -> None:
    async def story(rig: Any) -> None:
        alice, bob, carol = await three(rig)
        assert (await bob.call("103")).status == 200
        second = bob.called
        replaces = f"{second.call_id}%3Bto-tag%3D{bob.tag}%3Bfrom-tag%3D{second.from_.tag}"
        assert await refer(bob, f"{at(rig, '103')}?Replaces={replaces}") == 202
        assert await told(bob) == [100, 200]
        bye = await bob.was_asked("BYE")
        assert bye.call_id == second.call_id, "his second call is over at once, his first when he hangs up"
        alice.bye()
        await carol.was_asked("BYE")
        await rig.record(2)
        assert {record.variables.get("replaced_by") for record in rig.records} == {None, "101"}

    play(story)
