"""REFER from the far end: taken, refused or doubted as the RFCs say, and told of until it is over."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.leg import Leg, LegEvent, LegSink, ReferRequested
from softswitch.sip.message import Request, Response

Play = Callable[..., None]
TARGET = "Refer-To: <sip:1002@192.0.2.7>\r\n"


class Asked:
    """What the switch was asked for, and its leg: no call takes the requests, the test says what comes of them."""

    def __init__(self, rig: Any) -> None:
        self._rig = rig
        self._requests: asyncio.Queue[ReferRequested] = asyncio.Queue()
        offered = rig.switchboard.offered
        rig.switchboard.offered = lambda offer, make: offered(offer, lambda sink: make(self._around(sink)))

    def _around(self, sink: LegSink) -> LegSink:
        def take(leg: Leg, event: LegEvent) -> None:
            if isinstance(event, ReferRequested):
                self._requests.put_nowait(event)
            else:
                sink(leg, event)

        return take

    @property
    def leg(self) -> Any:
        return next(iter(self._rig.user_agent._dialogs.values()))

    async def __call__(self) -> ReferRequested:
        async with asyncio.timeout(3):
            return await self._requests.get()


async def notified(peer: Any, status: int = 200) -> tuple[str, str, str]:
    """Answer the next NOTIFY; return Event, Subscription-State without its seconds, and the first line of its body."""
    notify: Request = await peer.asked("NOTIFY")
    peer.reply(notify, status)
    assert notify.headers.get("Content-Type") == "message/sipfrag;version=2.0"
    state = (notify.headers.get("Subscription-State") or "").partition(";expires=")[0]
    return notify.headers.get("Event") or "", state, notify.body.decode().partition("\r\n")[0]


async def refer(peer: Any, tag: str, lines: str = TARGET, cseq: int = 2, user: str = "600") -> Response:
    peer.send(peer.request("REFER", user, cseq=cseq, to_tag=tag, lines=lines))
    return await peer.response(method="REFER")


def test_a_transfer_is_told_of_until_it_is_over(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        accepted = await refer(peer, tag, TARGET + "Referred-By: <sip:alice@example.com>;cid=x\r\n")
        assert accepted.status == 202 and accepted.contact is not None
        assert await notified(peer) == ("refer", "active", "SIP/2.0 100 Trying")
        assert await asked() == ReferRequested("sip:1002@192.0.2.7", referred_by="sip:alice@example.com")
        asked.leg.refer_progress(180)
        assert await notified(peer) == ("refer", "active", "SIP/2.0 180 Ringing")
        asked.leg.refer_progress(200)
        assert await notified(peer) == ("refer", "terminated;reason=noresource", "SIP/2.0 200 OK")
        await peer.hang_up(tag)

    play(story)


def test_the_second_transfer_of_a_call_has_its_own_name(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        assert (await refer(peer, tag)).status == 202
        await notified(peer)
        assert (await refer(peer, tag, cseq=3)).status == 491  # one at a time
        asked.leg.refer_progress(486)
        assert (await notified(peer))[2] == "SIP/2.0 486 Busy Here"
        assert (await refer(peer, tag, cseq=4)).status == 202
        assert (await notified(peer))[0] == "refer;id=4"
        asked.leg.refer_progress(200)
        assert (await notified(peer))[0] == "refer;id=4"
        await peer.hang_up(tag)

    play(story)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("", 400),
        (TARGET + TARGET, 400),
        ("Refer-To: <sip:a@h>, <sip:b@h>\r\n", 400),
        ("Refer-To: nonsense\r\n", 400),
        ("Refer-To: <http://example.com/x>\r\n", 416),
        ("Refer-To: <mailto:a@h>\r\n", 416),
        ("Refer-To: <sip:a@h;method=BYE>\r\n", 403),
        ("Refer-To: <sip:a@h;m%65thod=SUBSCRIBE>\r\n", 403),
        ("Refer-To: <sip:a@h?Replaces=x>\r\n", 400),
        ("Refer-To: <sip:a@h?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=x>\r\n", 400),
        (f"Refer-To: <sip:{'9' * 3000}@h>\r\n", 400),
        (TARGET + "Require: other\r\n", 420),
        (TARGET + "Replaces: x;to-tag=1;from-tag=2\r\n", 400),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_call_goes_on(play: Play, lines: str, status: int) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        assert (await refer(peer, tag, lines)).status == status
        assert (await peer.hang_up(tag)).status == 200

    play(story)


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("<sip:1002@h;method=INVITE;x=y?Subject=a&Route=%3Csip:evil%3E>", "sip:1002@h;x=y"),
        ('"Bob" <sips:1002@h:5061>;q=1', "sips:1002@h:5061"),
        ("sip:1002@h;user=phone", "sip:1002@h"),  # without brackets what follows is the header's
        ("<tel:+49-30-1234;phone-context=x>", "sip:+49301234@{us};user=phone"),
    ],
)
def test_of_the_target_only_the_address_is_taken(play: Play, written: str, target: str) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        assert (await refer(peer, tag, f"r: {written}\r\n")).status == 202
        wanted = target.format(us="{}:{}".format(*rig.sip))
        assert await asked() == ReferRequested(wanted)
        asked.leg.refer_progress(603)
        await peer.hang_up(tag)

    play(story)


def test_the_dialog_to_replace_is_known_as_one_of_our_legs(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        second = await peer.up(call="second")
        legs = {leg.dialog.call_id: leg for leg in rig.user_agent._dialogs.values()}
        replaces = f"second;to-tag={second};from-tag=ours-second"
        for named, leg in (
            (replaces, legs["second"].id),
            (f"second;from-tag=ours-second;to-tag={second}", legs["second"].id),
            (f"second;to-tag=ours-second;from-tag={second}", ""),  # the wrong way round
            ("third;to-tag=1;from-tag=2", ""),
        ):
            escaped = named.replace(";", "%3B").replace("=", "%3d")
            cseq = len(peer_log) + 2
            peer_log.append(named)
            assert (await refer(peer, tag, f"Refer-To: <sip:1@h?Replaces={escaped}>\r\n", cseq)).status == 202
            requested = await asked()
            assert requested.replaces_leg == leg
            assert sorted(requested.replaces.split(";")) == sorted(named.split(";"))
            legs["call"].refer_progress(200)
        await peer.hang_up(tag)
        await peer.hang_up(second, call="second")

    peer_log: list[str] = []
    play(story)


def test_who_wants_to_hear_nothing_is_told_nothing(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        lines = TARGET + "Refer-Sub: FALSE;x=y\r\nRequire: norefersub\r\n"
        accepted = await refer(peer, tag, lines)
        assert accepted.status == 202 and accepted.headers.get("Refer-Sub") == "false"
        assert (await refer(peer, tag, lines, cseq=3)).status == 491
        await asked()
        asked.leg.refer_progress(200)
        assert (await refer(peer, tag, lines, cseq=4)).status == 202
        peer.send(peer.request("BYE", cseq=9, to_tag=tag))
        answer = await peer.receive()  # the very next message: no NOTIFY came before it
        assert isinstance(answer, Response) and answer.cseq.method == "BYE"

    play(story)


def test_before_the_answer_and_after_the_end_there_is_nothing_to_transfer(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("INVITE", "601", body=peer.sdp()))
        tag = (await peer.response(180)).to.tag
        refused = await refer(peer, tag, user="601")
        assert refused.status == 500 and refused.headers.get("Retry-After")
        peer.send(peer.request("CANCEL", "601", branch="call-1"))
        assert (await peer.response(method="INVITE")).status == 487
        tag = await peer.up(call="later")
        await peer.hang_up(tag, call="later")
        peer.send(peer.request("REFER", call="later", cseq=200, to_tag=tag, lines=TARGET))
        assert (await peer.response(method="REFER")).status == 481

    play(story)


def test_a_subscription_may_be_refreshed_and_ended(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()

        async def subscribe(cseq: int, lines: str) -> Response:
            peer.send(peer.request("SUBSCRIBE", cseq=cseq, to_tag=tag, lines=lines))
            return await peer.response(method="SUBSCRIBE")

        assert (await subscribe(2, "Event: dialog\r\n")).status == 489
        assert (await subscribe(3, "Event: refer\r\n")).status == 403
        assert (await refer(peer, tag, cseq=4)).status == 202
        await notified(peer)
        granted = await subscribe(5, "Event: refer;id=4\r\nExpires: 60\r\n")
        assert granted.status == 200 and granted.expires == 60
        assert await notified(peer) == ("refer", "active", "SIP/2.0 100 Trying")
        assert (await subscribe(6, "Event: refer;id=5\r\n")).status == 403
        assert (await subscribe(7, "Event: refer\r\nExpires: 0\r\n")).expires == 0
        assert await notified(peer) == ("refer", "terminated;reason=timeout", "SIP/2.0 100 Trying")
        asked.leg.refer_progress(200)  # nobody wants to know any more
        await peer.hang_up(tag)

    play(story)


def test_a_peer_that_knows_no_subscription_is_told_no_more(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        await refer(peer, tag)
        await notified(peer, 481)
        await asyncio.sleep(0.05)
        asked.leg.refer_progress(180)
        asked.leg.refer_progress(200)
        peer.send(peer.request("BYE", cseq=9, to_tag=tag))
        answer = await peer.receive()
        assert isinstance(answer, Response) and answer.cseq.method == "BYE"

    play(story)


def test_changes_while_a_notify_is_open_become_one_and_the_end_waits_for_nobody(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        await refer(peer, tag)
        first = await peer.asked("NOTIFY")
        for status in (180, 181, 183):
            asked.leg.refer_progress(status)
        peer.reply(first, 200)
        second = await peer.asked("NOTIFY")
        assert second.body.startswith(b"SIP/2.0 183 ") and second.cseq.number == first.cseq.number + 1
        asked.leg.refer_progress(200)
        third = await peer.asked("NOTIFY")
        assert third.body.startswith(b"SIP/2.0 200 ")
        peer.reply(third, 200)
        peer.reply(second, 200)
        await peer.hang_up(tag)

    play(story)


def test_who_hangs_up_is_still_told_what_became_of_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        await refer(peer, tag)
        await notified(peer)
        leg = asked.leg
        await peer.hang_up(tag)
        leg.refer_progress(200)
        assert await notified(peer) == ("refer", "terminated;reason=noresource", "SIP/2.0 200 OK")

    play(story)


def test_what_nobody_says_the_end_of_ends_by_itself(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, _ = rig.peer, Asked(rig)
        tag = await peer.up()
        await refer(peer, tag)
        await notified(peer)
        await peer.hang_up(tag)
        assert await notified(peer) == ("refer", "terminated;reason=timeout", "SIP/2.0 100 Trying")

    play(story)


def test_a_bye_crossing_the_refer_ends_the_call_once(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, asked = rig.peer, Asked(rig)
        tag = await peer.up()
        asked.leg.hang_up()
        peer.send(peer.request("REFER", cseq=2, to_tag=tag, lines=TARGET))
        bye = await peer.asked("BYE")
        assert (await peer.response(method="REFER")).status == 481
        peer.reply(bye, 200)

    play(story)


def test_outside_of_a_call_nothing_is_referred_or_subscribed_to(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        peer.send(peer.request("REFER", call="a", lines=TARGET))
        assert (await peer.response()).status == 403
        assert rig.user_agent.core.bad["refer_outside_call"] == 1
        peer.send(peer.request("REFER", call="b", to_tag="x", lines=TARGET))
        assert (await peer.response()).status == 481
        for package, status in (("refer", 403), ("refer;id=3", 403), ("presence", 489), ("", 489)):
            line = f"Event: {package}\r\n" if package else ""
            peer.send(peer.request("SUBSCRIBE", call=f"s{package}", lines=line))
            refused = await peer.response()
            assert refused.status == status
            assert refused.headers.get("Allow-Events") == "refer"

    play(story)
