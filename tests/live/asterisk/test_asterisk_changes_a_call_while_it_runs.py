"""What Asterisk changes in mid-call, by re-INVITE and by UPDATE: the sound goes on."""

import pytest

from tests.live.peers.asterisk import Asterisk
from tests.live.peers.switch import SwitchProcess


@pytest.mark.parametrize("method", ["invite", "update"])
def test_a_refresh_leaves_the_sound_as_it_was(asterisk: Asterisk, switch: SwitchProcess, method: str) -> None:
    call = asterisk.call(f"sip:602@{switch.address}")
    call.wait_up()
    call.wait_tone(1004)
    before = asterisk.count_log(f"{method.upper()} sip:")
    call.set("PJSIP_SEND_SESSION_REFRESH()", method)
    asterisk.wait_log(f"{method.upper()} sip:", more_than=before)
    call.wait_tone(1004)
    call.hang_up()
    assert call.wait_ended() == 16


def test_another_codec_is_taken_up_in_mid_call(asterisk: Asterisk, switch: SwitchProcess) -> None:
    call = asterisk.call(f"sip:602@{switch.address}")
    call.wait_up()
    call.wait_tone(1004)
    assert call.variable("CHANNEL(audioreadformat)") == "ulaw"
    call.set("PJSIP_MEDIA_OFFER(audio)", "!all,alaw")
    call.set("PJSIP_SEND_SESSION_REFRESH()", "invite")
    call.wait_variable("CHANNEL(audionativeformat)", "(alaw)")
    call.wait_tone(1004)
    call.hang_up()
    assert call.wait_ended() == 16


def test_618_is_heard_early_where_provisional_responses_must_be_reliable(
    asterisk: Asterisk, switch: SwitchProcess
) -> None:
    before = asterisk.count_log("PRACK sip:")
    call = asterisk.call(f"sip:618@{switch.address}", endpoint="reliable", then="tone", variables={"HZ": "700"})
    call.wait_tone(425, 0.5)
    assert not call.is_up
    call.wait_up()
    call.wait_tone(700)
    call.hang_up()
    assert asterisk.count_log("PRACK sip:") > before
