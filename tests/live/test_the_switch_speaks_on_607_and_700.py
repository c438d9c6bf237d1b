"""What the switch says in words, and when: each sentence is looked for in what was heard."""

import time

import pytest

from tests.live.peers.heard import AUDIBLE_DBM0, Heard
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.spoken import likeness, was_said
from tests.live.peers.switch import SwitchProcess

#: A pause as long as this, after speech, is the end of what the switch had to say.
SAID_SECONDS = 0.8
FRAME = 0.020

WELCOME = "Welcome to Softswitch."
MENU = "Please say sales, support, or opening hours."
KEYS = "Or press one, two, or three."
ASK_NUMBER = "sales, of course. Please say or key in your four digit customer number."
READ_BACK = "I heard 2 5 8 0. Is that right?"
# Looked for apart: the switch has long texts spoken sentence by sentence, so the pause between them is its own.
THANKS = "Thank you. Our sales team will call you back today."
GOODBYE = "Goodbye."


def _fell_silent(heard: Heard) -> bool:
    """Return whether something was said and is over."""
    quiet = round(SAID_SECONDS / FRAME)
    levels = heard.levels()
    return bool((levels > AUDIBLE_DBM0).sum() * FRAME > 0.5 and (levels[-quiet:] < AUDIBLE_DBM0).all())


def _assert_said(heard: Heard, *sentences: str) -> None:
    missing = {text: round(likeness(heard.samples, text), 2) for text in sentences if not was_said(heard.samples, text)}
    assert not missing, f"not heard in {heard.seconds:.1f} s, {heard.audible_seconds():.1f} s of them sound: {missing}"


def test_607_reads_back_the_keys_it_was_sent(sipp: Sipp, probe: RtpProbe, switch: SwitchProcess) -> None:
    call = sipp.start("607-reads-digits", number="607", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.5)
    probe.press("40719#")
    call.finish()
    _assert_said(probe.heard, "You entered: 4, 0, 7, 1, 9.")
    switch.wait_record(to="607", dtmf="40719#")


def test_700_greets_at_once_and_says_what_can_be_said(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("700-receptionist", "-d", "9000", number="700", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    answered = time.monotonic()
    assert probe.wait_for(_fell_silent, 12), "the greeting never came, or never ended"
    call.finish()
    _assert_said(probe.heard, WELCOME, MENU, KEYS)
    onset = probe.heard.onset()
    assert onset is not None
    assert onset - answered < 1.0


def test_700_stops_speaking_when_a_key_is_pressed(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("700-receptionist", "-d", "10000", number="700", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    assert probe.wait_for(lambda heard: heard.audible_seconds() > 2.0, 6), "no greeting was heard"
    probe.press("1")
    probe.wait_said()
    assert probe.wait_for(_fell_silent, 12)
    call.finish()
    _assert_said(probe.heard, WELCOME, ASK_NUMBER)
    assert not was_said(probe.heard.samples, KEYS), "the menu was spoken to its end over the key"


@pytest.mark.timeout(120)
def test_700_is_led_to_its_end_by_keys(sipp: Sipp, probe: RtpProbe) -> None:
    """Choice, number, confirmation, goodbye, and only when the goodbye was heard, BYE."""
    call = sipp.start("700-receptionist-to-the-end", number="700", rtp_port=probe.port, seconds=80)
    probe.talk_to(call.media_address())
    assert probe.wait_for(lambda heard: heard.audible_seconds() > 2.0, 6), "no greeting was heard"
    for keys, answers in (("1", [ASK_NUMBER]), ("2580", [READ_BACK]), ("1", [THANKS, GOODBYE])):
        probe.press(keys)
        probe.wait_said()
        pressed = time.monotonic()
        probe.wait_for(lambda heard, since=pressed: not call.running or _fell_silent(heard.since(since)), 15)
        _assert_said(probe.heard.since(pressed - 0.5), *answers)
    call.finish()
