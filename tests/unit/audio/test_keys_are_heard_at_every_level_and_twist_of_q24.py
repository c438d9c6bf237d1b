"""ITU-T Q.24: from 0 to -25 dBm for each tone; the high tone up to 4 dB above and 8 dB below the low one."""

import pytest


@pytest.mark.parametrize("level", [0.0, -3.0, -10.0, -20.0, -25.0])
def test_both_tones_at_one_level(rig, level: float) -> None:
    for law in ("PCMU", "PCMA"):
        heard = [rig.heard(rig.press(key, 40, low=level, high=level), law) for key in rig.keys]
        assert heard == list(rig.keys)


@pytest.mark.parametrize(("low", "high"), [(-10, -6), (-10, -18), (-25, -21), (-17, -25), (-4, 0), (0, -8)])
def test_one_tone_stronger(rig, low: float, high: float) -> None:
    for law in ("PCMU", "PCMA"):
        heard = [rig.heard(rig.press(key, 40, low=low, high=high), law) for key in rig.keys]
        assert heard == list(rig.keys)


@pytest.mark.parametrize(
    ("low", "high"), [(-29.5, -29.5), (-22, -29.5), (-55, -55), (-10, 2), (-10, -26), (-10, -90), (-90, -10)]
)
def test_too_faint_and_too_uneven_is_no_key(rig, low: float, high: float) -> None:
    assert [rig.heard(rig.press(key, 100, low=low, high=high)) for key in rig.keys] == [""] * 16
