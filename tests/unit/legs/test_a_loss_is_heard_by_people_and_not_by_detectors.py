"""A leg's ear: lost sound goes on for whoever listens. It presses no key, ends none, and is not passed on coded."""

import random

import pytest

from softswitch.audio.codecs import CODECS
from softswitch.audio.frame import Frame
from softswitch.audio.tones import burst, dtmf_frames, dtmf_pair
from softswitch.legs.ear import Ear
from softswitch.legs.mouth import Mouth
from softswitch.rtp.jitter import LOST, PAUSE, Parts

KEYS = "1590#D*7"


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_what_arrives_is_passed_on_as_it_came(codec: str) -> None:
    ear, mouth = Ear(), Mouth(lambda: None)
    ear.follow(CODECS[codec])
    mouth.follow(CODECS[codec], mutes_keys=False)
    payloads = [CODECS[codec].encode(frame.pcm) for frame in dtmf_frames("5")]
    for index, payload in enumerate(payloads * 4):
        lost = index in (11, 12)
        frame = ear.hear(None if lost else payload, LOST)
        assert frame is not None
        if lost or index == 13:
            assert frame.coded == b"" and len(mouth.say(frame)) == 160
        else:
            assert frame.coded == payload and mouth.say(frame) == payload


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_keys_are_heard_once_through_loss(codec: str) -> None:
    """Made-up sound is no proof of a key: with it, a key cut short would be heard as two, or a burst as a key."""
    for seed in range(12):
        chance, ear = random.Random(seed), Ear()
        ear.follow(CODECS[codec])
        heard, lost_before = "", False
        for frame in dtmf_frames(KEYS, on_ms=120, off_ms=120):
            lost = not lost_before and chance.random() < 0.10
            ear.hear(None if lost else CODECS[codec].encode(frame.pcm), LOST)
            heard += ear.key or ""
            lost_before = lost
        assert heard == KEYS


def test_a_burst_too_short_for_a_key_is_none_when_it_goes_on_concealed() -> None:
    """20 ms of a key, and then nothing: 60 ms of it are heard, which would be a key."""
    ear = Ear()
    pcm = burst([(hz, -10.0) for hz in dtmf_pair("5")], 20)
    for _ in range(5):
        ear.hear(b"\xff" * 160)
    ear.hear(CODECS["PCMU"].encode(pcm))
    for _ in range(10):
        ear.hear(None, LOST)
        assert ear.key is None


def test_a_key_that_sounds_is_muted_in_what_is_made_up_of_it_too() -> None:
    ear = Ear()
    for frame in dtmf_frames("5", on_ms=200)[:6]:
        ear.hear(CODECS["PCMU"].encode(frame.pcm))
    made = ear.hear(None, LOST)
    assert made is not None and made.key is True


def test_holes_are_filled_and_pauses_are_not() -> None:
    ear = Ear()
    loud = CODECS["PCMU"].encode(burst([(400, -10.0)], 20))
    for _ in range(4):
        ear.hear(loud)
    half = Parts(loud[:80] + b"\xff" * 80)
    half.holes = ((80, 160),)
    frame = ear.hear(half, LOST)
    assert isinstance(frame, Frame) and ear.concealed == 1
    assert any(frame.pcm[160:]), "the half that is missing goes on"
    ear.hear(loud)
    assert ear.hear(None, PAUSE) is not None, "it fades"
    assert ear.hear(None, PAUSE) is None and ear.concealed == 1
