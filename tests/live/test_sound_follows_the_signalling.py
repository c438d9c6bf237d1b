"""Hold, offers that come late, telephones behind NAT, intruders: where the sound goes, and where it does not."""

import pytest

from tests.live.peers.heard import chirp, tone
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp


def test_a_call_on_hold_is_silent_and_comes_back(sipp: Sipp, probe: RtpProbe) -> None:
    """602 plays all the time; while we hold it (sendonly), nothing of it may reach us (RFC 3264 section 8.4)."""
    call = sipp.start("hold-and-resume", "-d", "2000", number="602", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    held = call.wait_message("CSeq: 2 ACK")
    resumed = call.wait_message("CSeq: 3 ACK")
    call.finish()
    on_hold = [p for p in probe.heard.sound if held + 0.3 < p.arrived < resumed - 0.05]
    assert resumed - held > 1.5
    assert not on_hold, f"{len(on_hold)} packets of sound were sent to a caller who holds the call"
    after = probe.heard.since(resumed + 0.3).tone(0.0, 1.0)
    assert after.hz == pytest.approx(1004, abs=1)
    assert after.purity > 0.99


def test_an_offerless_call_has_sound_both_ways(sipp: Sipp, probe: RtpProbe) -> None:
    said = chirp(0.8)
    call = sipp.start("offerless-invite", "-d", "2000", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.3)
    probe.say(said)
    call.finish()
    assert probe.heard.find(said)[1] > 0.98


def test_a_telephone_behind_nat_is_heard_and_hears(sipp: Sipp, probe: RtpProbe) -> None:
    """The description names a port that is not where the sound comes from: the switch follows the sound."""
    said = chirp(0.8)
    with RtpProbe() as described:
        call = sipp.start("600-echo", "-d", "2500", number="600", rtp_port=described.port)
        probe.talk_to(call.media_address())
        probe.pause(0.5)
        probe.say(said)
        call.finish()
    assert probe.heard.find(said)[1] > 0.98


def test_an_intruder_is_not_heard_on_a_call_that_is_up(sipp: Sipp, probe: RtpProbe) -> None:
    """Once the source of the sound is known, packets from elsewhere are dropped, and nothing is sent there."""
    with RtpProbe() as intruder:
        call = sipp.start("600-echo", "-d", "2500", number="600", rtp_port=probe.port)
        address = call.media_address()
        probe.talk_to(address)
        probe.say(tone(425, -20, 0.5))
        probe.wait_said()
        intruder.talk_to(address)
        intruder.say(tone(2000, -10, 1.0))
        call.finish()
        assert not intruder.heard.packets
    assert probe.heard.audible_seconds() == pytest.approx(0.5, abs=0.06)


def test_a_call_over_tcp_sounds_as_one_over_udp(sipp: Sipp, probe: RtpProbe) -> None:
    said = chirp(0.8)
    call = sipp.start("600-echo", "-d", "2000", "-t", "t1", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.3)
    probe.say(said)
    call.finish()
    assert probe.heard.find(said)[1] > 0.98


def test_what_was_refused_leaves_the_call_as_it_was(sipp: Sipp, probe: RtpProbe) -> None:
    """After a re-INVITE that had to be refused with 488, the echo goes on (RFC 3261 section 14.2)."""
    said = chirp(0.8)
    call = sipp.start("impossible-reinvite", "-d", "1500", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    call.wait_message("SIP/2.0 488")
    probe.say(said)
    call.finish()
    assert probe.heard.find(said)[1] > 0.98
