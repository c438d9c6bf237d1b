"""REFER from us: whatever the peer does with it, the call is told what became of it, once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.leg import Ended, Held, LegState, ReferProgress
from softswitch.call.steps import Wait
from softswitch.legs import referring
from softswitch.sip.auth import Credentials, DigestClient
from softswitch.sip.message import Request

Play = Callable[..., None]
TARGET = "sip:1002@192.0.2.7"
ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, REFER, NOTIFY\r\n"
TRYING = ReferProgress(100, final=False)


class Story:
    """A call that the switch placed to the peer, its leg, and what the leg said of the transfer."""

    def __init__(self, rig: Any) -> None:
        self.rig, self.peer = rig, rig.peer
        self._watch = rig.switchboard.watch()
        self.invite: Request
        self.leg: Any = None

    async def up(self, lines: str = ALLOW) -> None:
        self.rig.switchboard.dial(f"sip:x@127.0.0.1:{self.peer.port}", (Wait(seconds=30),))
        self.invite = await self.peer.asked("INVITE")
        self.peer.reply(self.invite, 200, body=self.peer.sdp(), lines=lines)
        await self.peer.asked("ACK")
        self.leg = next(iter(self.rig.user_agent._dialogs.values()))

    async def told(self, kind: type = ReferProgress) -> Any:
        async with asyncio.timeout(6):
            async for event in self._watch:
                if isinstance(event.what, kind):
                    return event.what
        raise AssertionError

    def notify(
        self,
        body: str,
        state: str = "active",
        event: str = "refer",
        kind: str = "message/sipfrag;version=2.0",
        cseq: int = 0,
    ) -> None:
        self._cseq = cseq or getattr(self, "_cseq", 0) + 1
        to, from_ = self.invite.headers.get("From"), f"{self.invite.headers.get('To')};tag=theirs"
        host, port = self.rig.sip
        typed = f"Content-Type: {kind}\r\n" if body else ""
        self.peer.send(
            f"NOTIFY sip:{host}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.peer.port};branch=z9hG4bK-n{self._cseq}\r\nMax-Forwards: 70\r\n"
            f"From: {from_}\r\nTo: {to}\r\nCall-ID: {self.invite.call_id}\r\nCSeq: {self._cseq} NOTIFY\r\n"
            f"Contact: <sip:x@127.0.0.1:{self.peer.port}>\r\nEvent: {event}\r\nSubscription-State: {state}\r\n"
            f"{typed}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    async def notified(self, *args: Any, **more: Any) -> int:
        self.notify(*args, **more)
        return int((await self.peer.response(method="NOTIFY")).status)

    async def end(self) -> None:
        self.leg.hang_up()
        self.peer.reply(await self.peer.asked("BYE"), 200)


def test_a_transfer_that_succeeds_is_told_step_by_step(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET, referred_by="sip:ai@example.com")
        refer = await s.peer.asked("REFER")
        assert refer.headers.get("Refer-To") == f"<{TARGET}>"
        assert refer.headers.get("Referred-By") == "<sip:ai@example.com>"
        assert refer.contact is not None and refer.cseq.number == 2
        s.peer.reply(refer, 202)
        assert await s.told() == TRYING
        assert await s.notified("SIP/2.0 100 Trying\r\n", "active;expires=60") == 200
        assert await s.notified("SIP/2.0 180 Ringing\r\n", "active;expires=60") == 200
        assert await s.told() == ReferProgress(180, final=False)
        assert await s.notified("SIP/2.0 200 OK\r\nContact: <sip:x>\r\n", "terminated;reason=noresource") == 200
        assert await s.told() == ReferProgress(200, final=True)
        assert await s.notified("SIP/2.0 200 OK\r\n", "terminated") == 481  # nothing is left to be told
        await s.end()

    play(story)


def test_the_dialog_to_replace_is_escaped_into_the_target(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer("<sip:1002@192.0.2.7;x=y?Subject=no>", replaces="a@b;to-tag=1;from-tag=2")
        refer = await s.peer.asked("REFER")
        assert refer.headers.get("Refer-To") == ("<sip:1002@192.0.2.7;x=y?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>")
        s.peer.reply(refer, 603)
        assert await s.told() == ReferProgress(603, final=True, accepted=False)
        await s.end()

    play(story)


@pytest.mark.parametrize("status", [302, 400, 403, 405, 420, 500, 501, 503, 603])
def test_a_refusal_is_told_with_its_status_and_the_call_goes_on(play: Play, status: int) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up(lines="")  # without Allow nobody knows
        s.leg.refer(TARGET)
        s.peer.reply(await s.peer.asked("REFER"), status)
        assert await s.told() == ReferProgress(status, final=True, accepted=False)
        assert s.leg.state is LegState.UP
        s.leg.refer(TARGET)  # once more is allowed
        s.peer.reply(await s.peer.asked("REFER"), status)
        assert await s.told() == ReferProgress(status, final=True, accepted=False)
        await s.end()

    play(story)


def test_a_peer_that_says_it_knows_no_refer_is_not_asked(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up(lines="Allow: INVITE, ACK, BYE\r\n")
        s.leg.refer(TARGET)
        assert await s.told() == ReferProgress(405, final=True, accepted=False)
        s.leg.hang_up()
        assert isinstance(bye := await s.peer.receive(), Request) and bye.method == "BYE"
        s.peer.reply(bye, 200)

    play(story)


@pytest.mark.parametrize("target", ["nonsense", "http://example.com", "sip:", "<sip:a b@h>"])
def test_a_target_that_is_none_is_refused_at_once(play: Play, target: str) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(target)
        told = await s.told()
        assert told.final and not told.accepted and told.status in (400, 416)
        await s.end()

    play(story)


def test_a_peer_that_says_nothing_has_not_taken_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        assert await s.told() == ReferProgress(408, final=True, accepted=False)
        assert s.leg.state is LegState.UP
        await s.end()

    play(story)


def test_a_peer_that_never_notifies_is_not_awaited_for_ever(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        s.peer.reply(await s.peer.asked("REFER"), 200)
        assert await s.told() == TRYING
        assert await s.told() == ReferProgress(408, final=True)
        await s.end()

    play(story)


@pytest.mark.parametrize(
    ("body", "state", "progress"),
    [
        ("SIP/2.0 486 Busy Here", "terminated;reason=noresource", ReferProgress(486, final=True)),
        ("SIP/2.0 200 OK\r\n", "active;expires=9", ReferProgress(200, final=True)),
        ("", "terminated;reason=timeout", ReferProgress(408, final=True)),
        ("", "Terminated ; Reason=rejected", ReferProgress(403, final=True)),
        ("SIP/2.0 100 Trying\r\n", "terminated", ReferProgress(480, final=True)),
        ("\r\nsip/2.0 200\r\n", "terminated", ReferProgress(200, final=True)),
    ],
)
def test_every_end_of_the_subscription_is_an_end(play: Play, body: str, state: str, progress: ReferProgress) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        s.peer.reply(await s.peer.asked("REFER"), 202)
        assert await s.told() == TRYING
        assert await s.notified(body, state) == 200
        assert await s.told() == progress
        await s.end()

    play(story)


def test_notifies_may_come_before_the_answer_and_in_any_order(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        refer = await s.peer.asked("REFER")
        assert await s.notified("SIP/2.0 200 OK", "terminated", f"refer;id={refer.cseq.number}", cseq=3) == 200
        assert await s.told() == ReferProgress(200, final=True)
        assert await s.notified("SIP/2.0 100 Trying", cseq=2) == 500  # overtaken: out of order (RFC 3261 12.2.2)
        s.peer.reply(refer, 202)
        await s.end()

    play(story)


def test_each_notify_belongs_to_the_refer_it_names(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        first = await s.peer.asked("REFER")
        s.peer.reply(first, 202)
        assert await s.told() == TRYING
        assert await s.notified("SIP/2.0 503 No", "active", f"refer;id={first.cseq.number}") == 200
        assert await s.told() == ReferProgress(503, final=True)
        s.leg.refer(TARGET)
        second = await s.peer.asked("REFER")
        s.peer.reply(second, 202)
        assert await s.told() == TRYING
        assert await s.notified("SIP/2.0 200 OK", "active", "refer;id=77") == 481
        assert await s.notified("SIP/2.0 200 OK", "active", "presence") == 489
        assert await s.notified("SIP/2.0 503 No", "terminated", f"refer;id={first.cseq.number}") == 200
        assert await s.notified("SIP/2.0 200 OK", "terminated", f"refer;id={second.cseq.number}") == 200
        assert await s.told() == ReferProgress(200, final=True)
        await s.end()

    play(story)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("hello", "message/sipfrag", 400),
        ("SIP/2.0 OK", "message/sipfrag", 400),
        ("SIP/2.0 999 What", "message/sipfrag", 400),
        ("INVITE sip:x SIP/2.0", "message/sipfrag", 400),
        ("SIP/2.0 200 OK", "text/plain", 415),
    ],
)
def test_a_broken_body_says_nothing_and_its_end_counts(play: Play, body: str, kind: str, status: int) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        s.peer.reply(await s.peer.asked("REFER"), 202)
        assert await s.told() == TRYING
        assert await s.notified(body, kind=kind) == status
        assert await s.notified(body, "terminated", kind=kind) == status
        assert await s.told() == ReferProgress(480, final=True)
        await s.end()

    play(story)


def test_a_challenge_is_answered_and_the_number_of_the_refer_followed(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        rig.placing = {"auth": DigestClient(Credentials("alice", "secret"), token=iter("abcdefgh").__next__)}
        await s.up()
        s.leg.refer(TARGET)
        refer = await s.peer.asked("REFER")
        s.peer.reply(refer, 407, lines='Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n')
        again = await s.peer.asked("REFER")
        assert "Proxy-Authorization" in again.headers and again.cseq.number == refer.cseq.number + 1
        s.peer.reply(again, 202)
        assert await s.told() == TRYING
        assert await s.notified("SIP/2.0 200 OK", "terminated", f"refer;id={again.cseq.number}") == 200
        assert await s.told() == ReferProgress(200, final=True)
        await s.end()

    play(story)


def test_by_two_proxies_the_refer_goes_by_the_route_set(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        port = s.peer.port
        await s.up(ALLOW + f"Record-Route: <sip:p1@127.0.0.1:{port};lr>\r\nRecord-Route: <sip:p2@h2;lr>\r\n")
        s.leg.refer(TARGET)
        refer = await s.peer.asked("REFER")
        # A caller writes the Record-Route of the answer from the bottom up: p2 is next to us, and is p1's port here.
        assert [str(route.uri) for route in refer.routes] == ["sip:p2@h2;lr", f"sip:p1@127.0.0.1:{port};lr"]
        s.peer.reply(refer, 603)
        await s.told()
        await s.end()

    play(story)


def test_a_refer_waits_for_the_hold_that_was_asked_for_before(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.hold(True)
        s.leg.refer(TARGET)
        reinvite = await s.peer.asked("INVITE")
        await asyncio.sleep(0.1)
        s.peer.reply(reinvite, 200, body=s.peer.sdp(direction="recvonly"))
        methods = ["INVITE"]
        while methods[-1] != "REFER":
            message = await s.peer.receive()
            methods.append(message.method)
        assert methods[-2] == "ACK"
        s.peer.reply(message, 603)
        assert await s.told() == ReferProgress(603, final=True, accepted=False)
        await s.end()

    play(story)


def test_a_hold_that_is_never_agreed_to_does_not_stop_the_transfer(play: Play, monkeypatch: Any) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.hold(True)
        s.leg.refer(TARGET)
        reinvite = await s.peer.asked("INVITE")
        s.peer.reply(reinvite, 100)
        s.peer.reply(await s.peer.asked("REFER"), 603)
        assert await s.told() == ReferProgress(603, final=True, accepted=False)
        s.peer.reply(reinvite, 200, body=s.peer.sdp(direction="recvonly"))
        await s.peer.asked("ACK")
        await s.end()

    monkeypatch.setattr(referring, "PATIENCE_SECONDS", 0.2)
    play(story)


def test_a_peer_that_is_busy_with_an_offer_is_asked_again(play: Play, monkeypatch: Any) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        for _ in range(referring.MAX_GLARES):
            s.peer.reply(await s.peer.asked("REFER"), 491)
        s.peer.reply(await s.peer.asked("REFER"), 491)
        assert await s.told() == ReferProgress(491, final=True, accepted=False)
        await s.end()

    monkeypatch.setattr(referring, "glare_seconds", lambda leg: 0.05)
    play(story)


def test_a_peer_that_hangs_up_in_between_ends_the_call_and_may_still_notify(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        s.peer.reply(await s.peer.asked("REFER"), 202)
        assert await s.told() == TRYING
        to, from_ = s.invite.headers.get("From"), f"{s.invite.headers.get('To')};tag=theirs"
        s.peer.send(
            f"BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{s.peer.port};branch=z9hG4bK-b\r\nMax-Forwards: 9\r\n"
            f"From: {from_}\r\nTo: {to}\r\nCall-ID: {s.invite.call_id}\r\nCSeq: 50 BYE\r\nContent-Length: 0\r\n\r\n"
        )
        assert (await s.peer.response(method="BYE")).status == 200
        assert (await s.told(Ended)).by_peer
        assert await s.notified("SIP/2.0 200 OK", "terminated", cseq=51) == 200

    play(story)


def test_a_refer_that_crosses_a_bye_is_no_more_than_refused(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        refer = await s.peer.asked("REFER")
        s.leg.hang_up()
        s.peer.reply(await s.peer.asked("BYE"), 200)
        s.peer.reply(refer, 481)

    play(story)


def test_a_peer_that_knows_no_such_call_any_more_ends_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        s.peer.reply(await s.peer.asked("REFER"), 481)
        assert await s.told() == ReferProgress(481, final=True, accepted=False)
        s.peer.reply(await s.peer.asked("BYE"), 481)
        await rig.nothing_left()
        assert "does not know the call" in rig.records[0].cause

    play(story)


def test_a_second_wish_waits_for_the_end_of_the_first(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.refer(TARGET)
        s.leg.refer("sip:other@h")
        refer = await s.peer.asked("REFER")
        assert refer.headers.get("Refer-To") == f"<{TARGET}>"
        s.peer.reply(refer, 603)
        await s.told()
        s.leg.hang_up()
        assert isinstance(bye := await s.peer.receive(), Request) and bye.method == "BYE"
        s.peer.reply(bye, 200)

    play(story)


def test_a_peer_on_hold_is_referred_too(play: Play) -> None:
    async def story(rig: Any) -> None:
        s = Story(rig)
        await s.up()
        s.leg.hold(True)
        s.peer.reply(await s.peer.asked("INVITE"), 200, body=s.peer.sdp(direction="inactive"))
        await s.peer.asked("ACK")
        assert (await s.told(Held)).held
        s.leg.refer(TARGET)
        s.peer.reply(await s.peer.asked("REFER"), 202)
        assert await s.told() == TRYING
        assert await s.notified("SIP/2.0 200 OK", "terminated") == 200
        assert await s.told() == ReferProgress(200, final=True)
        await s.end()

    play(story)
