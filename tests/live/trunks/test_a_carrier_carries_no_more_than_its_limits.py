"""max_calls in both directions, max_cps for ours; each place comes back on every way a call can end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.slots import Slot
from softswitch.call.steps import HangUp, Wait
from softswitch.legs.trunk import Trunk
from tests.live.trunks.conftest import TrunkRig, dead_port

Play = Callable[..., None]
ANSWERS = (100, 180, 200)


def entry(port: int, **more: Any) -> dict[str, Any]:
    return {"name": "office", "host": "127.0.0.1", "port": port, **more}


def test_one_call_too_many_is_refused_in_words(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS)
        await rig.open(entry(one.port, max_calls=2))
        first, second = (rig.dial(steps=(Wait(seconds=30), HangUp())) for _ in range(2))
        await rig.until(lambda: one.count("ACK") == 2)
        rig.dial()
        record = await rig.record()
        assert (record.outcome, record.sip_code) == ("failed", 503)
        assert record.cause == "42 switching equipment congestion"
        assert record.verdict == "carrier office carries 2 calls already, and max_calls is 2 (SIP 503)"
        assert one.count("INVITE") == 2
        rig.switchboard.hang_up(first)
        await rig.until(lambda: rig.in_use()["office"] == 1)
        rig.dial()
        await rig.record(3)
        assert one.count("INVITE") == 3
        rig.switchboard.hang_up(second)

    play(story)


def test_calls_come_no_faster_than_max_cps(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS)
        await rig.open(entry(one.port, max_cps=5))
        for _ in range(8):
            rig.dial()
        await rig.record(8)
        refused = [record for record in rig.records if record.outcome == "failed"]
        assert len(refused) == 3
        assert refused[0].verdict.startswith("carrier office takes no more than 5 calls a second (max_cps)")
        await asyncio.sleep(0.45)
        rig.dial()
        await rig.record(9)
        assert rig.records[-1].outcome == "answered"

    play(story)


def test_a_carriers_call_over_the_limit_is_answered_503(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*ANSWERS)
        await rig.open(entry(one.port, max_calls=1))
        await rig.until(lambda: rig.trunk("office").addresses)
        rig.dial(steps=(Wait(seconds=30), HangUp()))
        await rig.until(lambda: one.count("ACK"))
        one.call(rig.sip, "600")
        refusal = await one.answered(503)
        assert refusal.headers.get("Retry-After")
        assert "max_calls" not in str(bytes(refusal))  # what we carry is nobody's business
        rig.switchboard.hang_up(next(call.id for call, _ in rig.switchboard.calls()))
        await rig.until(lambda: rig.in_use()["office"] == 0)
        one.call(rig.sip, "600", call="again")
        await one.answered(200)
        assert rig.in_use() == {"office": 1}
        rig.switchboard.hang_up(next(call.id for call, _ in rig.switchboard.calls()))
        one.send(_ack(one.port, rig.sip, await one.answered(200)), rig.sip)

    play(story)


def _ack(port: int, switch: tuple[str, int], answer: Any) -> bytes:
    return (
        f"ACK sip:600@{switch[0]}:{switch[1]} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-ack\r\nMax-Forwards: 70\r\n"
        f"From: {answer.headers.get('From')}\r\nTo: {answer.headers.get('To')}\r\n"
        f"Call-ID: {answer.headers.get('Call-ID')}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    "way", ["refused", "unanswered", "cancelled", "cancelled early", "dead", "unresolved", "answered", "nonsense"]
)
def test_a_place_comes_back_whatever_becomes_of_the_call(play: Play, way: str) -> None:
    statuses = {"refused": (486,), "cancelled": (180,), "answered": ANSWERS, "nonsense": (-1,)}

    async def story(rig: TrunkRig) -> None:
        one = await rig.gateway(*statuses.get(way, ()))
        port = dead_port() if way == "dead" else one.port
        more = {"host": "nobody.example"} if way == "unresolved" else {}
        await rig.open({**entry(port, max_calls=1), **more})
        for number in (1, 2):  # the second finds the place that the first has left
            call = rig.dial()
            assert rig.in_use() == {"office": 1}
            if way == "cancelled":
                await rig.until(lambda wanted=number: one.count("INVITE") == wanted)
                await asyncio.sleep(0.05)
            if way.startswith("cancelled"):
                rig.switchboard.hang_up(call)
            record = await rig.record(number)
            assert "max_calls" not in record.verdict
            assert rig.in_use() == {"office": 0}

    play(story)


def test_a_place_given_back_twice_is_one_place() -> None:
    from softswitch.call.carrier import Carrier

    trunk = Trunk(Carrier(name="office", host="192.0.2.1", max_calls=2))
    slots = [trunk.slots.take() for _ in range(2)]
    for slot in slots[:1] * 3:
        assert isinstance(slot, Slot)
        slot.give_back()
    assert trunk.calls == 1
