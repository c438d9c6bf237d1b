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


def test_604_is_heard_before_it_is_answered_and_echoes_after(asterisk: Asterisk, switch: SwitchProcess) -> None:
    call = asterisk.call(f"sip:604@{switch.address}", then="tone", variables={"HZ": "700"})
    call.wait_tone(425, 0.5)
    assert not call.is_up, "the tone is to be heard before the answer"
    call.wait_up()
    call.wait_tone(700)
    call.hang_up()


def test_605_is_busy(asterisk: Asterisk, switch: SwitchProcess) -> None:
    assert asterisk.call(f"sip:605@{switch.address}").wait_ended() == 17


def test_699_is_no_number(asterisk: Asterisk, switch: SwitchProcess) -> None:
    assert asterisk.call(f"sip:699@{switch.address}").wait_ended() == 1


def test_606_rings_until_asterisk_gives_up(asterisk: Asterisk, switch: SwitchProcess) -> None:
    call = asterisk.call(f"sip:606@{switch.address}", caller="4930606")
    call.wait_ringing()
    call.hang_up()
    call.wait_ended()
    record = switch.wait_record(to="606", **{"from": "4930606"})
    assert (record["outcome"], record["ended_by"], record["sip_code"]) == ("cancelled", "caller", 487)


def test_601_hangs_up_by_itself(asterisk: Asterisk, switch: SwitchProcess) -> None:
    call = asterisk.call(f"sip:601@{switch.address}")
    call.wait_up()
    assert call.wait_ended() == 16
    assert call.sound.seconds > 3
