"""A tape puts both sides on one time line: loss, hold, a stalled loop, a pause and another bridge move nothing."""

import numpy as np
import pytest

from softswitch.audio.frame import Frame
from softswitch.audio.stereo import Side
from softswitch.call.bridge import Bridge
from softswitch.call.tape import Strip, Tape
from softswitch.call.voices import OnHold


def frame(number: int, hz: int = 8000) -> Frame:
    """A frame whose samples say which it is."""
    return Frame(np.full(hz // 50, number, dtype="<i2").tobytes(), hz)


class Speaker:
    """Says its frames one after another; None is a packet that was lost."""

    def __init__(self, *said: Frame | None) -> None:
        self.said = list(said)

    def take(self) -> Frame | None:
        return self.said.pop(0) if self.said else None

    def give(self, frame: Frame) -> None:
        pass


def heard(strips: list[Strip]) -> tuple[list[int], list[int]]:
    """Return the number in each frame of both sides; every frame must be of one number."""
    sides: tuple[list[int], list[int]] = [], []
    for strip in strips:
        for side, pieces in zip(sides, (strip.left, strip.right), strict=True):
            for piece in pieces or [bytes(320)] * strip.frames:
                samples = np.frombuffer(piece, dtype="<i2")
                assert len(set(samples)) == 1
                side.append(int(samples[0]))
    return sides


class Taped:
    """A tape on a bridge that ticks."""

    def __init__(self, a: Speaker, b: Speaker) -> None:
        self.strips: list[Strip] = []
        self.tape = Tape(self.strips.append, now=10.0)
        self.bridge = Bridge(a, b)
        self.bridge.taps = (self.tape,)
        self.now = 10.003

    def tick(self, times: int = 1, seconds: float = 0.02) -> None:
        for _ in range(times):
            self.bridge.tick(self.now)
            self.now += seconds

    def end(self) -> tuple[list[int], list[int]]:
        self.tape.end(now=self.now)
        return heard(self.strips)


def test_what_is_lost_is_silence_in_its_place() -> None:
    taped = Taped(Speaker(frame(1), None, frame(3), frame(4)), Speaker(None, frame(12), None, frame(14)))
    taped.tick(4)
    assert taped.end() == ([1, 0, 3, 4], [0, 12, 0, 14])


@pytest.mark.parametrize("periods", [3, 4, 50, 300])
def test_a_stalled_loop_leaves_a_gap_as_long_as_it_was(periods: int) -> None:
    taped = Taped(Speaker(*map(frame, range(1, 200))), Speaker(*map(frame, range(1001, 1200))))
    taped.tick(60)
    taped.now += periods * 0.02
    taped.tick(60)
    left, right = taped.end()
    assert left == [*range(1, 61), *[0] * periods, *range(61, 121)]
    assert right == [*range(1001, 1061), *[0] * periods, *range(1061, 1121)]


def test_ticks_that_are_made_good_leave_no_gap() -> None:
    taped = Taped(Speaker(*map(frame, range(1, 200))), Speaker())
    taped.tick(10)
    taped.now += 0.055  # the clock serves the late period, and the two that were missed, at one moment
    taped.tick(2, seconds=0.0)
    taped.tick(1, seconds=0.005)
    taped.tick(60)
    assert taped.end()[0] == list(range(1, 74))


def test_a_frame_that_is_missing_for_good_is_made_up_within_two_seconds() -> None:
    taped = Taped(Speaker(*map(frame, range(1, 400))), Speaker())
    taped.tick(10)
    taped.now += 0.04  # two periods that nobody ever makes good: another bridge took over
    taped.tick(150)
    left = taped.end()[0]
    assert len(left) == 162
    assert [number for number in left if number] == list(range(1, 161))
    assert left[110:] == list(range(109, 161))


def test_a_clock_a_little_late_each_time_makes_no_gap() -> None:
    taped = Taped(Speaker(*map(frame, range(1, 1000))), Speaker())
    for number in range(900):
        taped.bridge.tick(10.0199 + number * 0.02 + (number % 7) * 0.004)
    taped.now = 10.0199 + 900 * 0.02
    assert taped.end()[0] == list(range(1, 901))


def test_more_ticks_than_time_do_not_stretch_it() -> None:
    taped = Taped(Speaker(*map(frame, range(1, 1000))), Speaker())
    taped.tick(500, seconds=0.001)
    assert len(taped.end()[0]) <= 0.5 / 0.02 + 4


def test_a_pause_is_silence_and_what_follows_keeps_its_place() -> None:
    taped = Taped(Speaker(*map(frame, range(1, 400))), Speaker(*map(frame, range(1001, 1400))))
    taped.tick(70)
    taped.tape.pause(now=taped.now)
    taped.tick(50)
    taped.tape.resume(now=taped.now)
    taped.tick(70)
    left, right = taped.end()
    assert left == [*range(1, 71), *[0] * 50, *range(121, 191)]
    assert right == [*range(1001, 1071), *[0] * 50, *range(1121, 1191)]
    assert taped.tape.paused_frames == 50


def test_a_party_on_hold_is_silent_and_the_other_one_is_not() -> None:
    music = Speaker(*map(frame, range(9001, 9100)))
    a, b = Speaker(*map(frame, range(1, 100))), Speaker(*map(frame, range(1001, 1100)))
    taped = Taped(a, b)
    taped.tick(10)
    taped.bridge.a = OnHold(a, music, by_us=True)
    taped.tick(10)
    taped.bridge.a = a
    taped.tick(10)
    left, right = taped.end()
    assert left == [*range(1, 11), *[0] * 10, *range(21, 31)]
    assert right == list(range(1001, 1031))


def test_nobody_on_the_bridge_is_silence_to_the_end() -> None:
    taped = Taped(Speaker(*map(frame, range(1, 100))), Speaker())
    taped.tick(10)
    taped.now += 4.0
    assert taped.end()[0] == [*range(1, 11), *[0] * 200]


def test_sides_of_other_rates_keep_their_place_to_the_sample() -> None:
    """A click at a known sample of a wideband side is where it was, and a change of rate moves nothing."""
    side = Side(8000)
    wide = np.zeros(16000, dtype="<i2")
    wide[[4000, 12000]] = 20000
    side.feed(wide[:8000].tobytes(), 16000, 25)
    side.feed(wide[8000:].tobytes(), 16000, 25)
    narrow = np.zeros(4000, dtype="<i2")
    narrow[1000] = 20000
    side.feed(narrow.tobytes(), 8000, 25)
    side.settle()
    samples = np.abs(np.frombuffer(bytes(side.ready), dtype="<i2").astype(int))
    assert len(samples) == 12000
    assert [int(at) for at in np.flatnonzero(samples > 5000)] == [2000, 6000, 9000]


def test_a_frame_of_the_wrong_length_does_not_move_the_rest() -> None:
    side = Side(8000)
    side.feed(b"\1\0" * 150 + b"\2\0" * 160, 8000, 2)
    side.feed(b"\3\0" * 170, 8000, 1)
    assert len(side.ready) == 3 * 320
