"""A phone behind Asterisk holds and resumes: the switch falls silent, and is heard again."""

import pytest

from tests.live.peers.asterisk import Asterisk
from tests.live.peers.heard import tone
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess


@pytest.mark.parametrize("endpoint", ["office", "sdes", "dtls"])
def test_a_hold_by_asterisk_silences_the_switch(
    asterisk: Asterisk, switch: SwitchProcess, probe: RtpProbe, phones: Sipp, endpoint: str
) -> None:
    asterisk.connect_phones_to(switch.address, endpoint=endpoint)
    since = asterisk.mark()
    phone = phones.start("phone-holds", "-d", "2000", number="602", rtp_port=probe.port)
    probe.talk_to(phone.media_address())
    call = asterisk.wait_called(endpoint, since=since)
    call.wait_tone(1004)
    phone.wait_message("CSeq: 2 INVITE")
    call.wait_silence(1.0, within=2.0)
    phone.wait_message("CSeq: 3 INVITE")
    call.wait_tone(1004, within=4.0)
    phone.finish()


@pytest.mark.parametrize("endpoint", ["office", "sdes", "dtls"])
def test_after_a_hold_the_sound_of_asterisk_is_heard_again(
    asterisk: Asterisk, switch: SwitchProcess, probe: RtpProbe, phones: Sipp, endpoint: str
) -> None:
    asterisk.connect_phones_to(switch.address, endpoint=endpoint)
    since = asterisk.mark()
    phone = phones.start("phone-holds", "-d", "2000", number="600", rtp_port=probe.port)
    probe.talk_to(phone.media_address())
    probe.say(tone(700, -13, 30.0))
    call = asterisk.wait_called(endpoint, since=since)
    call.wait_tone(700)
    phone.wait_message("CSeq: 3 INVITE")
    call.wait_tone(700, within=4.0)
    phone.finish()


def test_a_hold_across_a_trunk_is_heard_as_music(
    asterisk: Asterisk, trunk_switch: SwitchProcess, probe: RtpProbe, phones: Sipp
) -> None:
    asterisk.connect_phones_to(trunk_switch.address)
    since = asterisk.mark()
    phone = phones.start("phone-holds", "-d", "4000", number="911602", rtp_port=probe.port)
    probe.talk_to(phone.media_address())
    probe.say(tone(700, -13, 20.0))
    far = asterisk.wait_call("1602", since=since)
    far.wait_tone(700)
    phone.wait_message("CSeq: 2 INVITE")
    probe.talk_to(None)  # a telephone that has no music of its own
    far.wait_voice(within=3.0, but=700)
    phone.wait_message("CSeq: 3 INVITE")
    probe.talk_to(phone.media_address())
    far.wait_tone(700)
    assert probe.wait_for(lambda heard: abs(heard.tone(heard.seconds - 0.5).hz - 440) < 3, 3)
    phone.finish()
