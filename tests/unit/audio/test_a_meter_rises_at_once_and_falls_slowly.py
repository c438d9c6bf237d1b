"""The meters of a leg: what they show of a tone, and how they fall when it is over."""

import pytest

from softswitch.audio.level import SILENCE_DBM0, LevelMeter, dbm0
from softswitch.audio.tones import dtmf_frames


def test_a_tone_is_shown_at_its_level_at_once() -> None:
    loud = dtmf_frames("5")[1].pcm
    meter = LevelMeter()
    assert meter.dbm0 == SILENCE_DBM0
    meter.hear(loud)
    assert meter.dbm0 == pytest.approx(dbm0(loud), abs=0.1)


def test_it_falls_by_twenty_decibels_in_a_second_and_a_half() -> None:
    meter = LevelMeter()
    meter.hear(dtmf_frames("5")[1].pcm)
    before = meter.dbm0
    for _ in range(75):
        meter.hear(b"")
    assert meter.dbm0 == pytest.approx(before - 20, abs=1)
    for _ in range(1000):
        meter.hear(b"")
    assert meter.dbm0 == SILENCE_DBM0
