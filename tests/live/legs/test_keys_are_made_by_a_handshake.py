"""DTLS-SRTP end to end: either role, either side offering, every suite, loss, the wrong certificate, silence."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from softswitch.rtp import dtls
from softswitch.sdp.protection import Encryption
from tests.live.legs.test_encrypted_sound_is_heard_by_who_has_the_key import echoed, over
from tests.live.legs.test_two_phones_talk_through_the_switch import hears, plan, sine
from tests.live.peers.dtls_phone import SUITE_OF, Certificate, DtlsPhone
from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.rtp_probe import RtpProbe

Play = Callable[..., None]


@asynccontextmanager
async def phone_of(rig: Any, name: str = "alice", **how: Any) -> AsyncIterator[DtlsPhone]:
    with RtpProbe() as probe:
        phone = DtlsPhone(rig, probe, name, **how)
        try:
            yield phone
        finally:
            await phone.close()


@pytest.mark.parametrize("profile", ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "RTP/SAVP", "RTP/AVP"])
@pytest.mark.parametrize(("setup", "ours"), [("actpass", b"active"), ("active", b"passive"), ("passive", b"active")])
def test_a_phone_hears_its_own_echo(play: Play, profile: str, setup: str, ours: bytes) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, profile=profile, setup=setup) as alice:
            alice.call("600")
            answer = await alice.told(200)
            assert b" " + profile.encode() + b" 0" in answer.body
            assert b"a=setup:" + ours + b"\r\n" in answer.body and b"a=rtcp-mux\r\n" in answer.body
            await echoed(alice, 800)
            record = await over(rig, alice)
        assert (record.media.srtp, record.verdict) == ("AES_CM_128_HMAC_SHA1_80", "")
        assert alice.suite and not alice.failed

    play(story)


@pytest.mark.parametrize("profiles", SUITE_OF)
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_every_suite_and_kind_of_certificate(play: Play, profiles: bytes, kind: str) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, profiles=profiles, kind=kind) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            record = await over(rig, alice)
        assert record.media.srtp == alice.suite == SUITE_OF[profiles]
        assert alice.probe.rejected == 0

    play(story)


@pytest.mark.parametrize(
    ("policy", "profile", "keys"),
    [("require", "UDP/TLS/RTP/SAVP", "dtls"), ("offer", "RTP/AVP", "dtls"), ("require", "RTP/SAVP", "both")],
)
@pytest.mark.parametrize("setup", ["active", "passive"])
def test_we_offer_a_handshake(play: Play, policy: Any, profile: str, keys: Any, setup: str) -> None:
    async def story(rig: Any) -> None:
        rig.placing["encryption"] = Encryption(policy, keys)
        async with phone_of(rig, "bob", profile=profile, setup=setup) as bob:
            with RtpProbe() as probe:
                alice = RawPhone(rig, probe, "alice")
                plan(rig, f"'{bob.uri}'")
                alice.call("200")
                invite = await bob.rings()
                assert f" {profile} 0".encode() in invite.body and b"a=setup:actpass\r\n" in invite.body
                assert (b"a=crypto" in invite.body) == (keys == "both")
                bob.reply(200, sdp=True)
                await alice.told(200)
                alice.probe.say(sine(1100, 3))
                bob.probe.say(sine(700, 3))
                await hears(bob, 1100)
                await hears(alice, 700)
                await over(rig, alice)
                await alice.close()
        assert bob.suite == "AES_CM_128_HMAC_SHA1_80" and bob.probe.rejected == 0

    play(story)


def test_nothing_that_is_said_first_is_lost(play: Play) -> None:
    """The call is up when the keys are there, and not before: its first keys are all heard, a second late."""

    async def story(rig: Any) -> None:
        async with phone_of(rig, lose="certificate") as alice:
            began = time.monotonic()
            alice.call("604")
            await alice.told(200)
            await alice.asked("BYE")
            assert alice.probe.heard.keys_in_band() == "12" and time.monotonic() - began > 0.9
            await rig.nothing_left()
        assert rig.records[0].outcome == "answered"

    play(story)


@pytest.mark.parametrize(
    ("setup", "lose"),
    [
        ("passive", "hello"),
        ("passive", "certificate"),
        ("active", "certificate"),
        ("active", "last"),  # after which we have keys already, and the phone has not
    ],
)
def test_lost_datagrams_come_again(play: Play, setup: str, lose: str) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, setup=setup, lose=lose) as alice:
            alice.call("600")
            await alice.told(200)
            await asyncio.sleep(1.3)
            if not alice.suite:
                alice.repeat()
            await echoed(alice, 800)
            record = await over(rig, alice)
        assert record.verdict == "" and alice.probe.rejected == 0

    play(story)


def test_another_certificate_than_described_ends_the_call(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, said=Certificate()) as alice:
            alice.call("600")
            await alice.told(200)
            await alice.asked("BYE")
            await rig.nothing_left()
            assert alice.probe.heard.packets == ()
        [record] = rig.records
        assert record.outcome == "failed" and record.media.received.packets == 0
        assert f"the DTLS handshake with 127.0.0.1:{alice.probe.port} failed: the certificate" in record.verdict

    play(story)


def test_no_suite_in_common_ends_the_call(play: Play) -> None:
    async def story(rig: Any) -> None:
        rig.placing["encryption"] = Encryption("require", "dtls", ("AEAD_AES_256_GCM",))
        async with phone_of(rig, "bob", setup="active") as bob:
            with RtpProbe() as probe:
                alice = RawPhone(rig, probe, "alice")
                plan(rig, f"'{bob.uri}'")
                alice.call("200")
                await bob.rings()
                bob.reply(200, sdp=True)
                await bob.asked("BYE")
                assert (await alice.told(488)).status == 488
                await rig.nothing_left()
                await alice.close()
        assert "no SRTP suite in common with us (SIP 488)" in rig.records[0].verdict

    play(story)


@pytest.mark.parametrize("setup", ["active", "passive"])
def test_a_peer_that_never_shakes_hands_is_given_up(play: Play, setup: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtls, "HANDSHAKE_SECONDS", 1.0)

    async def story(rig: Any) -> None:
        async with phone_of(rig, setup=setup, mute=True) as alice:
            alice.call("600")
            await alice.told(200)
            await alice.asked("BYE")
            await rig.nothing_left()
            assert alice.probe.heard.packets == (), "not a packet of sound went out in the clear"
        assert "failed: the peer said nothing at all" in rig.records[0].verdict

    play(story)


def test_a_call_may_end_while_it_shakes_hands(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, mute=True) as alice:
            alice.call("600")
            await alice.told(200)
            await asyncio.sleep(0.1)
            await over(rig, alice)
        assert rig.records[0].ended_by == "caller"

    play(story)


def test_hold_resume_and_refresh_keep_the_keys(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            for direction in ("sendonly", "sendrecv"):
                alice.offer(direction)
                await asyncio.sleep(0.3)
            await echoed(alice, 1200)
            leg = next(iter(rig.user_agent._dialogs.values()))
            alice.setup = "passive"  # what it is
            for held in (True, False):
                leg.hold(held)
                await asyncio.sleep(0.3)
            assert b"a=setup:active" in (await alice.asked("INVITE")).body
            await echoed(alice, 1000)
            record = await over(rig, alice)
        assert (record.media.forged, alice.probe.rejected) == (0, 0)

    play(story)


def test_another_certificate_in_mid_call_is_another_handshake(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            alice.certificate = alice.said = Certificate()
            alice.theirs, alice.suite = None, ""
            alice.probe.encrypt(None, None)
            alice.offer("sendrecv")
            await asyncio.sleep(0.4)
            await echoed(alice, 1200)
            record = await over(rig, alice)
        assert record.verdict == "" and alice.suite

    play(story)


def test_in_mid_call_a_handshake_that_fails_is_why_the_call_ended(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            alice.said = Certificate()
            alice.theirs, alice.suite = None, ""
            alice.offer("sendrecv")
            await alice.asked("BYE")
            await rig.nothing_left()
        [record] = rig.records
        assert record.outcome == "answered" and record.verdict.startswith("the DTLS handshake with 127.0.0.1:")

    play(story)


@pytest.mark.parametrize("setup", ["active", "passive"])
@pytest.mark.parametrize("directions", [["sendonly", "sendrecv"], ["sendrecv"]])
def test_a_peer_that_forgets_the_handshake_at_each_reinvite_gets_another(
    play: Play, setup: str, directions: list[str]
) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, setup=setup) as alice:
            alice.call("600")
            await alice.told(200)
            await echoed(alice, 800)
            for direction in directions:
                alice.offer(direction)
                await asyncio.sleep(0.05)
                alice.forget()
                await asyncio.sleep(0.3)
            await echoed(alice, 1200)
            record = await over(rig, alice)
        assert record.verdict == "" and alice.suite and not alice.failed

    play(story)


def test_a_hello_of_a_stranger_changes_nothing(play: Play) -> None:
    """It may come from the peer's own address; without the certificate nothing comes of it."""

    async def story(rig: Any) -> None:
        async with phone_of(rig, setup="active") as alice, phone_of(rig, "mallory", setup="active") as mallory:
            alice.call("600")
            answer = await alice.told(200)
            await echoed(alice, 800)
            mallory.described(answer.body)  # which says that we wait for the handshake
            await asyncio.sleep(0.3)
            assert mallory.suite, "we have shaken hands with somebody"
            await echoed(alice, 1200)
            record = await over(rig, alice)
        assert record.verdict == "" and record.media.received.loss_percent < 5

    play(story)


def test_sound_before_the_keys_is_not_heard(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with phone_of(rig, setup="passive", lose="certificate") as alice:
            alice.probe.say(sine(800, 0.9))  # in the clear, while it has no keys
            alice.call("600")
            await alice.told(200)
            await asyncio.sleep(1.5)
            assert alice.probe.heard.audible_seconds() == 0
            await echoed(alice, 1200)
            await over(rig, alice)

    play(story)
