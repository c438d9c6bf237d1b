"""SRTP with keys in the descriptions, end to end: each suite, each direction, holds, new keys, forgeries, policies."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from softswitch.sdp.protection import Encryption
from tests.live.legs.test_two_phones_talk_through_the_switch import hears, plan, sine
from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.secure_phone import CM, SecurePhone
from tests.live.peers.srtp_by_the_book import SUITES, Book

Play = Callable[..., None]


@asynccontextmanager
async def phone_of(rig: Any, name: str = "alice", **how: Any) -> AsyncIterator[SecurePhone]:
    with RtpProbe() as probe:
        phone = SecurePhone(rig, probe, name, **how)
        try:
            yield phone
        finally:
            await phone.close()


async def echoed(phone: RawPhone, hz: int) -> None:
    """Wait until the echo of a tone is heard."""
    phone.probe.say(sine(hz, 3))
    await hears(phone, hz)


async def over(rig: Any, phone: RawPhone) -> Any:
    phone.hang_up()
    await rig.nothing_left()
    return rig.records[-1]


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/AVP"])
@pytest.mark.parametrize("suite", SUITES)
def test_a_phone_hears_its_own_echo(play: Play, suite: str, profile: str) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, suite=suite, profile=profile) as alice:
            alice.call("600")
            answer = await alice.told(200)
            assert b" " + profile.encode() + b" 0" in answer.body and answer.body.count(b"a=crypto:1 ") == 1
            await echoed(alice, 800)
            record = await over(rig, alice)
        assert (record.media.srtp, record.media.forged, record.verdict) == (suite, 0, "")
        assert record.as_json()["quality"]["srtp"] == suite
        assert alice.probe.rejected == 0

    play(story)


@pytest.mark.parametrize("policy", ["offer", "require"])
def test_plain_and_encrypted_phones_hear_each_other(play: Play, policy: Any) -> None:
    async def story(rig: Any) -> None:
        rig.placing["encryption"] = Encryption(policy)
        async with phone_of(rig, "bob", profile="RTP/AVP" if policy == "offer" else "RTP/SAVP") as bob:
            with RtpProbe() as probe:
                alice = RawPhone(rig, probe, "alice")
                plan(rig, f"'{bob.uri}'")
                alice.call("200")
                invite = await bob.rings()
                assert invite.body.count(b"a=crypto:") == 2
                bob.reply(200, sdp=True)
                await alice.told(200)
                alice.probe.say(sine(1100, 3))
                bob.probe.say(sine(700, 3))
                await hears(bob, 1100)
                await hears(alice, 700)
                await over(rig, alice)
                await alice.close()
        assert bob.probe.rejected == 0 and len(bob.probe.heard.packets) > 10

    play(story)


def test_a_plain_phone_answers_an_offer_with_keys_as_ever(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.placing["encryption"] = Encryption("offer")
        async with phone_of(rig) as alice, phone_of(rig, "bob", profile="RTP/AVP", suite="") as bob:
            plan(rig, f"'{bob.uri}'")
            alice.call("200")
            await bob.rings()
            bob.reply(200, sdp=True)
            await alice.told(200)
            alice.probe.say(sine(1100, 3))
            await hears(bob, 1100)
            record = await over(rig, alice)
        assert record.media.srtp == CM, "the two legs are encrypted each for itself"

    play(story)


def test_where_encryption_is_required_a_plain_answer_ends_the_call_and_the_record_says_so(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.placing["encryption"] = Encryption("require")
        async with phone_of(rig) as alice, phone_of(rig, "bob", profile="RTP/AVP", suite="") as bob:
            plan(rig, f"'{bob.uri}'")
            alice.call("200")
            await bob.rings()
            bob.probe.say(sine(700, 3))
            bob.reply(200, sdp=True)
            bye = await bob.asked("BYE")
            assert "cause=88" in (bye.headers.get("Reason") or "")
            refused = await alice.told(488)
            assert refused.status == 488
            await rig.nothing_left()
            assert bob.probe.heard.packets == (), "not a packet went out in the clear"
        assert "is not encrypted, as it has to be (SIP 488)" in rig.records[0].verdict
        assert rig.records[0].outcome == "failed"

    play(story)


@pytest.mark.parametrize(
    ("policy", "profile", "suite", "status", "words"),
    [
        ("require", "RTP/AVP", "", 488, "Encrypted sound (SRTP) is required here"),
        ("require", "RTP/SAVP", "", 488, "No key for encrypted sound that can be used"),
        ("none", "RTP/SAVP", CM, 488, "Encrypted sound (SRTP) is not taken here"),
        ("none", "RTP/AVP", CM, 200, ""),
        ("require", "RTP/AVP", CM, 200, ""),
    ],
)
def test_an_offer_that_does_not_fit_the_policy_is_refused_with_its_reason(
    play: Play, policy: Any, profile: str, suite: str, status: int, words: str
) -> None:
    async def story(rig: Any) -> None:
        rig.user_agent.reception.encryption = Encryption(policy)
        async with phone_of(rig, profile=profile, suite=suite) as alice:
            alice.call("600")
            answer = await alice.told(status)
            if status == 200:
                await echoed(alice, 800)
                alice.hang_up()
            await rig.nothing_left()
            if words:
                assert answer.headers.get("Warning") == f'302 softswitch "{words}"'
                assert rig.records[0].verdict == f"its offer was refused: {words} (SIP 488)"
                assert alice.probe.heard.packets == ()

    play(story)


def test_hold_and_resume_keep_the_keys(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            first = await alice.told(200)
            await echoed(alice, 800)
            for direction in ("sendonly", "sendrecv"):
                alice.offer(direction)
                await asyncio.sleep(0.3)
            await echoed(alice, 1200)
            lines = {line for one in alice.responses for line in one.body.split(b"\r\n") if b"crypto" in line}
            assert len(lines) == 1 and len(alice.responses) >= 3 and lines.pop() in first.body
            await over(rig, alice)
        assert alice.probe.rejected == 0

    play(story)


def test_we_hold_and_resume_with_our_key(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            leg = next(iter(rig.user_agent._dialogs.values()))
            leg.hold(True)
            first = await alice.asked("INVITE")
            assert b"a=sendonly" in first.body and first.body.count(b"a=crypto:1 ") == 1
            await asyncio.sleep(0.2)
            leg.hold(False)
            await asyncio.sleep(0.3)
            again = await alice.asked("INVITE")
            assert b"a=sendrecv" in again.body
            assert [line for line in again.body.split(b"\r\n") if b"crypto" in line] == [
                line for line in first.body.split(b"\r\n") if b"crypto" in line
            ]
            await echoed(alice, 1200)
            await over(rig, alice)
        assert alice.probe.rejected == 0

    play(story)


def test_another_key_in_mid_call_is_followed(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            alice.new_key("z")
            alice.offer("sendrecv")
            await asyncio.sleep(0.3)
            await echoed(alice, 1200)
            record = await over(rig, alice)
        # Those of the old key that were under way, and those of the moment until the answer came.
        assert record.media.forged < 25 and alice.probe.rejected == 0

    play(story)


def test_encryption_may_begin_in_mid_call_and_end(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, profile="RTP/AVP", suite="") as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            alice.suite = CM
            alice.offer("sendrecv")
            await asyncio.sleep(0.3)
            await echoed(alice, 1000)
            assert alice.probe.opened is not None
            alice.suite = ""
            alice.offer("sendrecv")
            await asyncio.sleep(0.3)
            await echoed(alice, 1200)
            record = await over(rig, alice)
        assert record.media.srtp == "", "it was plain when it ended"

    play(story)


def test_a_roll_over_and_another_source_are_followed(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.probe._sequence = 65_500  # rolls over within a second
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            await asyncio.sleep(0.7)
            await echoed(alice, 1000)
            alice.probe.begin_anew()
            alice.probe._sequence %= 32_768
            alice.probe.encrypt(Book(CM, alice.secret), alice.probe.opened)
            await echoed(alice, 1200)
            record = await over(rig, alice)
        assert (record.media.forged, record.verdict) == (0, "")

    play(story)


def test_whoever_has_another_key_is_not_heard_and_the_record_says_so(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            alice.secret = b"?" * 30  # her description is on its way, with another one
            await alice.told(200)
            began = time.monotonic()
            alice.probe.say(sine(800, 1.5))
            await asyncio.sleep(1.4)
            assert alice.probe.heard.since(began).audible_seconds() == 0
            record = await over(rig, alice)
        assert record.media.received.packets == 0 and record.media.forged > 40
        assert record.verdict.startswith("no sound could be decrypted: ") and CM in record.verdict

    play(story)


def test_forged_and_repeated_packets_among_the_true_ones_change_nothing(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            source = random.Random(1)
            for _ in range(60):
                last = alice.probe.last_sent
                broken = bytearray(last)
                broken[source.randrange(1, len(last))] ^= 1 << source.randrange(8)
                for data in (bytes(broken), last, last[:11], source.randbytes(172), b"\0\1" + bytes(18)):
                    alice.probe.send_raw(data)
                await asyncio.sleep(0.005)
            await echoed(alice, 1200)
            record = await over(rig, alice)
        assert record.media.forged > 60
        assert record.media.received.loss_percent < 2 and record.verdict == ""

    play(story)


def test_forks_answer_with_keys_of_their_own(play: Play) -> None:
    """A 183 with one key, then the 200 of another phone with another one, at another port."""

    async def story(rig: Any) -> None:
        rig.placing["encryption"] = Encryption("require")
        async with phone_of(rig) as alice, phone_of(rig, "bob") as bob:
            plan(rig, f"'{bob.uri}'")
            alice.call("200")
            await bob.rings()
            bob.probe.say(sine(700, 4))
            bob.reply(183, sdp=True)
            await alice.told(183)
            await hears(alice, 700)
            with RtpProbe() as elsewhere:
                elsewhere.say(sine(1500, 8))
                bob.new_key("c")
                bob.name = "carol"
                bob.reply(200, sdp=True, probe=elsewhere)
                elsewhere.encrypt(Book(CM, bob.secret), None)
                await alice.told(200)
                await hears(alice, 1500)
                await over(rig, alice)

    play(story)


@pytest.mark.parametrize("answered", [True, False])
def test_a_late_offer_brings_our_key_and_the_ack_theirs(play: Play, answered: bool) -> None:
    """An INVITE without a description: the 200 has our offer, and the ACK what comes of it."""

    async def story(rig: Any) -> None:
        rig.user_agent.reception.encryption = Encryption("require")
        async with phone_of(rig) as alice:
            alice._task.cancel()  # the test says itself what goes over its socket
            await asyncio.sleep(0)
            peer = alice.peer
            peer.send(peer.request("INVITE", "600", call="alice"))
            offer = await peer.response()
            assert b"RTP/SAVP" in offer.body and offer.body.count(b"a=crypto:") == 2
            if not answered:
                alice.suite = ""
            sdp = alice.sdp
            alice.described(offer.body.replace(b"a=crypto:2", b"a=other:2"))
            peer.send(peer.request("ACK", "600", call="alice", to_tag=offer.to.tag or "", body=sdp))
            if answered:
                await echoed(alice, 800)
                await peer.hang_up(offer.to.tag or "", call="alice")
            else:
                peer.reply(await peer.asked("BYE"), 200)
            await rig.nothing_left()
        record = rig.records[0]
        assert record.media.srtp == (CM if answered else "")
        assert answered or "has no key for encrypted sound that fits" in record.verdict

    play(story)


def test_the_first_number_is_far_from_the_roll_over(play: Play) -> None:
    """A receiver that missed the first packets could not tell whether the numbers had rolled over (RFC 4568 6.4)."""

    async def story(rig: Any) -> None:
        peer = rig.peer
        tags = [await peer.up(call=f"call-{number}") for number in range(16)]
        firsts = {leg.media._stream._sender._sequence for leg in rig.user_agent._dialogs.values()}
        assert len(firsts) == 16 and max(firsts) < 0x8000 + 50
        for number, tag in enumerate(tags):
            await peer.hang_up(tag, call=f"call-{number}")

    play(story)
