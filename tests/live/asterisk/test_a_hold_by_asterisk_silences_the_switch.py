"""A phone behind Asterisk holds and resumes: the switch falls silent, and is heard again."""

from tests.live.peers.asterisk import Asterisk
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess


def test_a_hold_by_asterisk_silences_the_switch(
    asterisk: Asterisk, switch: SwitchProcess, probe: RtpProbe, phones: Sipp
) -> None:
    asterisk.connect_phones_to(switch.address)
    since = asterisk.mark()
    phone = phones.start("phone-holds", "-d", "2000", number="602", rtp_port=probe.port)
    probe.talk_to(phone.media_address())
    call = asterisk.wait_called("office", since=since)
    call.wait_tone(1004)
    phone.wait_message("CSeq: 2 INVITE")
    call.wait_silence(1.0, within=2.0)
    phone.wait_message("CSeq: 3 INVITE")
    call.wait_tone(1004, within=4.0)
    phone.finish()
