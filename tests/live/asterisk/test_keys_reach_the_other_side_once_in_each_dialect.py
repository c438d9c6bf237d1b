"""Keys pressed on one side are heard on the other, each once, by RFC 4733, INFO and tones in the sound."""

from tests.live.peers.asterisk import KEYS, Asterisk
from tests.live.peers.switch import SwitchProcess

#: The endpoint of Asterisk that speaks it, and the caller ID that tells the calls apart.
DIALECTS = {"office": "49607001", "info": "49607002", "inband": "49607003"}


def test_asterisk_presses_and_the_switch_reads(asterisk: Asterisk, switch: SwitchProcess) -> None:
    calls = {
        dialect: asterisk.call(f"sip:607@{switch.address}", endpoint=dialect, then="press", caller=caller)
        for dialect, caller in DIALECTS.items()
    }
    for call in calls.values():
        # What is read back when # was pressed.
        call.wait_voice()
        call.hang_up()
    records = {dialect: switch.wait_record(to="607", **{"from": DIALECTS[dialect]}) for dialect in calls}
    assert {dialect: record["dtmf"] for dialect, record in records.items()} == dict.fromkeys(DIALECTS, KEYS)


def test_the_switch_presses_and_asterisk_hears(asterisk: Asterisk, switch: SwitchProcess) -> None:
    calls = [asterisk.call(f"sip:603@{switch.address}", endpoint=dialect) for dialect in ("office", "inband")]
    assert [call.all_keys() for call in calls] == [KEYS, KEYS]
