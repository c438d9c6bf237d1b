"""What the switch says in words: heard by a second recogniser, which is told only what may be said."""

import json
import time

import pytest

from tests.live.peers.heard import Heard
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp, SippRun
from tests.live.peers.switch import SwitchProcess
from tests.live.peers.words import words_heard

#: A pause as long as this, after speech, is the end of what the switch had to say.
SAID_SECONDS = 0.8
FRAME = 0.020

MENU = "please say sales support or opening hours"
ASK_NUMBER = "sales of course please say or key in your four digit customer number"
READ_BACK = "i heard <digits> is that right"
GOODBYE = "thank you our sales team will call you back today goodbye"
LINES = f"{MENU} | {ASK_NUMBER} | {READ_BACK} | {GOODBYE}"


def _fell_silent(heard: Heard) -> bool:
    """Return whether something was said and is over."""
    quiet = round(SAID_SECONDS / FRAME)
    levels = heard.levels()
    return heard.speech_seconds() > 0.5 and len(levels) > quiet and bool((levels[-quiet:] < -45).all())


def _listen(probe: RtpProbe, call: SippRun, moment: float, seconds: float = 15.0) -> str:
    """Wait until what is said since `moment` is over, or the call is; return the words."""
    probe.wait_for(lambda heard: not call.running or _fell_silent(heard.since(moment)), seconds)
    return words_heard(probe.heard.since(moment).samples, f"[<NULL>] ({LINES})")


def test_607_reads_back_the_keys_it_was_sent(sipp: Sipp, probe: RtpProbe, switch: SwitchProcess) -> None:
    call = sipp.start("607-reads-digits", number="607", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.5)
    probe.press("40719#")
    probe.wait_said()
    pressed = time.monotonic()
    call.finish()
    said = words_heard(probe.heard.since(pressed - 0.2).samples, "you entered <digits>")
    assert said.replace("oh", "zero") == "you entered four zero seven one nine"
    lines = (switch.data / "calls.jsonl").read_text(encoding="utf-8").splitlines()
    assert [r["dtmf"] for r in map(json.loads, lines) if r["to"] == "607"][-1] == "40719#"


def test_700_greets_within_a_second(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("700-receptionist", "-d", "9000", number="700", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    answered = time.monotonic()
    assert probe.wait_for(_fell_silent, 12), "the greeting never came, or never ended"
    assert words_heard(probe.heard.samples, f"[welcome] ({LINES})").endswith(MENU)
    onset = probe.heard.onset()
    assert onset is not None
    assert onset - answered < 1.0
    call.finish()


def test_700_stops_speaking_when_a_key_is_pressed(sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("700-receptionist", "-d", "12000", number="700", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    assert probe.wait_for(lambda heard: heard.speech_seconds() > 1.0, 5), "no greeting was heard"
    probe.press("1")
    probe.wait_said()
    pressed = time.monotonic()
    assert _listen(probe, call, pressed + 0.3) == ASK_NUMBER
    call.finish()


@pytest.mark.timeout(120)
def test_700_is_led_to_its_end_by_keys(sipp: Sipp, probe: RtpProbe) -> None:
    """Choice, number, confirmation, goodbye, and only when the goodbye was heard, BYE."""
    call = sipp.start("700-receptionist-to-the-end", number="700", rtp_port=probe.port, seconds=80)
    probe.talk_to(call.media_address())
    assert probe.wait_for(lambda heard: heard.speech_seconds() > 1.0, 5), "no greeting was heard"
    said = []
    for keys in ("1", "2580", "1"):
        probe.press(keys)
        probe.wait_said()
        said.append(_listen(probe, call, time.monotonic() + 0.2))
    call.finish()
    assert said[0] == ASK_NUMBER
    assert said[1] in ("i heard two five eight zero is that right", "i heard two five eight oh is that right")
    assert said[2] == GOODBYE
