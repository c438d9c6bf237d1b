"""Numbers that are closed, calls too many and minutes used up: no INVITE leaves, or the call ends, with a reason."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause, Next
from softswitch.call.leg import Ended, Leg, LegEvent
from softswitch.call.steps import Wait
from softswitch.call.toll_rules import TollSection
from softswitch.call.who import Who
from softswitch.errors import ResourceError
from tests.live.trunks.conftest import TrunkRig

Play = Callable[..., None]
ANSWERS = (100, 200)


async def opened(rig: TrunkRig, rules: dict[str, Any], port: int = 0) -> int:
    """Start the switch with one carrier and these tolls; return the port of its gateway."""
    gateway = await rig.gateway(*ANSWERS)
    await rig.open({"name": "office", "host": "127.0.0.1", "port": gateway.port, "country": "DE"})
    rig.trunks.tolls.toll.adopt(TollSection.model_validate(rules))
    return gateway.port


def test_a_number_that_is_closed_is_never_dialled(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        await opened(rig, {"everybody": {"deny_countries": ["SO"]}})
        rig.dial("00252612345678")
        record = await rig.record()
        assert (record.outcome, record.sip_code, record.cause) == ("rejected", 403, "21 the call is barred")
        assert (
            record.verdict == "everybody together may not call +252612345678: numbers of SO are denied (toll) (SIP 403)"
        )
        assert not rig.gateways[0].asked
        rig.dial("030 123456")
        assert (await rig.record(2)).outcome == "answered"
        assert rig.trunks.tolls.toll.refused == {("everybody", "number"): 1}

    play(story)


def test_the_reason_is_for_our_record_and_not_for_the_caller(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        await opened(rig, {"everybody": {"deny": ["+49"]}})
        rig.gateways[0].call(rig.sip, "8030123456")
        refusal = await rig.gateways[0].answered(403)
        assert b"denied" not in bytes(refusal) and b"+49" not in bytes(refusal)
        rig.gateways[0].send(_ack(refusal), rig.sip)
        assert "denied" in (await rig.record()).verdict

    play(story)


def test_a_call_ends_when_the_minutes_are_used_up(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        await opened(rig, {"carriers": {"office": {"max_minutes_day": 1 / 60}}})
        rig.dial(steps=(Wait(seconds=30),))
        record = await rig.record()
        assert (record.outcome, record.cause, record.ended_by) == (
            "answered",
            "21 the limit of calls is reached",
            "switch",
        )
        assert 900 <= record.duration_ms < 3000
        await rig.until(lambda: rig.gateways[0].count("BYE") == 1)
        rig.dial()
        record = await rig.record(2)
        assert "no more than 0.0166667 minutes a day" in record.verdict
        assert Cause.LIMIT_REACHED.next is Next.LATER and Cause.BARRED.next is Next.NEVER
        assert rig.trunks.tolls.toll.ended == {"carrier": 1}

    play(story)


def test_calls_at_once_are_given_back_however_they_end(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        await opened(rig, {"everybody": {"max_calls": 1}})
        rig.gateways[0].invite = (486,)
        rig.dial()
        await rig.record()
        rig.gateways[0].invite = ()
        rig.dial()
        await rig.record(2)
        rig.gateways[0].invite = ANSWERS
        call = rig.dial(steps=(Wait(seconds=30),))
        rig.dial()
        assert "max_calls is 1" in (await rig.record(3)).verdict
        rig.switchboard.hang_up(call)
        rig.dial()
        assert (await rig.record(5)).outcome == "answered"

    play(story)


def test_each_user_has_an_account_of_his_own(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        await opened(rig, {"each_user": {"max_calls_hour": 1}, "users": {"bob": {"countries": ["AT"]}}})
        ends: list[Cause] = []

        def told(leg: Leg, event: LegEvent) -> None:
            if isinstance(event, Ended):
                ends.append(event.cause)

        for number, user in ((1, "ada"), (2, "ada"), (3, "bob")):
            who = Who(user)
            leg = rig.trunks.place(f"leg{number}", "030123456", caller_id="", carrier="", sink=told, who=who)
            await rig.until(lambda: leg.state.value in ("up", "ended"))  # noqa: B023 - awaited here
            leg.hang_up()
        assert [cause.detail.partition(" (toll)")[0] for cause in ends[1:]] == [
            "user ada may begin no more than 1 calls in an hour",
            "user bob may not call +4930123456: numbers of DE are not among those allowed",
        ]

    play(story)


@pytest.mark.parametrize("who", [Who(), Who(user="ada"), Who(carrier="office")], ids=["stranger", "user", "carrier"])
def test_a_gateway_is_not_reached_by_its_address_past_the_tolls(play: Play, who: Who) -> None:
    async def story(rig: TrunkRig) -> None:
        port = await opened(rig, {})
        await rig.until(lambda: rig.trunk("office").addresses)
        ends: list[LegEvent] = []
        target = f"sip:+499001234567@127.0.0.1:{port}"
        rig.trunks.place("leg", target, caller_id="", carrier="", sink=lambda _, event: ends.append(event), who=who)
        await rig.until(lambda: ends)
        (end,) = ends
        assert isinstance(end, Ended) and end.cause == Cause.BARRED
        assert not rig.gateways[0].asked

    play(story)


def test_a_stranger_calls_nobody_over_a_carrier(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        await opened(rig, {})
        with pytest.raises(ResourceError, match="strangers"):
            rig.trunks.place("leg", "030123456", caller_id="", carrier="", sink=lambda *_: None, who=Who())
        assert rig.trunks.tolls.toll.refused == {("stranger", "stranger"): 1}

    play(story)


def _ack(refusal: Any) -> bytes:
    headers = "".join(f"{name}: {refusal.headers.get(name)}\r\n" for name in ("Via", "From", "To", "Call-ID"))
    return f"ACK sip:x@127.0.0.1 SIP/2.0\r\n{headers}CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n".encode()
