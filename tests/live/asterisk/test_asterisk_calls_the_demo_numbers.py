"""An Asterisk that knows nothing of us calls the numbers of the demo dialplan, and hears what it should."""

import pytest

from tests.live.peers.asterisk import Asterisk
from tests.live.peers.switch import SwitchProcess


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_600_returns_the_tone_that_asterisk_plays(asterisk: Asterisk, switch: SwitchProcess, transport: str) -> None:
    call = asterisk.call(f"sip:600@{switch.address};transport={transport}", then="tone")
    call.wait_up()
    call.wait_tone(440)
    call.hang_up()
    assert call.wait_ended() == 16


def test_602_is_heard_as_a_pure_tone(asterisk: Asterisk, switch: SwitchProcess) -> None:
    call = asterisk.call(f"sip:602@{switch.address}")
    call.wait_up()
    call.wait_tone(1004)
    assert call.sound.tone(-1.0).dbm0 == pytest.approx(-16, abs=0.5)
    call.hang_up()


def test_602_is_heard_in_a_law(asterisk: Asterisk, switch: SwitchProcess) -> None:
    call = asterisk.call(f"sip:602@{switch.address}", endpoint="alaw")
    call.wait_up()
    call.wait_tone(1004)
    call.hang_up()
