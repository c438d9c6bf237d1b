"""A call over a trunk: early media, busy, no answer, cancel and keys pass through the switch."""

import itertools

import pytest

from tests.live.peers.asterisk import KEYS, Asterisk
from tests.live.peers.switch import SwitchProcess

#: The digit of the trunk that speaks it.
FAR_DIALECTS = {"rfc4733": "0", "info": "4", "inband": "5"}
#: The endpoint of Asterisk that speaks it.
NEAR_DIALECTS = {"rfc4733": "office", "info": "info", "inband": "inband"}


@pytest.mark.parametrize(("digit", "reliable"), [("1", False), ("2", True)], ids=["md5", "sha256-reliable"])
def test_early_media_is_heard_in_both_directions(
    asterisk: Asterisk, trunk_switch: SwitchProcess, digit: str, reliable: bool
) -> None:
    since = asterisk.mark()
    before = asterisk.count_log("PRACK sip:")
    call = asterisk.call(f"sip:9{digit}1604@{trunk_switch.address}", then="tone", variables={"HZ": "620"})
    call.wait_tone(440, 0.5)
    assert not call.is_up, "the tone is to be heard before the answer"
    call.wait_up()
    far = asterisk.wait_call("1604", since=since)
    far.wait_tone(620)
    call.wait_tone(620)  # the far end echoes once it has answered
    assert (asterisk.count_log("PRACK sip:") > before) is reliable
    call.hang_up()
    far.wait_ended()


@pytest.mark.parametrize(("number", "cause"), [("1605", 17), ("1999", 1), ("1608", 34)])
def test_a_refusal_keeps_its_cause(asterisk: Asterisk, trunk_switch: SwitchProcess, number: str, cause: int) -> None:
    assert asterisk.call(f"sip:91{number}@{trunk_switch.address}").wait_ended() == cause


def test_a_caller_who_gives_up_stops_the_ringing(asterisk: Asterisk, trunk_switch: SwitchProcess) -> None:
    since = asterisk.mark()
    call = asterisk.call(f"sip:911606@{trunk_switch.address}")
    call.wait_ringing()
    far = asterisk.wait_call("1606", since=since)
    call.hang_up()
    far.wait_ended()
    call.wait_ended()


def test_a_far_end_that_does_not_answer_is_left_alone(asterisk: Asterisk, trunk_switch: SwitchProcess) -> None:
    since = asterisk.mark()
    call = asterisk.call(f"sip:981606@{trunk_switch.address}", caller="4955606")
    call.wait_ringing()
    asterisk.wait_call("1606", since=since).wait_ended()
    assert call.wait_ended() == 19
    assert trunk_switch.wait_record(**{"from": "4955606"})["outcome"] == "no_answer"


def test_keys_pressed_near_are_heard_far_in_the_dialect_of_each(
    asterisk: Asterisk, trunk_switch: SwitchProcess
) -> None:
    pairs = list(itertools.product(NEAR_DIALECTS, FAR_DIALECTS))
    since = asterisk.mark()
    for number, (near, far) in enumerate(pairs):
        target = f"sip:9{FAR_DIALECTS[far]}160{number}0@{trunk_switch.address}"
        asterisk.call(target, endpoint=NEAR_DIALECTS[near], then="press")
    fars = {pair: asterisk.wait_call(f"160{number}0", since=since) for number, pair in enumerate(pairs)}
    assert {pair: far.all_keys() for pair, far in fars.items()} == dict.fromkeys(pairs, KEYS)


def test_keys_pressed_far_are_heard_near_in_the_dialect_of_each(
    asterisk: Asterisk, trunk_switch: SwitchProcess
) -> None:
    nears = ("rfc4733", "inband")  # which one is INFO, nobody can see: that is said of a registered trunk
    calls = {
        (near, far): asterisk.call(f"sip:9{digit}1603@{trunk_switch.address}", endpoint=NEAR_DIALECTS[near])
        for near in nears
        for far, digit in FAR_DIALECTS.items()
    }
    assert {pair: call.all_keys() for pair, call in calls.items()} == dict.fromkeys(calls, KEYS)
