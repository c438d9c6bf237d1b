"""White noise 15 to 18 dB below the key, under it and around it."""

import numpy as np
import pytest

FAULTS = [{}, {"high": -18.0}, {"low": -14.0}, {"low_off": 0.015, "high_off": -0.015}]


@pytest.mark.parametrize("snr_db", [18.0, 15.0])
@pytest.mark.parametrize("fault", FAULTS, ids=["even", "twist -8", "twist +4", "off frequency"])
def test_a_key_in_noise_is_heard_once(rig, snr_db: float, fault: dict[str, float]) -> None:
    heard = [rig.heard(rig.noisy(rig.press(key, 45, **fault), snr_db)) for key in rig.keys for _ in range(3)]
    assert heard == [key for key in rig.keys for _ in range(3)]


def test_equal_keys_in_noise_stay_apart(rig) -> None:
    for key in rig.keys:
        sound = np.concatenate([rig.press(key, 40), rig.pause(40)] * 3)
        assert rig.heard(rig.noisy(sound, 15.0)) == key * 3


def test_short_and_wrong_tones_in_noise_are_no_keys(rig) -> None:
    for key in rig.keys:
        assert rig.heard(rig.noisy(rig.press(key, 23), 15.0)) == ""
        assert rig.heard(rig.noisy(rig.press(key, 100, low_off=-0.035), 15.0)) == ""
        assert rig.heard(rig.noisy(rig.press(key, 100, high_off=0.035), 15.0)) == ""
