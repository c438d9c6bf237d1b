"""ITU-T Q.24: accepted within 1.5 %, refused from 3.5 %."""

import itertools

import numpy as np
import pytest

from softswitch.audio.level import rms_at
from softswitch.audio.tones import dtmf_pair


@pytest.mark.parametrize(("low_off", "high_off"), list(itertools.product((-0.015, 0.015), repeat=2)))
def test_a_tone_1_5_percent_off_is_a_key(rig, low_off: float, high_off: float) -> None:
    heard = [rig.heard(rig.press(key, 40, low_off=low_off, high_off=high_off)) for key in rig.keys]
    assert heard == list(rig.keys)


@pytest.mark.parametrize(
    ("low_off", "high_off"), [pair for pair in itertools.product((-0.035, 0.0, 0.035), repeat=2) if any(pair)]
)
def test_a_tone_3_5_percent_off_is_no_key(rig, low_off: float, high_off: float) -> None:
    heard = [rig.heard(rig.press(key, 100, low_off=low_off, high_off=high_off)) for key in rig.keys]
    assert heard == [""] * 16


def test_tones_that_warble_about_the_right_frequency_are_no_key(rig) -> None:
    time = np.arange(4000) / 8000
    warble = 60.0 / 15.0 * np.sin(2 * np.pi * 15.0 * time)
    for key in rig.keys:
        first, second = (np.sin(2 * np.pi * hertz * time + warble) for hertz in dtmf_pair(key))
        assert rig.heard(rms_at(-10) * np.sqrt(2.0) * (first + second)) == ""
