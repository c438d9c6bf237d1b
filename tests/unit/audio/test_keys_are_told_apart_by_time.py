"""ITU-T Q.24: 40 ms is a key and 23 ms is none; a break of 10 ms is bridged, and a pause of 40 ms separates."""

import itertools

import numpy as np
import pytest


def test_forty_milliseconds_is_a_key(rig) -> None:
    for _ in range(5):
        assert [rig.heard(rig.press(key, 40)) for key in rig.keys] == list(rig.keys)


def test_twenty_three_milliseconds_is_none(rig) -> None:
    for _ in range(5):
        assert [rig.heard(rig.press(key, 23)) for key in rig.keys] == [""] * 16


@pytest.mark.parametrize("break_ms", [2, 5, 10])
@pytest.mark.parametrize(("before_ms", "after_ms"), [(25, 25), (40, 40), (60, 20)])
def test_a_short_break_is_bridged(rig, before_ms: int, break_ms: int, after_ms: int) -> None:
    for key in rig.keys:
        sound = rig.press(key, before_ms + break_ms + after_ms)
        sound[before_ms * 8 : (before_ms + break_ms) * 8] = 0.0
        assert rig.heard(sound) == key


@pytest.mark.parametrize("pause_ms", [40, 43, 50, 70])
def test_a_pause_separates_equal_keys(rig, pause_ms: int) -> None:
    for key in rig.keys:
        sound = np.concatenate([rig.press(key, 40), rig.pause(pause_ms)] * 3)
        assert rig.heard(sound) == key * 3


@pytest.mark.parametrize("pause_ms", [20, 40])
def test_other_keys_follow_at_once(rig, pause_ms: int) -> None:
    for first, second in itertools.permutations(rig.keys, 2):
        sound = np.concatenate((rig.press(first, 50), rig.pause(pause_ms), rig.press(second, 50)))
        assert rig.heard(sound) == first + second


def test_a_key_held_for_ten_seconds_is_one_press(rig) -> None:
    assert rig.heard(rig.press("5", 10_000)) == "5"


def test_a_key_is_reported_while_it_is_still_down(rig) -> None:
    frames = rig.frames(rig.press("7", 400))
    assert rig.hear(frames[:6]) == "7"
