"""Asterisk calls the switch, which calls Asterisk back over a trunk: both ends hear each other."""

import pytest

from tests.live.peers.asterisk import Asterisk
from tests.live.peers.switch import SwitchProcess

#: The digit of each trunk, and how Asterisk knows it: by address, by MD5, by SHA-256, over TCP with either.
TRUNKS = {"0": "office", "1": "49301001", "2": "49301002", "3": "49301003"}


@pytest.mark.parametrize("digit", TRUNKS)
def test_both_ends_hear_each_other(asterisk: Asterisk, trunk_switch: SwitchProcess, digit: str) -> None:
    since = asterisk.mark()
    call = asterisk.call(f"sip:9{digit}1602@{trunk_switch.address}", then="tone", variables={"HZ": "620"})
    far = asterisk.wait_call("1602", since=since)
    assert far.channel.startswith(f"PJSIP/{TRUNKS[digit]}-")
    call.wait_up()
    far.wait_tone(620)
    call.wait_tone(440)
    far.hang_up()
    assert call.wait_ended() == 16
