"""A baresip calls the demo dialplan: tones, echo, early media, keys, hold."""

import time

import pytest

from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip
from tests.live.peers.switch import SwitchProcess


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_602_is_heard_as_it_is(baresip: Baresip, switch: SwitchProcess, transport: str) -> None:
    mark = baresip.dial(f"sip:602@{switch.address};transport={transport}")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.wait_tone(1004)
    assert baresip.sound.tone(-0.5).dbm0 == pytest.approx(-16, abs=0.5)
    baresip.hang_up()
    baresip.wait_event("CALL_CLOSED", since=mark)


def test_600_echoes_what_it_says(baresip: Baresip, switch: SwitchProcess) -> None:
    mark = baresip.dial(f"sip:600@{switch.address}")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.wait_tone(SAYS_HZ)
    baresip.hang_up()
    baresip.wait_event("CALL_CLOSED", since=mark)
    record = switch.wait_record(**{"from": NUMBER, "to": "600"})
    assert (record["outcome"], record["ended_by"]) == ("answered", "caller")


def test_604_is_heard_before_it_answers(baresip: Baresip, switch: SwitchProcess) -> None:
    mark = baresip.dial(f"sip:604@{switch.address}")
    baresip.wait_event("CALL_PROGRESS", since=mark)
    baresip.wait_tone(425)
    assert not [event for event in baresip.events[mark:] if event["type"] == "CALL_ESTABLISHED"]
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.wait_tone(SAYS_HZ)
    baresip.hang_up()
    baresip.wait_event("CALL_CLOSED", since=mark)


def test_603_presses_each_key_once(baresip: Baresip, switch: SwitchProcess) -> None:
    mark = baresip.dial(f"sip:603@{switch.address}")
    assert baresip.wait_keys(12, since=mark) == "1234567890*#"
    baresip.wait_event("CALL_CLOSED", since=mark)


def test_its_keys_are_read(baresip: Baresip, switch: SwitchProcess) -> None:
    mark = baresip.dial(f"sip:607@{switch.address}")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.press("95#")
    baresip.wait_event("CALL_CLOSED", since=mark)
    record = switch.wait_record(**{"from": NUMBER, "to": "607"})
    assert (record["dtmf"], record["ended_by"]) == ("95#", "switch")


def test_its_hold_silences_the_switch(baresip: Baresip, switch: SwitchProcess) -> None:
    mark = baresip.dial(f"sip:602@{switch.address}")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.wait_tone(1004)
    baresip.hold()
    baresip.wait_quiet()
    baresip.resume()
    baresip.wait_tone(1004)
    baresip.hang_up()
    baresip.wait_event("CALL_CLOSED", since=mark)


def test_a_refusal_is_told_with_its_cause(baresip: Baresip, switch: SwitchProcess) -> None:
    mark = baresip.dial(f"sip:605@{switch.address}")
    assert baresip.wait_event("CALL_CLOSED", since=mark)["param"].startswith("486")


def test_a_call_given_up_is_cancelled(baresip: Baresip, switch: SwitchProcess) -> None:
    mark = baresip.dial(f"sip:606@{switch.address}")
    baresip.wait_event("CALL_RINGING", since=mark)
    time.sleep(0.2)
    baresip.hang_up()
    assert switch.wait_record(**{"from": NUMBER, "to": "606"})["outcome"] == "cancelled"
