"""What a hostile or odd peer may send at any moment of a call: nothing raises, and nothing is held afterwards."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Play = Callable[..., None]


@pytest.mark.parametrize("cause", ["²²", "٣", "16", "x", "", "99999"])
def test_any_reason_of_a_bye_ends_the_call(play: Play, cause: str) -> None:
    async def story(rig: Any) -> None:
        tag = await rig.peer.up()
        answer = await rig.peer.hang_up(tag, lines=f"Reason: Q.850;cause={cause}\r\n")
        assert answer.status == 200

    play(story)


def test_bye_before_the_ack(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.peer.send(rig.peer.request("INVITE", body=rig.peer.sdp()))
        tag = (await rig.peer.response()).to.tag
        assert (await rig.peer.hang_up(tag)).status == 200

    play(story)


def test_an_ack_that_never_comes(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.peer.send(rig.peer.request("INVITE", body=rig.peer.sdp()))
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story)


def test_a_peer_that_vanishes_while_we_hang_up(play: Play) -> None:
    async def story(rig: Any) -> None:
        await rig.peer.up()
        rig.switchboard.hang_up(next(rig.switchboard.calls())[0].id)

    play(story)


@pytest.mark.parametrize("number", ["601", "602"])
def test_cancel_while_it_rings(play: Play, number: str) -> None:
    async def story(rig: Any) -> None:
        invite = rig.peer.request("INVITE", number, body=rig.peer.sdp(), branch="b")
        rig.peer.send(invite)
        await rig.peer.response(180)
        rig.peer.send(rig.peer.request("CANCEL", number, branch="b"))
        refused = await rig.peer.response(method="INVITE")
        assert refused.status == 487
        rig.peer.send(rig.peer.request("ACK", number, branch="b", to_tag=refused.to.tag))

    play(story)


def test_cancel_after_the_answer(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.peer.send(rig.peer.request("INVITE", body=rig.peer.sdp(), branch="b"))
        tag = (await rig.peer.response()).to.tag
        rig.peer.send(rig.peer.request("CANCEL", branch="b"))
        rig.peer.send(rig.peer.request("ACK", to_tag=tag))
        await rig.peer.response(method="CANCEL")
        assert rig.switchboard.active == 1
        assert (await rig.peer.hang_up(tag)).status == 200

    play(story)


def test_an_offer_that_comes_with_nothing_at_all(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.peer.send(rig.peer.request("INVITE"))
        answer = await rig.peer.response()
        assert answer.status == 200 and answer.body
        rig.peer.send(rig.peer.request("ACK", to_tag=answer.to.tag))
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("v=0\r\n", "application/sdp", 400),
        ("hello", "text/plain", 415),
        ("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n", "", 488),
        ("a=x\r\n" * 4000, "application/sdp", 400),
    ],
)
def test_an_offer_nobody_can_use(play: Play, body: str, content_type: str, status: int) -> None:
    async def story(rig: Any) -> None:
        kind = content_type or "application/sdp"
        rig.peer.send(rig.peer.request("INVITE", body=body, content_type=kind, branch="b"))
        refused = await rig.peer.response()
        assert refused.status == status
        rig.peer.send(rig.peer.request("ACK", branch="b", to_tag=refused.to.tag))
        await rig.nothing_left()
        assert len(rig.records) == 1

    play(story)


@pytest.mark.parametrize(
    "from_", ["<tel:+49-30>", "<urn:service:sos>", "<sip:a%00%0d%0aX:y%3e@h>", '"a\x01b" <sip:a@h>']
)
def test_callers_with_odd_names(play: Play, from_: str) -> None:
    async def story(rig: Any) -> None:
        rig.peer.send(rig.peer.request("INVITE", body=rig.peer.sdp(), from_=from_, branch="b"))
        answer = await rig.peer.response()
        if answer.status == 200:
            rig.peer.send(rig.peer.request("ACK", to_tag=answer.to.tag, from_=from_))
            rig.peer.send(rig.peer.request("BYE", to_tag=answer.to.tag, from_=from_, cseq=2))
            await rig.peer.response(method="BYE")
            await rig.nothing_left()
            assert all(char.isprintable() for char in rig.records[0].from_)

    play(story)


@pytest.mark.parametrize("uri", ["tel:600", "sip:127.0.0.1", "sip:%00%ff@127.0.0.1"])
def test_numbers_in_odd_dress(play: Play, uri: str) -> None:
    async def story(rig: Any) -> None:
        rig.peer.send(rig.peer.request("INVITE", body=rig.peer.sdp(), uri=uri, branch="b"))
        answer = await rig.peer.response()
        if answer.status == 200:
            rig.peer.send(rig.peer.request("ACK", to_tag=answer.to.tag))
            await rig.peer.hang_up(answer.to.tag)

    play(story)


def test_requests_of_dialogs_nobody_knows(play: Play) -> None:
    async def story(rig: Any) -> None:
        for method in ("INVITE", "BYE", "OPTIONS"):
            rig.peer.send(rig.peer.request(method, to_tag="nobody", body=rig.peer.sdp()))
            assert (await rig.peer.response(method=method)).status == 481

    play(story)


def test_calls_beyond_the_limit(play: Play) -> None:
    async def story(rig: Any) -> None:
        tag = await rig.peer.up(call="a")
        rig.peer.send(rig.peer.request("INVITE", call="b", body=rig.peer.sdp()))
        refused = await rig.peer.response()
        assert refused.status == 503 and refused.headers.get("Retry-After")
        await rig.peer.hang_up(tag, call="a")

    play(story, max_calls=1)


def test_calls_while_the_switch_drains(play: Play) -> None:
    async def story(rig: Any) -> None:
        await rig.peer.up(call="a")
        draining = asyncio.ensure_future(rig.switchboard.drain(0.2))
        await asyncio.sleep(0.05)
        rig.peer.send(rig.peer.request("INVITE", call="b", body=rig.peer.sdp()))
        assert (await rig.peer.response()).status == 503
        rig.peer.reply(await rig.peer.asked("BYE"), 200)
        await draining

    play(story)


@pytest.mark.parametrize("number", ["603", "605"])
def test_an_engine_or_a_sound_that_is_missing(play: Play, number: str) -> None:
    async def story(rig: Any) -> None:
        await rig.peer.up(number)
        rig.peer.reply(await rig.peer.asked("BYE"), 200)

    play(story)
