"""One lost packet leaves a hole of 20 ms; two in a row look like a pause, unless we are told that nothing arrived."""

import numpy as np
import pytest

SILENT = bytes(320)


@pytest.mark.parametrize("missing", [SILENT, None], ids=["silence", "nothing"])
def test_any_one_packet_may_be_lost(rig, missing: bytes | None) -> None:
    for key in rig.keys:
        frames = rig.frames(rig.press(key, 160))
        for lost in range(len(frames)):
            assert rig.hear([*frames[:lost], missing, *frames[lost + 1 :]]) == key


def test_two_packets_in_a_row_may_be_lost_when_we_are_told(rig) -> None:
    for key in rig.keys:
        frames = rig.frames(rig.press(key, 200))
        for lost in range(len(frames) - 1):
            assert rig.hear([*frames[:lost], None, None, *frames[lost + 2 :]]) == key


@pytest.mark.parametrize(("on_ms", "off_ms"), [(60, 60), (100, 100), (250, 100)])
def test_five_percent_loss_doubles_nothing(rig, on_ms: int, off_ms: int) -> None:
    missing = 0
    for key in rig.keys:
        for _ in range(3):
            frames = rig.frames(np.concatenate([rig.press(key, on_ms), rig.pause(off_ms)] * 5))
            lost = rig.random.random(len(frames)) < 0.05
            # Three in a row are a pause by any measure; the others are the detector's to bridge.
            lost[2:] &= ~(lost[1:-1] & lost[:-2])
            heard = rig.hear([None if gone else frame for frame, gone in zip(frames, lost, strict=True)])
            assert heard in (key * 5, key * 4, key * 3)
            missing += 5 - len(heard)
    assert missing <= 240 * 0.02


def test_silence_that_does_not_arrive_still_ends_a_key(rig) -> None:
    frames = rig.frames(rig.press("4", 100))
    assert rig.hear([*frames, None, None, None, None, *frames]) == "44"
    down = rig.frames(rig.press("4", 400))[4:12]
    assert rig.hear([*down, None, None, None, *down]) == "44"
