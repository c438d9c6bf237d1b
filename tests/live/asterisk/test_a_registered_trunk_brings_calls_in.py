"""The switch registers with Asterisk, which calls it where it registered."""

import pytest

from tests.live.peers.asterisk import KEYS, Asterisk
from tests.live.peers.switch import SwitchProcess

#: MD5; SHA-256; over TCP, with either; and two whose keys go by INFO and in the sound.
ACCOUNTS = {"md5": "49301001", "sha256": "49301002", "tcp": "49301003", "info": "49301004", "inband": "49301005"}


@pytest.mark.parametrize("trunk", ["md5", "sha256", "tcp"])
def test_calls_come_in_by_the_registered_contact(asterisk: Asterisk, trunk_switch: SwitchProcess, trunk: str) -> None:
    contact = asterisk.wait_contact(ACCOUNTS[trunk])
    assert ("transport=tcp" in contact.lower()) is (trunk == "tcp")
    call = asterisk.call("602", endpoint=ACCOUNTS[trunk], caller=f"4955{ACCOUNTS[trunk]}")
    call.wait_up()
    call.wait_tone(1004)
    call.hang_up()
    record = trunk_switch.wait_record(**{"from": f"4955{ACCOUNTS[trunk]}"})
    assert (record["carrier"], record["to"], record["outcome"]) == (trunk, "602", "answered")


def test_a_registered_trunk_is_found_alive(asterisk: Asterisk, trunk_switch: SwitchProcess) -> None:
    asterisk.wait_contact(ACCOUNTS["md5"])
    asterisk.wait_command("pjsip show contacts", f"{ACCOUNTS['md5']}/.*Avail")


def test_each_trunk_gets_keys_in_its_own_dialect(asterisk: Asterisk, trunk_switch: SwitchProcess) -> None:
    trunks = ("md5", "info", "inband")
    for trunk in trunks:
        asterisk.wait_contact(ACCOUNTS[trunk])
    calls = {trunk: asterisk.call("603", endpoint=ACCOUNTS[trunk]) for trunk in trunks}
    assert {trunk: call.all_keys() for trunk, call in calls.items()} == dict.fromkeys(trunks, KEYS)
